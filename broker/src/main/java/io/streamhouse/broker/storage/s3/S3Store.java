package io.streamhouse.broker.storage.s3;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.broker.storage.ObjectNames;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.storage.ObjectStoreUnavailable;
import io.streamhouse.broker.storage.s3.S3Calls.RefusedCall;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.services.s3.model.Delete;
import software.amazon.awssdk.services.s3.model.DeleteObjectsRequest;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.HeadObjectRequest;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Object;

/// Objects in one bucket, below one prefix.
///
/// An object is put with `If-None-Match: *`, so that of all who put one key exactly one creates it.
/// Every object carries its CRC32C: for S3, which checks what arrives against it, and as metadata,
/// for [#head]. Where a put was repeated because its answer was lost, the second attempt finds the
/// key taken; length and checksum then tell whether the first attempt was it.
///
/// Large objects go in parts, see [S3Uploads]. Calls are repeated here and nowhere below, with
/// pauses that grow and differ, and each attempt has a time-out by its size, see
/// [S3Settings.Patience].
public final class S3Store implements ObjectStore {

  private static final Logger log = LoggerFactory.getLogger(S3Store.class);

  /// No put takes longer, parts and repetitions included. Uploads in parts that are twice as old
  /// belong to nobody.
  public static final Duration UPLOAD_LIMIT = Duration.ofMinutes(10);

  /// As many as S3 takes or gives at once.
  private static final int PAGE = 1000;

  /// Where an object has no checksum of ours, it is read in such pieces to find it.
  private static final int SCAN_BYTES = 8 << 20;

  static final String CRC32C_METADATA = "crc32c";

  /// S3 takes 2 KiB of metadata, names included.
  private static final int MAX_METADATA_BYTES = 1536;

  private final S3Settings settings;
  private final S3Connection connection;
  private final S3Counters counters;
  private final S3Calls calls;
  private final S3Uploads uploads;

  private S3Store(
      S3Settings settings, S3Connection connection, TimeSource time, RandomGenerator random) {
    this.settings = settings;
    this.connection = connection;
    this.counters = new S3Counters();
    this.calls = new S3Calls(settings, time, random, counters);
    this.uploads = new S3Uploads(settings, connection.writes(), calls, counters, time);
  }

  /// Opens the store and asks it once whether it is there and lets us in. One that does not answer
  /// is opened all the same: it may come back, and until then what it would do fails.
  ///
  /// @throws IOException if there are no credentials or no region, or if the store says no; the
  ///   message is for whoever configured it
  public static S3Store open(S3Settings settings, TimeSource time, RandomGenerator random)
      throws IOException {
    var store = new S3Store(settings, S3Connection.open(settings), time, random);
    boolean opened = false;
    try {
      var _ = store.list("", "", 1);
      opened = true;
    } catch (ObjectStoreUnavailable down) {
      log.warn(
          "object store does not answer, starting without it url={} why={}",
          settings.url(),
          down.getMessage());
      opened = true;
    } catch (S3Refused refused) {
      throw new IOException(
          "cannot use %s: %s".formatted(settings.url(), refused.getMessage()), refused);
    } finally {
      if (!opened) {
        store.close();
      }
    }
    return store;
  }

  public S3Counters counters() {
    return counters;
  }

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException {
    var name = settings.nameOf(ObjectNames.check(key));
    var whole = S3Content.of(content);
    var described = described(whole, metadata);
    try {
      if (whole.info().length() >= settings.parts().threshold()) {
        // A put in one piece learns that the key is taken before it sends much; this one would
        // learn it after sending everything.
        var existing = head(key);
        if (existing.isPresent()) {
          return new PutResult.AlreadyExists(existing.get());
        }
        uploads.put(name, whole, described);
      } else {
        putAtOnce(name, whole, described);
      }
    } catch (RefusedCall refused) {
      return taken(key, whole.info(), refused);
    }
    counters.sentBytes.add(whole.info().length());
    return new PutResult.Created(whole.info());
  }

