package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class BatchMemoryTest {

  @Test
  void memoryIsFreeWhenTheLastReferenceGoes() throws Exception {
    long before = BatchMemory.inUse();
    var memory = BatchMemory.allocate(1000);
    var batches = memory.batches().retain();

    memory.release();
    assertThat(BatchMemory.inUse()).isEqualTo(before + 1000);
    assertThat(memory.tryRetain()).isTrue();
    memory.release();
    batches.release();

    assertThat(BatchMemory.inUse()).isEqualTo(before);
    assertThat(memory.tryRetain()).isFalse();
  }

  @Test
  void batchesShowWhatWasWrittenBeforeAndAfter() throws Exception {
    var memory = BatchMemory.allocate(4);
    memory.bytes().putInt(42);

    var batches = memory.batches();

    assertThat(batches.bytes().getInt()).isEqualTo(42);
    assertThat(batches.sizeInBytes()).isEqualTo(4);
    batches.release();
  }

  @Test
  void restOfTheMemoryIsLeftToOthers() throws Exception {
    long before = BatchMemory.inUse();
    var last = BatchMemory.allocate(10, before + 10);

    assertThatThrownBy(() -> BatchMemory.allocate(1, before + 10))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no memory for 1 bytes");
    assertThat(BatchMemory.inUse()).isEqualTo(before + 10);
    last.release();
  }
}
