package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.storage.ObjectStore.PutResult;
import io.streamhouse.broker.storage.s3.S3Operation;
import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.broker.storage.s3.S3Store;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What every store does, against a server that speaks S3.
@Timeout(120)
class S3StoreTest extends ObjectStoreContract {

  private static S3Server server;
  private static int opened;

  @BeforeAll
  static void start() throws Exception {
    server = S3Server.start();
  }

  @AfterAll
  static void stop() throws Exception {
    server.close();
  }

  @Override
  S3Store open() throws Exception {
    return server.open("cluster-" + opened++);
  }

  @Test
  void objectsBelowAnotherPrefixAreNotSeen() throws Exception {
    try (var other = open()) {
      other.putNew("k", List.of(bytes("other")), Map.of());

      assertThat(store.head("k")).isEmpty();
      assertThat(store.list("", "", 10)).isEmpty();
      store.delete(List.of("k"));
      assertThat(other.head("k")).isPresent();
    }
  }

  @Test
  void moreKeysThanOneAnswerHoldsAreListedAndDeleted() throws Exception {
    var keys = new ArrayList<String>();
    for (int i = 0; i < 1_050; i++) {
      keys.add("k/%05d".formatted(i));
      store.putNew(keys.getLast(), List.of(), Map.of());
    }

    assertThat(store.list("k/", "", 2_000)).isEqualTo(keys);
    assertThat(store.list("k/", "", 1_020)).isEqualTo(keys.subList(0, 1_020));
    assertThat(store.delete(keys).values())
        .allMatch(result -> result.equals(new ObjectStore.DeleteResult.Gone()));
    assertThat(store.list("", "", 10)).isEmpty();
  }

  @Test
  void largeObjectGoesInPartsAndIsWhole() throws Exception {
    var content = large(13 << 20);

    var put = store.putNew("k", content, Map.of("topics", "orders"));

    assertThat(put).isEqualTo(new PutResult.Created(ObjectInfo.of(content)));
    var counters = ((S3Store) store).counters();
    assertThat(counters.attempts(S3Operation.PUT_PART)).isEqualTo(3);
    assertThat(counters.attempts(S3Operation.PUT)).isZero();
    assertThat(counters.attempts(S3Operation.ABORT_UPLOAD)).isZero();
    assertThat(store.head("k")).contains(ObjectInfo.of(content));
    var crc = new CRC32C();
    for (long position = 0; position < 13 << 20; position += 3 << 20) {
      crc.update(store.get("k", position, 3 << 20));
    }
    assertThat((int) crc.getValue()).isEqualTo(ObjectInfo.of(content).crc32c());
    assertThat(store.putNew("k", large(12 << 20), Map.of()))
        .isEqualTo(new PutResult.AlreadyExists(ObjectInfo.of(content)));
  }

  /// Of buffers of many sizes.
  static List<ByteBuffer> large(int bytes) {
    var random = new Random(bytes);
    var content = new ArrayList<ByteBuffer>();
    for (int left = bytes; left > 0; ) {
      var buffer =
          new byte[Math.min(left, 1 + random.nextInt(random.nextBoolean() ? 300 : 3 << 20))];
      random.nextBytes(buffer);
      content.add(ByteBuffer.wrap(buffer));
      left -= buffer.length;
    }
    return content;
  }
}
