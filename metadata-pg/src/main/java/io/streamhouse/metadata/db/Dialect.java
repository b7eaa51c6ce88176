package io.streamhouse.metadata.db;

import io.streamhouse.metadata.PartitionId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.ResultQuery;
import org.jooq.SQLDialect;
import org.jooq.SelectForUpdateStep;
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
    <R extends Record> ResultQuery<R> locked(SelectForUpdateStep<R> select, Table<?> table) {
      return select;
    }

    @Override
    <R extends Record> ResultQuery<R> shared(SelectForUpdateStep<R> select) {
      return select;
    }

    @Override
    <R extends Record> ResultQuery<R> sharedNow(SelectForUpdateStep<R> select) {
      return select;
    }

    @Override
    String stored(String text) {
      return text;
    }

    @Override
    String loaded(String text) {
      return text;
    }

    // One process: whoever changes the catalogue is the only one to be told.
    @Override
    void notifyOfChange(DSLContext tx) {}
  },

  POSTGRES(SQLDialect.POSTGRES, "postgresql") {
    @Override
    Table<?> keys(Collection<PartitionId> partitions) {
      var topics = partitions.stream().map(PartitionId::topicId).toArray(UUID[]::new);
      var numbers = partitions.stream().map(PartitionId::partition).toArray(Integer[]::new);
      return DSL.table("unnest({0}, {1})", DSL.val(topics), DSL.val(numbers))
          .as(KEYS, "topic_id", "partition");
    }

    @Override
    <R extends Record> ResultQuery<R> locked(SelectForUpdateStep<R> select, Table<?> table) {
      return select.forUpdate().of(table);
    }

    @Override
    <R extends Record> ResultQuery<R> shared(SelectForUpdateStep<R> select) {
      return select.forShare();
    }

    @Override
    <R extends Record> ResultQuery<R> sharedNow(SelectForUpdateStep<R> select) {
      return select.forShare().skipLocked();
    }

    // Its text cannot hold the character 0, which clients may well send. Two characters stand for
    // it, the first of them doubled where it stands for itself.
    @Override
    String stored(String text) {
      return text.indexOf(0) < 0 && text.indexOf(ESCAPE) < 0
          ? text
          : text.replace("\u001a", "\u001a\u001a").replace("\0", "\u001a0");
    }

    @Override
    String loaded(String text) {
      if (text.indexOf(ESCAPE) < 0) {
        return text;
      }
      var loaded = new StringBuilder(text.length());
      for (var i = 0; i < text.length(); i++) {
        var character = text.charAt(i);
        if (character == ESCAPE) {
          i++;
          loaded.append(text.charAt(i) == '0' ? '\0' : ESCAPE);
        } else {
          loaded.append(character);
        }
      }
      return loaded.toString();
    }

    @Override
    void notifyOfChange(DSLContext tx) {
      tx.execute("notify " + CHANGES);
    }
  };

  /// The channel on which PostgreSQL tells of changes of the catalogue.
  static final String CHANGES = "streamhouse_changes";

  private static final String KEYS = "keys";
  private static final char ESCAPE = '\u001a';

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

  /// The dialect of a transaction.
  static Dialect of(DSLContext tx) {
    return tx.family() == SQLDialect.POSTGRES ? POSTGRES : SQLITE;
  }

  /// The select, holding the rows of `table` it finds until the transaction ends. What the select
  /// says about other tables is as of before it waited: it must be asked again.
  abstract <R extends Record> ResultQuery<R> locked(SelectForUpdateStep<R> select, Table<?> table);

  /// The select, keeping the rows it finds as they are until the transaction ends; several
  /// transactions may.
  abstract <R extends Record> ResultQuery<R> shared(SelectForUpdateStep<R> select);

  /// As [#shared], but leaves out rows that another transaction is changing, and so never waits.
  abstract <R extends Record> ResultQuery<R> sharedNow(SelectForUpdateStep<R> select);

  /// Text from a client, which may hold any character, as the database can keep it.
  abstract String stored(String text);

  /// What was [#stored].
  abstract String loaded(String text);

  /// Tells every agent, once the transaction is committed.
  abstract void notifyOfChange(DSLContext tx);

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
