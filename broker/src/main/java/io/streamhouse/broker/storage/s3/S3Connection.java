package io.streamhouse.broker.storage.s3;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.client.config.SdkAdvancedAsyncClientOption;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.SdkEventLoopGroup;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.regions.providers.DefaultAwsRegionProviderChain;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.utils.SdkAutoCloseable;

/// Clients of one bucket: one for reads of objects, one for everything else, each with connections
/// of its own, so that readers who catch up never take the connections uploads need.
final class S3Connection implements AutoCloseable {

  /// Of each client; one keeps a fast line busy, with encryption.
  private static final int EVENT_LOOPS = 1;

  private static final int READ_CONNECTIONS = 64;
  private static final int WRITE_CONNECTIONS = 32;

  /// Longer than stores keep idle connections open is of no use.
  private static final Duration IDLE = Duration.ofSeconds(30);

  /// What a store that is not AWS takes as a region when nobody names one.
  private static final Region ANY_REGION = Region.US_EAST_1;

  private final DefaultCredentialsProvider credentials;
  private final SdkAsyncHttpClient readHttp;
  private final SdkAsyncHttpClient writeHttp;
  private final S3AsyncClient reads;
  private final S3AsyncClient writes;

  private S3Connection(S3Settings settings, Region region, DefaultCredentialsProvider credentials) {
    this.credentials = credentials;
    this.readHttp = http(settings, "s3-read-loop-", READ_CONNECTIONS);
    this.writeHttp = http(settings, "s3-write-loop-", WRITE_CONNECTIONS);
    this.reads = client(settings, region, credentials, readHttp);
    this.writes = client(settings, region, credentials, writeHttp);
  }

  /// Finds region and credentials, each in bounded time. Nothing is sent to the store yet.
  ///
  /// @throws IOException if there are none; the message says where they were looked for
  static S3Connection open(S3Settings settings) throws IOException {
    var region = region(settings);
    var credentials = DefaultCredentialsProvider.builder().build();
    boolean opened = false;
    try {
      within(
          settings,
          "credentials",
          "put them into the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), into"
              + " ~/.aws/credentials, or give this machine a role",
          credentials::resolveCredentials);
      var connection = new S3Connection(settings, region, credentials);
      opened = true;
      return connection;
    } finally {
      if (!opened) {
        credentials.close();
      }
    }
  }

  /// For objects' bytes.
  S3AsyncClient reads() {
    return reads;
  }

  /// For everything else.
  S3AsyncClient writes() {
    return writes;
  }

  private static Region region(S3Settings settings) throws IOException {
    if (settings.region().isPresent()) {
      return Region.of(settings.region().get());
    }
    if (settings.endpoint().isPresent()) {
      return ANY_REGION;
    }
    return within(
        settings,
        "a region",
        "set streamhouse.s3.region or AWS_REGION",
        () -> DefaultAwsRegionProviderChain.builder().build().getRegion());
  }

  /// The SDK's chains may ask services of the network, on the thread that wants to know.
  private static <T> T within(S3Settings settings, String what, String advice, Callable<T> find)
      throws IOException {
    var limit = settings.patience().connect();
    var task = new FutureTask<>(find);
    var finder = Thread.ofVirtual().name("s3-settings").start(task);
    try {
      return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof SdkClientException none) {
        throw new IOException(
            "no %s for %s: %s. The AWS SDK says: %s"
                .formatted(what, settings.url(), advice, none.getMessage()),
            none);
      }
      throw new IOException("cannot find %s for %s".formatted(what, settings.url()), failure);
    } catch (TimeoutException slow) {
      finder.interrupt();
      throw new IOException(
          "no %s for %s found in %d s: %s"
              .formatted(what, settings.url(), limit.toSeconds(), advice),
          slow);
    } catch (InterruptedException interrupted) {
      finder.interrupt();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while looking for " + what);
    }
  }

  private static SdkAsyncHttpClient http(S3Settings settings, String threads, int connections) {
    var patience = settings.patience();
    return NettyNioAsyncHttpClient.builder()
        .eventLoopGroupBuilder(
            SdkEventLoopGroup.builder()
                .numberOfThreads(EVENT_LOOPS)
                .threadFactory(Thread.ofPlatform().daemon().name(threads, 0).factory()))
        .maxConcurrency(connections)
        .connectionTimeout(patience.connect())
        .connectionAcquisitionTimeout(patience.request())
        .readTimeout(patience.request())
        .writeTimeout(patience.request())
        .connectionMaxIdleTime(IDLE)
        .tcpKeepAlive(true)
        .build();
  }

  private static S3AsyncClient client(
      S3Settings settings,
      Region region,
      AwsCredentialsProvider credentials,
      SdkAsyncHttpClient http) {
    var builder =
        S3AsyncClient.builder()
            .httpClient(http)
            .region(region)
            .credentialsProvider(credentials)
            .forcePathStyle(settings.pathStyle())
            // Whoever wants a checksum gives it; blocks have their own.
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .serviceConfiguration(S3Configuration.builder().chunkedEncodingEnabled(false).build())
            // Who waits for an answer is a virtual thread; to wake it needs no thread in between.
            .asyncConfiguration(async ->
                async.advancedOption(
                    SdkAdvancedAsyncClientOption.FUTURE_COMPLETION_EXECUTOR, Runnable::run))
            // S3Calls repeats, nobody else.
            .overrideConfiguration(c -> c.retryStrategy(AwsRetryStrategy.doNotRetry()));
    settings.endpoint().ifPresent(builder::endpointOverride);
    return builder.build();
  }

  /// Netty waits two quiet seconds before it lets go of its threads; nobody has to wait with it.
  @Override
  public void close() {
    for (SdkAutoCloseable part : List.of(reads, writes, readHttp, writeHttp, credentials)) {
      Thread.ofVirtual().name("s3-close").start(part::close);
    }
  }
}
