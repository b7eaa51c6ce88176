package io.streamhouse.broker.wal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/// Files in memory that forget, at a crash, whatever was not synced: each unsynced sector of 512
/// bytes survives or not by chance, so groups are torn anywhere, in any order.
public final class SimulatedWalFiles implements WalFiles {

  private static final int SECTOR = 512;

  private final RandomGenerator random;
  private final TreeMap<Long, Content> files = new TreeMap<>();
  private final TreeMap<Long, Content> spares = new TreeMap<>();
  private boolean failWrites;
  private boolean failSyncs;
  private long usableBytes = Long.MAX_VALUE;
  private int syncs;
  private Runnable duringSync = () -> {};
  private Runnable duringRetire = () -> {};

  public SimulatedWalFiles(RandomGenerator random) {
    this.random = random;
  }

  private static final class Content {
    byte[] durable;
    byte[] visible;
    long generation;

    Content(int bytes) {
      durable = new byte[bytes];
      visible = new byte[bytes];
    }
  }

  /// The machine lost power: unsynced sectors are lost by chance.
  public void losePower() {
    for (var file : files.values()) {
      for (int at = 0; at < file.visible.length; at += SECTOR) {
        if (random.nextBoolean()) {
          int end = Math.min(at + SECTOR, file.visible.length);
          System.arraycopy(file.visible, at, file.durable, at, end - at);
        }
      }
      file.visible = file.durable.clone();
      file.generation++;
    }
  }

  /// The process died: the operating system still has every write.
  public void killProcess() {
    files.values().forEach(file -> file.generation++);
  }

  public void failWrites(boolean fail) {
    failWrites = fail;
  }

  public void failSyncs(boolean fail) {
    failSyncs = fail;
  }

  /// How often any file was synced.
  public int syncs() {
    return syncs;
  }

  /// What happens while the next sync goes on.
  public void duringNextSync(Runnable happens) {
    duringSync = happens;
  }

  /// What happens while the next file is retired.
  public void duringNextRetire(Runnable happens) {
    duringRetire = happens;
  }

  public void usableBytes(long bytes) {
    usableBytes = bytes;
  }

  /// Flips one bit, as a bad disk would.
  public void damage(long sequence, int position) {
    content(sequence).visible[position] ^= (byte) 1;
    content(sequence).durable[position] ^= (byte) 1;
  }

  @Override
  public List<Long> sequences() {
    return List.copyOf(files.keySet());
  }

  @Override
  public FileContent read(long sequence) {
    var bytes = ByteBuffer.wrap(content(sequence).visible.clone());
    return new FileContent() {
      @Override
      public ByteBuffer bytes() {
        return bytes;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public PartReader parts(long sequence) throws IOException {
    var content = files.get(sequence);
    if (content == null) {
      throw new NoSuchFileException(name(sequence));
    }
    return new PartReader() {
      @Override
      public ByteBuffer read(long position, int length) {
        int from = (int) Math.min(position, content.visible.length);
        int to = Math.min(from + length, content.visible.length);
        return ByteBuffer.wrap(Arrays.copyOfRange(content.visible, from, to));
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public String name(long sequence) {
    return "simulated-" + sequence;
  }

  @Override
  public WalFile create(long sequence, long bytes) {
    files.put(sequence, new Content((int) bytes));
    return open(sequence);
  }

  @Override
  public void spare(long sequence, long bytes) {
    spares.put(sequence, new Content((int) bytes));
  }

  /// Sequences of the files kept to be recycled.
  List<Long> spares() {
    return List.copyOf(spares.keySet());
  }

  @Override
  public void retire(long sequence) {
    var happens = duringRetire;
    duringRetire = () -> {};
    happens.run();
    spares.put(sequence, content(sequence));
    files.remove(sequence);
  }

  @Override
  public void discard(long sequence) {
    spares.remove(sequence);
  }

  @Override
  public WalFile recycle(long from, long to) {
    files.put(to, Objects.requireNonNull(spares.remove(from)));
    return open(to);
  }

  @Override
  public WalFile open(long sequence) {
    var content = content(sequence);
    return new SimulatedFile(content, content.generation);
  }

  @Override
  public void delete(long sequence) {
    files.remove(sequence);
  }

  @Override
  public long usableBytes() {
    return usableBytes;
  }

  private Content content(long sequence) {
    var content = files.get(sequence);
    if (content == null) {
      throw new NoSuchElementException("file " + sequence);
    }
    return content;
  }

  private final class SimulatedFile implements WalFile {

    private final Content content;
    private final long generation;

    SimulatedFile(Content content, long generation) {
      this.content = content;
      this.generation = generation;
    }

    @Override
    public long sizeInBytes() {
      return content.visible.length;
    }

    @Override
    public void write(long position, ByteBuffer... buffers) throws IOException {
      alive();
      int at = (int) position;
      for (var buffer : new ArrayList<>(List.of(buffers))) {
        int length = buffer.remaining();
        if (at + length > content.visible.length) {
          throw new IOException("write beyond the file");
        }
        if (failWrites) {
          int written = random.nextInt(length + 1);
          buffer.get(content.visible, at, written);
          throw new IOException("simulated write error");
        }
        buffer.get(content.visible, at, length);
        at += length;
      }
    }

    @Override
    public void sync() throws IOException {
      alive();
      if (failSyncs) {
        throw new IOException("simulated sync error");
      }
      syncs++;
      var durable = content.visible.clone();
      var happens = duringSync;
      duringSync = () -> {};
      happens.run();
      content.durable = durable;
    }

    @Override
    public void close() {}

    private void alive() throws IOException {
      if (content.generation != generation) {
        throw new IOException("written by a process that died");
      }
    }
  }
}
