package io.streamhouse.broker.storage.s3;

import io.streamhouse.broker.runtime.TimeSource;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Random;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;

/// An S3 server in this process, its objects in memory, with one empty bucket.
public final class S3Server implements AutoCloseable {

  public static final String BUCKET = "streamhouse-test";
  public static final String ACCESS_KEY = "test-access-key";
  public static final String SECRET_KEY = "test-secret-key";

  /// Pauses too short to notice; time-outs that only a broken connection reaches.
  public static final S3Settings.Patience IMPATIENT =
      new S3Settings.Patience(
          Duration.ofSeconds(5),
          Duration.ofSeconds(1),
          4,
          Duration.ofMillis(1),
          Duration.ofMillis(4),
          Duration.ofSeconds(5));

  /// The least S3 takes.
  public static final S3Settings.Parts SMALL = new S3Settings.Parts(11 << 20, 5 << 20);

  private final S3Proxy proxy;

  private S3Server(S3Proxy proxy) {
    this.proxy = proxy;
  }

  /// Starts one, and puts its credentials where the SDK's default chain looks first.
  public static S3Server start() throws Exception {
    System.setProperty("aws.accessKeyId", ACCESS_KEY);
    System.setProperty("aws.secretAccessKey", SECRET_KEY);
    var blobs = BlobStores.create("transient-nio2", new Properties());
    blobs.createContainer(BUCKET);
    var proxy =
        S3Proxy.builder()
            .blobStore(blobs)
            .endpoint(URI.create("http://127.0.0.1:0"))
            .awsAuthentication(AuthenticationType.AWS_V2_OR_V4, ACCESS_KEY, SECRET_KEY)
            .build();
    proxy.start();
    return new S3Server(proxy);
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + proxy.getPort());
  }

  /// A store below `prefix`, impatient enough for tests.
  public S3Store open(String prefix) throws IOException {
    return S3Store.open(settings(prefix, endpoint()), TimeSource.system(), new Random());
  }

  /// As [#open], perhaps through a proxy.
  public static S3Settings settings(String prefix, URI endpoint) {
    return new S3Settings(
        BUCKET, prefix, Optional.of(endpoint), Optional.empty(), true, IMPATIENT, SMALL);
  }

  /// What an agent is told to keep its objects here.
  public Map<String, String> settings() {
    return Map.of(
        "streamhouse.object.store",
        "s3://" + BUCKET + "/cluster",
        "streamhouse.s3.endpoint",
        endpoint().toString());
  }

  @Override
  public void close() {
    try {
      proxy.stop();
    } catch (Exception failure) {
      throw new IllegalStateException("the S3 server does not stop", failure);
    }
  }
}
