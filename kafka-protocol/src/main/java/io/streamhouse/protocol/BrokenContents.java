package io.streamhouse.protocol;

/// The records inside a batch are not what its header says, or more than anyone may decompress: the
/// fault of who wrote the batch.
public sealed class BrokenContents extends RuntimeException permits BatchContents.ContentsTooLarge {

  BrokenContents(String reason) {
    super(reason);
  }

  BrokenContents(String reason, Throwable cause) {
    super(reason, cause);
  }
}