  private void putAtOnce(String name, S3Content content, Map<String, String> metadata)
      throws IOException, RefusedCall {
    var timeout = settings.patience().forBytes(content.info().length());
    var request =
        PutObjectRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .ifNoneMatch("*")
            .contentLength(content.info().length())
            .contentType("application/octet-stream")
            .checksumCRC32C(content.checksum())
            .metadata(metadata)
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    var _ =
        calls.make(
            S3Operation.PUT,
            name,
            timeout,
            () -> connection.writes().putObject(request, content.body()));
  }

  /// What a refused put means: the key is taken, perhaps by an earlier attempt of the same call.
  private PutResult taken(String key, ObjectInfo ours, RefusedCall refused) throws IOException {
    boolean gone = refused.refusal.noSuchUpload() && refused.mayHaveRepeated;
    if (!refused.refusal.exists() && !gone) {
      throw refused.refusal;
    }
    var existing = head(key);
    if (existing.isEmpty()) {
      throw new IOException(
          "%s, and then there was no object %s".formatted(refused.refusal.getMessage(), key),
          refused.refusal);
    }
    return refused.mayHaveRepeated && existing.get().equals(ours)
        ? new PutResult.Created(ours)
        : new PutResult.AlreadyExists(existing.get());
  }

  private static Map<String, String> described(S3Content content, Map<String, String> metadata) {
    var described = new TreeMap<String, String>();
    int room = MAX_METADATA_BYTES;
    for (var entry : new TreeMap<>(metadata).entrySet()) {
      room -= entry.getKey().length() + entry.getValue().length();
      if (room >= 0 && entry.getValue().chars().allMatch(c -> c >= ' ' && c < 127)) {
        described.put(entry.getKey(), entry.getValue());
      }
    }
    described.put(CRC32C_METADATA, "%08x".formatted(content.info().crc32c()));
    return described;
  }

  @Override
  public ByteBuffer get(String key, long position, int length) throws IOException {
    var name = settings.nameOf(ObjectNames.check(key));
    if (position < 0 || length < 0) {
      throw new IllegalArgumentException(length + " bytes at " + position);
    }
    if (length == 0 || position + length < 0) {
      // HTTP has no name for an empty range, and S3 no objects that large.
      if (head(key).isEmpty()) {
        throw new ObjectMissing(key);
      }
      return ByteBuffer.allocate(0);
    }
    var timeout = settings.patience().forBytes(length);
    var request =
        GetObjectRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .range("bytes=%d-%d".formatted(position, position + length - 1))
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    try {
      var bytes =
          calls.make(
              S3Operation.GET,
              name,
              timeout,
              () -> connection.reads().getObject(request, new RangeReceiver(length)));
      counters.receivedBytes.add(bytes.remaining());
      return bytes;
    } catch (RefusedCall refused) {
      if (refused.refusal.beyondTheEnd()) {
        return ByteBuffer.allocate(0);
      }
      throw refused.refusal.notFound() ? new ObjectMissing(key) : refused.refusal;
    }
  }

  @Override
  public Optional<ObjectInfo> head(String key) throws IOException {
    var name = settings.nameOf(ObjectNames.check(key));
    var timeout = settings.patience().request();
    var request =
        HeadObjectRequest.builder()
            .bucket(settings.bucket())
            .key(name)
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    try {
      var head =
          calls.make(
              S3Operation.HEAD, name, timeout, () -> connection.writes().headObject(request));
      long length = head.contentLength();
      var checksum = crc32c(head.metadata());
      return Optional.of(checksum != null ? new ObjectInfo(length, checksum) : scanned(key));
    } catch (RefusedCall refused) {
      if (refused.refusal.notFound()) {
        return Optional.empty();
      }
      throw refused.refusal;
    } catch (ObjectMissing deletedMeanwhile) {
      return Optional.empty();
    }
  }

