package io.streamhouse.protocol;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;
import org.jspecify.annotations.Nullable;

/// Fills Kafka's message classes with values that are not their defaults.
///
/// Every field that exists in the version asked for gets one, every collection two elements; fields
/// of other versions keep their default, since some of them cannot be written otherwise.
final class Samples {

  private final short version;
  private int next = 1;

  private Samples(int version) {
    this.version = (short) version;
  }

  /// Fills `message` in place.
  static <M extends Message> M fill(M message, int version) {
    try {
      new Samples(version).fillFields(message);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(message.getClass() + " version " + version, e);
    }
    return message;
  }

  private void fillFields(Message message) throws ReflectiveOperationException {
    Schema schema = schemaOf(message.getClass());
    if (schema == null) {
      return;
    }
    for (var field : message.getClass().getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) || field.getName().startsWith("_")) {
        continue;
      }
      if (field.getType() == int.class
          && (field.getName().equals("next") || field.getName().equals("prev"))
          && message instanceof ImplicitLinkedHashCollection.Element) {
        continue;
      }
      if (has(schema, snake(field.getName()))) {
        field.setAccessible(true);
        field.set(message, sample(field));
      }
    }
  }

  /// The schema of this version, null if the class does not exist in it.
  private @Nullable Schema schemaOf(Class<?> type) throws ReflectiveOperationException {
    var schemas = (Schema[]) type.getField("SCHEMAS").get(null);
    return version < schemas.length ? schemas[version] : null;
  }

  private static boolean has(Schema schema, String name) {
    for (var field : schema.fields()) {
      if (field.def.name.equals(name)) {
        return true;
      }
      Type type = field.def.type;
      if (type instanceof TaggedFields tagged
          && tagged.fields().values().stream().anyMatch(tag -> tag.name.equals(name))) {
        return true;
      }
    }
    return false;
  }

  private Object sample(Field field) throws ReflectiveOperationException {
    Class<?> type = field.getType();
    if (List.class.isAssignableFrom(type)) {
      var element = ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
      // Arrays of bytes appear as `List<byte[]>`.
      var list = new ArrayList<>();
      list.add(sample((Class<?>) element));
      list.add(sample((Class<?>) element));
      return list;
    }
    if (ImplicitLinkedHashCollection.class.isAssignableFrom(type)) {
      @SuppressWarnings("unchecked") // holds what its own type parameter says
      var collection =
          (ImplicitLinkedHashCollection<ImplicitLinkedHashCollection.Element>)
              type.getConstructor().newInstance();
      var element =
          (Class<?>) ((ParameterizedType) type.getGenericSuperclass()).getActualTypeArguments()[0];
      collection.add((ImplicitLinkedHashCollection.Element) sample(element));
      collection.add((ImplicitLinkedHashCollection.Element) sample(element));
      return collection;
    }
    return sample(type);
  }

  private Object sample(Class<?> type) throws ReflectiveOperationException {
    int n = next++;
    if (type == boolean.class || type == Boolean.class) {
      return true;
    } else if (type == byte.class || type == Byte.class) {
      return (byte) (n % 100 + 1);
    } else if (type == short.class || type == Short.class) {
      return (short) (n + 1);
    } else if (type == int.class || type == Integer.class) {
      // Some are unsigned 16-bit ports.
      return n + 10_000;
    } else if (type == long.class || type == Long.class) {
      return n + (1L << 40);
    } else if (type == double.class || type == Double.class) {
      return n + 0.5;
    } else if (type == String.class) {
      return "s" + n + "ü";
    } else if (type == byte[].class) {
      return new byte[] {(byte) n, 1, 2};
    } else if (type == ByteBuffer.class) {
      return ByteBuffer.wrap(new byte[] {(byte) n, 3, 4});
    } else if (type == Uuid.class) {
      return new Uuid(n, 7);
    } else if (BaseRecords.class.isAssignableFrom(type)) {
      return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {(byte) n, 5, 6}));
    } else if (Message.class.isAssignableFrom(type)) {
      var message = (Message) type.getConstructor().newInstance();
      fillFields(message);
      return message;
    }
    throw new AssertionError("no sample of " + type);
  }

  /// As Kafka's generator names schema fields.
  private static String snake(String camel) {
    var name = new StringBuilder();
    for (int i = 0; i < camel.length(); i++) {
      char letter = camel.charAt(i);
      if (Character.isUpperCase(letter)) {
        name.append('_').append(Character.toLowerCase(letter));
      } else {
        name.append(letter);
      }
    }
    return name.toString();
  }

  /// The message's bytes in a version.
  static byte[] bytes(Message message, int version) {
    var cache = new ObjectSerializationCache();
    var buffer = ByteBuffer.allocate(message.size(cache, (short) version));
    message.write(
        new org.apache.kafka.common.protocol.ByteBufferAccessor(buffer), cache, (short) version);
    return buffer.array();
  }
}
