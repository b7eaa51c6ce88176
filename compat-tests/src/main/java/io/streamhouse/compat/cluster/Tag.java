package io.streamhouse.compat.cluster;

/// Which record it is: its producer, the partition it was sent to, and its number there among the
/// records of that producer. It is the record's value, and in histories a long.
record Tag(int producer, int partition, int sequence) {

  private static final int SHORT = 1 << 15;

  Tag {
    if (producer < 0 || producer >= SHORT || partition < 0 || partition >= SHORT || sequence < 0) {
      throw new IllegalArgumentException(producer + ":" + partition + ":" + sequence);
    }
  }

  long packed() {
    return (long) producer << 48 | (long) partition << 32 | sequence;
  }

  static Tag of(long packed) {
    return new Tag((int) (packed >>> 48), (int) (packed >>> 32) & 0xffff, (int) packed);
  }

  static Tag parse(String value) {
    int first = value.indexOf(':');
    int second = value.indexOf(':', first + 1);
    return new Tag(
        Integer.parseInt(value, 0, first, 10),
        Integer.parseInt(value, first + 1, second, 10),
        Integer.parseInt(value, second + 1, value.length(), 10));
  }

  @Override
  public String toString() {
    return producer + ":" + partition + ":" + sequence;
  }
}
