package io.streamhouse.broker.storage.s3;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.s3.S3Calls.RefusedCall;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.AbortMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.CompleteMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.CompletedMultipartUpload;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.ListMultipartUploadsRequest;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

/// Puts large objects in parts, several at once, each with its own checksum and time-out and
/// repeated alone. The object appears when the parts are put together, if the key is still free
/// then. Thread-safe; calls block.
final class S3Uploads {

  private static final Logger log = LoggerFactory.getLogger(S3Uploads.class);

  /// S3's own limit.
  private static final long MOST_PARTS = 10_000;

  /// Enough to fill a line that one connection does not, few enough to leave it to others.
  private static final int PARTS_AT_ONCE = 4;

  private final S3Settings settings;
  private final S3AsyncClient client;
  private final S3Calls calls;
  private final S3Counters counters;
  private final TimeSource time;

  S3Uploads(
      S3Settings settings,
      S3AsyncClient client,
      S3Calls calls,
      S3Counters counters,
      TimeSource time) {
    this.settings = settings;
    this.client = client;
    this.calls = calls;
    this.counters = counters;
    this.time = time;
  }

  /// Puts an object under a name that has none yet.
  ///
  /// @throws RefusedCall if the name is taken, or if the upload was gone when it was to be
  ///   completed once more: by the first time, or by an operator
  void put(String name, S3Content content, Map<String, String> metadata)
      throws IOException, RefusedCall {
    long began = time.nanos();
    var upload = begin(name, metadata);
    boolean done = false;
    try {
      var parts = putParts(name, upload, content, began);
      complete(name, upload, parts);
      done = true;
    } finally {
      if (!done) {
        abortQuietly(name, upload);
      }
    }
  }

  private String begin(String name, Map<String, String> metadata) throws IOException {
    var timeout = settings.patience().request();
    var request =
        CreateMultipartUploadRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .contentType("application/octet-stream")
            .checksumAlgorithm(ChecksumAlgorithm.CRC32_C)
            .metadata(metadata)
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    return calls
        .demand(
            S3Operation.BEGIN_UPLOAD, name, timeout, () -> client.createMultipartUpload(request))
        .uploadId();
  }

  private List<CompletedPart> putParts(String name, String upload, S3Content content, long began)
      throws IOException {
    long length = content.info().length();
    long partBytes = Math.max(settings.parts().bytes(), Math.ceilDiv(length, MOST_PARTS));
    var puts = new ArrayList<Callable<CompletedPart>>();
    for (long position = 0; position < length; position += partBytes) {
      long from = position;
      int number = puts.size() + 1;
      puts.add(() -> {
        if (time.nanos() - began > S3Store.UPLOAD_LIMIT.toNanos()) {
          throw new IOException("upload of " + name + " takes too long");
        }
        var part = content.part(from, Math.min(partBytes, length - from));
        return putPart(name, upload, number, part);
      });
    }
    var threads = Thread.ofVirtual().name("s3-part-", 0).factory();
    try (var executor = Executors.newFixedThreadPool(PARTS_AT_ONCE, threads)) {
      var running = new ArrayList<Future<CompletedPart>>();
      puts.forEach(put -> running.add(executor.submit(put)));
      var parts = new ArrayList<CompletedPart>();
      try {
        for (var part : running) {
          parts.add(part.get());
        }
        return parts;
      } catch (ExecutionException failure) {
        if (failure.getCause() instanceof IOException cause) {
          throw cause;
        }
        throw new IOException("upload of " + name + " failed", failure.getCause());
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while uploading " + name);
      } finally {
        executor.shutdownNow();
      }
    }
  }

  private CompletedPart putPart(String name, String upload, int number, S3Content part)
      throws IOException {
    long length = part.info().length();
    var timeout = settings.patience().forBytes(length);
    var request =
        UploadPartRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .uploadId(upload)
            .partNumber(number)
            .contentLength(length)
            .checksumCRC32C(part.checksum())
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    var put =
        calls.demand(
            S3Operation.PUT_PART, name, timeout, () -> client.uploadPart(request, part.body()));
    return CompletedPart.builder()
        .partNumber(number)
        .eTag(put.eTag())
        .checksumCRC32C(part.checksum())
        .build();
  }

  private void complete(String name, String upload, List<CompletedPart> parts)
      throws IOException, RefusedCall {
    // Putting many parts together takes a store its time.
    var timeout = settings.patience().forBytes(parts.size() * settings.parts().bytes());
    var request =
        CompleteMultipartUploadRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .uploadId(upload)
            .ifNoneMatch("*")
            .multipartUpload(CompletedMultipartUpload.builder().parts(parts).build())
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    var _ =
        calls.make(
            S3Operation.COMPLETE_UPLOAD,
            name,
            timeout,
            () -> client.completeMultipartUpload(request));
  }

  /// Deletes an upload's parts, if the store can be reached; later [#abortAbandoned] does.
  private void abortQuietly(String name, String upload) {
    try {
      abort(name, upload);
    } catch (IOException failure) {
      log.info("upload left behind name={} why={}", name, failure.getMessage());
    }
  }

  private void abort(String name, String upload) throws IOException {
    var timeout = settings.patience().request();
    var request =
        AbortMultipartUploadRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .uploadId(upload)
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    try {
      var _ =
          calls.make(
              S3Operation.ABORT_UPLOAD, name, timeout, () -> client.abortMultipartUpload(request));
      counters.abortedUploads.increment();
    } catch (RefusedCall refused) {
      // Completed or aborted before.
      if (!refused.refusal.notFound()) {
        throw refused.refusal;
      }
    }
  }

  void abortAbandoned() throws IOException {
    var timeout = settings.patience().request();
    long before = time.wallMillis() - 2 * S3Store.UPLOAD_LIMIT.toMillis();
    @Nullable String keyMarker = null;
    @Nullable String uploadMarker = null;
    boolean more = true;
    while (more) {
      var request =
          ListMultipartUploadsRequest.builder()
              .bucket(settings.bucket())
              .prefix(settings.nameOf(""))
              .keyMarker(keyMarker)
              .uploadIdMarker(uploadMarker)
              .overrideConfiguration(S3Calls.within(timeout))
              .build();
      var found =
          calls.demand(
              S3Operation.LIST_UPLOADS,
              settings.nameOf(""),
              timeout,
              () -> client.listMultipartUploads(request));
      for (var upload : found.uploads()) {
        if (upload.initiated() != null && upload.initiated().toEpochMilli() < before) {
          log.info("removing abandoned upload name={} since={}", upload.key(), upload.initiated());
          abort(upload.key(), upload.uploadId());
        }
      }
      keyMarker = found.nextKeyMarker();
      uploadMarker = found.nextUploadIdMarker();
      more = Boolean.TRUE.equals(found.isTruncated()) && keyMarker != null;
    }
  }
}