  private static @Nullable Integer crc32c(Map<String, String> metadata) {
    var text = metadata.get(CRC32C_METADATA);
    try {
      return text == null ? null : Integer.parseUnsignedInt(text, 16);
    } catch (NumberFormatException foreign) {
      return null;
    }
  }

  /// Of an object that somebody else put there.
  private ObjectInfo scanned(String key) throws IOException {
    var crc = new CRC32C();
    long length = 0;
    ByteBuffer piece;
    do {
      piece = get(key, length, SCAN_BYTES);
      length += piece.remaining();
      crc.update(piece.duplicate());
    } while (piece.remaining() == SCAN_BYTES);
    return new ObjectInfo(length, (int) crc.getValue());
  }

  /// Names that are no keys, which others put there, are left out.
  @Override
  public List<String> list(String prefix, String startAfter, int limit) throws IOException {
    var keys = new ArrayList<String>();
    var after = startAfter;
    var root = settings.nameOf("");
    var timeout = settings.patience().request();
    while (keys.size() < limit) {
      int page = Math.min(PAGE, limit - keys.size());
      var request =
          ListObjectsV2Request.builder()
              .bucket(settings.bucket())
              .prefix(root + prefix)
              .startAfter(after.isEmpty() ? null : root + after)
              .maxKeys(page)
              .overrideConfiguration(S3Calls.within(timeout))
              .build();
      var found =
          calls.demand(
              S3Operation.LIST,
              root + prefix,
              timeout,
              () -> connection.writes().listObjectsV2(request));
      for (S3Object object : found.contents()) {
        after = object.key().substring(root.length());
        if (ObjectNames.valid(after)) {
          keys.add(after);
        }
      }
      if (!Boolean.TRUE.equals(found.isTruncated()) || found.contents().isEmpty()) {
        break;
      }
    }
    return keys;
  }

  @Override
  public Map<String, DeleteResult> delete(Collection<String> keys) {
    var results = new LinkedHashMap<String, DeleteResult>();
    keys.forEach(key -> results.put(ObjectNames.check(key), new DeleteResult.Gone()));
    var all = List.copyOf(results.keySet());
    for (int from = 0; from < all.size(); from += PAGE) {
      var page = all.subList(from, Math.min(all.size(), from + PAGE));
      try {
        deletePage(page, results);
      } catch (IOException failure) {
        page.forEach(key -> results.put(key, new DeleteResult.Failed(failure)));
      }
    }
    return results;
  }

  private void deletePage(List<String> keys, Map<String, DeleteResult> results) throws IOException {
    var timeout = settings.patience().request();
    var request =
        DeleteObjectsRequest.builder()
            .bucket(settings.bucket())
            .delete(
                Delete.builder()
                    .quiet(true)
                    .objects(
                        keys.stream()
                            .map(
                                key -> ObjectIdentifier.builder().key(settings.nameOf(key)).build())
                            .toList())
                    .build())
            .overrideConfiguration(S3Calls.within(timeout))
            .build();
    var deleted =
        calls.demand(
            S3Operation.DELETE,
            settings.nameOf(keys.getFirst()),
            timeout,
            () -> connection.writes().deleteObjects(request));
    int root = settings.nameOf("").length();
    for (var error : deleted.errors()) {
      if (!"NoSuchKey".equals(error.code())) {
        results.put(
            error.key().substring(root),
            new DeleteResult.Failed(
                new IOException(
                    "delete of s3://%s/%s: %s (%s)"
                        .formatted(
                            settings.bucket(), error.key(), error.code(), error.message()))));
      }
    }
  }

  /// Deletes the parts of uploads that were never completed, by processes that are gone or through
  /// connections that broke: all below the prefix that are older than any upload may take.
  public void abortAbandonedUploads() throws IOException {
    uploads.abortAbandoned();
  }

  @Override
  public void close() {
    calls.close();
    connection.close();
  }
}
