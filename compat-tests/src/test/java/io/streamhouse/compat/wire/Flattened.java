package io.streamhouse.compat.wire;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;

/// A response as a map from a field's path to its value, read by schema, with what must differ
/// between two servers replaced: ids, ports, epochs, the wording of messages.
///
/// Elements of arrays are named by what identifies them (`topics[t].partitions[0].error_code`), so
/// their order does not count where Kafka does not promise one.
final class Flattened {

  private static final List<String> IDENTITIES =
      List.of(
          "name",
          "topic",
          "topic_name",
          "group_id",
          "key",
          "resource_name",
          "api_key",
          "partition_index",
          "partition_id",
          "partition",
          "index",
          "node_id",
          "broker_id",
          "config_name");

  /// Fields whose presence counts but not their value.
  private static final Pattern ANY =
      Pattern.compile(
          ".*(throttle_time_ms|cluster_id|\\bhost|\\bport|session_id|member_id|producer_id|"
              + "leader_epoch|end_offset\\.epoch|\\blog_dir|partition_size|total_bytes|"
              + "usable_bytes|__cluster_metadata\\].*high_watermark|log_end_offset|"
              + "last_fetch_timestamp|last_caught_up_timestamp)");

  private static final Pattern TEXT = Pattern.compile(".*(error_message|\\bmessage)");

  private final Map<String, String> fields = new TreeMap<>();

  private Flattened() {}

  static Map<String, String> of(ApiKeys api, short version, ByteBuffer body) {
    var flattened = new Flattened();
    var schema = api.messageType.responseSchemas()[version];
    flattened.struct("", schema.read(body));
    if (body.hasRemaining()) {
      flattened.fields.put("bytes left over", Integer.toString(body.remaining()));
    }
    return flattened.fields;
  }

  private void struct(String path, Struct struct) {
    for (BoundField field : struct.schema().fields()) {
      value(path.isEmpty() ? field.def.name : path + "." + field.def.name, struct.get(field));
    }
  }

  private void value(String path, @Nullable Object value) {
    switch (value) {
      case null -> fields.put(path, "null");
      case Struct struct -> struct(path, struct);
      case Object[] array -> array(path, array);
      case Map<?, ?> tagged -> tagged.forEach((tag, each) -> value(path + "#" + tag, each));
      case MemoryRecords records -> records(path, records);
      case Uuid id -> fields.put(path, id.equals(Uuid.ZERO_UUID) ? "zero" : "an id");
      case ByteBuffer bytes -> fields.put(path, bytes.remaining() + " bytes");
      case Number number when ANY.matcher(path).matches() ->
          fields.put(path, number.longValue() < 0 ? number.toString() : "some");
      case String _ when ANY.matcher(path).matches() -> fields.put(path, "some");
      case String text when TEXT.matcher(path).matches() ->
          fields.put(path, text.isEmpty() ? "empty" : "a message");
      default -> fields.put(path, value.toString());
    }
  }

  private void array(String path, @Nullable Object[] array) {
    fields.put(path + ".size", Integer.toString(array.length));
    for (int i = 0; i < array.length; i++) {
      value(path + "[" + identity(array[i], i) + "]", array[i]);
    }
  }

  private static String identity(@Nullable Object element, int position) {
    if (element instanceof Struct struct) {
      for (String name : IDENTITIES) {
        if (struct.hasField(name) && struct.get(name) != null) {
          return struct.get(name).toString();
        }
      }
    }
    return Integer.toString(position);
  }

  private void records(String path, MemoryRecords records) {
    int batch = 0;
    for (var each : records.batches()) {
      var text = new StringBuilder();
      text.append("codec ").append(each.compressionType());
      text.append(", offsets ").append(each.baseOffset()).append("..").append(each.lastOffset());
      text.append(", ").append(each.timestampType());
      text.append(each.isValid() ? "" : ", INVALID");
      for (var record : each) {
        text.append("; ").append(record.offset()).append(' ').append(record.valueSize());
      }
      fields.put(path + "[" + batch++ + "]", text.toString());
    }
    fields.put(path + ".batches", Integer.toString(batch));
  }
}
