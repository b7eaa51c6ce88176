package io.streamhouse.broker.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/// Rows of text in columns as wide as they must be, under a line that names them.
final class Table {

  private final List<List<String>> rows = new ArrayList<>();

  Table(String... columns) {
    rows.add(List.of(columns));
  }

  /// @param cells one for each column
  void row(String... cells) {
    if (cells.length != rows.getFirst().size()) {
      throw new IllegalArgumentException(List.of(cells) + " under " + rows.getFirst());
    }
    rows.add(List.of(cells));
  }

  void print(PrintWriter out, String indent) {
    int columns = rows.getFirst().size();
    var widths = new int[columns];
    for (var row : rows) {
      for (int column = 0; column < columns; column++) {
        widths[column] = Math.max(widths[column], row.get(column).length());
      }
    }
    for (var row : rows) {
      var line = new StringBuilder(indent);
      for (int column = 0; column < columns; column++) {
        var cell = row.get(column);
        line.append(cell);
        if (column + 1 < columns) {
          line.repeat(' ', widths[column] - cell.length() + 2);
        }
      }
      out.println(line);
    }
  }
}
