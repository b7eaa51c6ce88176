package io.streamhouse.metadata.db;

import io.streamhouse.metadata.PartitionId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.ResultQuery;
import org.jooq.SQLDialect;
import org.jooq.Select;
import org.jooq.Table;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;

/// Everything in which the databases differ; no other class asks which one it talks to.
enum Dialect {
  SQLITE(SQLDialect.SQLITE, "sqlite") {
    @Override
    Table<?> keys(Collection<PartitionId> partitions) {
      var json = new StringBuilder(partitions.size() * 48 + 2).append('[');
      for (var partition : partitions) {
        json.append(json.length() == 1 ? "" : ",")
            .append("[\"")
            .append(partition.topicId())
            .append("\",")
            .append(partition.partition())
            .append(']');
      }
      json.append(']');
      return DSL.table(
              "(select json_extract(value, '$[0]') as topic_id,"
                  + " json_extract(value, '$[1]') as partition from json_each({0}))",
              DSL.val(json.toString()))
          .as(KEYS);
    }

    // Every transaction that writes begins as the only writer, so rows need no locks; and SQLite
    // has no syntax for them.
    @Override
    <R extends Record> ResultQuery<R> locked(Select<R> select) {
      return select;
    }
  };

  private static final String KEYS = "keys";

  final SQLDialect jooq;
  private final String name;

  Dialect(SQLDialect jooq, String name) {
    this.jooq = jooq;
    this.name = name;
  }

  /// A table of partitions to join with, with the columns [#keyTopic] and [#keyPartition].
  abstract Table<?> keys(Collection<PartitionId> partitions);

  static Field<UUID> keyTopic() {
    return DSL.field(DSL.name(KEYS, "topic_id"), SQLDataType.UUID);
  }

  static Field<Integer> keyPartition() {
    return DSL.field(DSL.name(KEYS, "partition"), SQLDataType.INTEGER);
  }

  /// The select, holding the rows it finds until the transaction ends.
  abstract <R extends Record> ResultQuery<R> locked(Select<R> select);

  /// What the migrations call differently.
  Map<String, String> placeholders() {
    var file = "/db/dialect/" + name + ".properties";
    var properties = new Properties();
    try (var in = Dialect.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is not on the class path");
      }
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    var placeholders = new HashMap<String, String>();
    for (var key : properties.stringPropertyNames()) {
      placeholders.put(key, properties.getProperty(key));
    }
    return placeholders;
  }
}
