package io.streamhouse.broker.storage.s3;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/// Which bucket, how to reach it, and how long to wait for it.
///
/// @param prefix what every key begins with, without slashes at its ends; perhaps empty
/// @param endpoint of a store that is not AWS; it decides between HTTP and HTTPS
/// @param region empty: as the SDK finds it in environment, profile or machine
/// @param pathStyle the bucket is named in the path and not in the host
public record S3Settings(
    String bucket,
    String prefix,
    Optional<URI> endpoint,
    Optional<String> region,
    boolean pathStyle,
    Patience patience,
    Parts parts) {

  /// When and how objects are cut.
  ///
  /// @param threshold from so many bytes on an object goes in parts
  /// @param bytes of a part; what is sent again when a connection breaks
  public record Parts(long threshold, long bytes) {

    /// Objects of flushes stay below the threshold, since they are smaller by default and one
    /// request is cheaper than five; merged ones are above. S3's least part is 5 MiB.
    public static final Parts DEFAULT = new Parts(64L << 20, 16L << 20);

    public Parts {
      if (threshold < 1 || bytes < 1) {
        throw new IllegalArgumentException(threshold + " and " + bytes + " bytes");
      }
    }
  }

  /// @param request the longest one attempt may take, however little it moves
  /// @param mebibyte what each MiB it moves adds to that: 1 s is a line of 8 Mbit/s
  /// @param attempts of one call, all together
  /// @param firstPause before the second attempt at most, doubled before each further one
  /// @param longestPause no pause is longer
  /// @param connect the longest a connection, credentials or a region may take to be found
  public record Patience(
      Duration request,
      Duration mebibyte,
      int attempts,
      Duration firstPause,
      Duration longestPause,
      Duration connect) {

    /// Four attempts ride out a second of throttling and a server that is replaced; whoever calls
    /// comes again anyway when an outage is longer.
    public static final Patience DEFAULT =
        new Patience(
            Duration.ofSeconds(10),
            Duration.ofSeconds(1),
            4,
            Duration.ofMillis(200),
            Duration.ofSeconds(5),
            Duration.ofSeconds(10));

    public Patience {
      if (attempts < 1) {
        throw new IllegalArgumentException(attempts + " attempts");
      }
    }

    /// How long one attempt may take that moves so many bytes.
    Duration forBytes(long bytes) {
      return request.plusMillis((bytes * mebibyte.toMillis()) >> 20);
    }
  }

  /// The bucket and prefix as people write them.
  public String url() {
    return "s3://" + bucket + (prefix.isEmpty() ? "" : "/" + prefix);
  }

  /// How an object is called in the bucket.
  String nameOf(String key) {
    return prefix.isEmpty() ? key : prefix + "/" + key;
  }
}
