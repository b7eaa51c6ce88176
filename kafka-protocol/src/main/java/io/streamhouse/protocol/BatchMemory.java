package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.IllegalReferenceCountException;
import io.netty.util.ReferenceCounted;
import io.netty.util.internal.OutOfDirectMemoryError;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.LongAdder;

/// Memory for record batches that were read from somewhere, outside the heap: files are read into
/// it and sockets written from it without a copy in between, and it is free again when the last
/// reference goes, whatever the garbage collector does meanwhile.
///
/// Who allocates it has the first reference, fills it, and hands out [#batches]. References are
/// counted as for [RecordBatches]; thread-safe but for the bytes themselves, which do not change
/// once anybody else can see them.
public final class BatchMemory {

  private static final int PAGE_BYTES = 8192;

  /// Chunks of 4 MiB: four blocks of segments.
  private static final int MAX_ORDER = 9;

  /// One arena and no caches of threads: those who allocate are short-lived virtual threads, and
  /// what they allocate takes far longer to read.
  private static final PooledByteBufAllocator POOL =
      new PooledByteBufAllocator(true, 0, 1, PAGE_BYTES, MAX_ORDER, 0, 0, false);

  private static final LongAdder IN_USE = new LongAdder();

  private final ByteBuf memory;
  private final Counted references = new Counted();

  private final class Counted extends AbstractReferenceCounted {

    @Override
    protected void deallocate() {
      IN_USE.add(-memory.capacity());
      memory.release();
    }

    @Override
    public ReferenceCounted touch(Object hint) {
      return this;
    }
  }

  private BatchMemory(ByteBuf memory) {
    this.memory = memory;
    IN_USE.add(memory.capacity());
  }

  /// So many bytes of any content.
  ///
  /// @throws IOException if more than half of the JVM's memory outside the heap would be taken so:
  ///   the rest is for requests, answers and the log, which cannot do without
  public static BatchMemory allocate(int bytes) throws IOException {
    return allocate(bytes, limit() / 2);
  }

  static BatchMemory allocate(int bytes, long most) throws IOException {
    if (inUse() + bytes > most) {
      throw new IOException(
          "no memory for %d bytes of a segment: readers hold %d".formatted(bytes, inUse()));
    }
    try {
      return new BatchMemory(POOL.directBuffer(bytes, bytes));
    } catch (OutOfDirectMemoryError none) {
      // Chunks are whole, so that it can come to this before the sum of what is in use does.
      throw new IOException("no memory for " + bytes + " bytes of a segment", none);
    }
  }

  /// Bytes of all memory that is referred to now.
  public static long inUse() {
    return IN_USE.sum();
  }

  /// Bytes outside the heap that this process may have, for this and everything else.
  public static long limit() {
    return PlatformDependent.maxDirectMemory();
  }

  /// All of the bytes, to be filled, from position 0; shares memory and no reference.
  public ByteBuffer bytes() {
    return memory.nioBuffer(0, memory.capacity());
  }

  public int sizeInBytes() {
    return memory.capacity();
  }

  /// All of the bytes as batches, which have this as their owner; no new reference.
  public RecordBatches batches() {
    return new RecordBatches(bytes(), references);
  }

  public void retain() {
    var _ = references.retain();
  }

  /// Takes a reference, unless the last one is gone: for those who found it where it may be
  /// released at any moment.
  public boolean tryRetain() {
    try {
      retain();
      return true;
    } catch (IllegalReferenceCountException gone) {
      return false;
    }
  }

  public void release() {
    var _ = references.release();
  }
}
