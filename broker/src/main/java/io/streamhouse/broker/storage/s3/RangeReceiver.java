package io.streamhouse.broker.storage.s3;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.async.SdkPublisher;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/// Receives a range of an object into memory of exactly its size. For one request, whose callbacks
/// come one after the other.
final class RangeReceiver implements AsyncResponseTransformer<GetObjectResponse, ByteBuffer> {

  private final int most;
  private CompletableFuture<ByteBuffer> received = new CompletableFuture<>();
  private ByteBuffer bytes = ByteBuffer.allocate(0);

  /// @param most the length asked for
  RangeReceiver(int most) {
    this.most = most;
  }

  @Override
  public CompletableFuture<ByteBuffer> prepare() {
    received = new CompletableFuture<>();
    return received;
  }

  @Override
  public void onResponse(GetObjectResponse response) {
    Long length = response.contentLength();
    if (length == null || length > most) {
      received.completeExceptionally(
          new IOException("asked for %d bytes, answered with %s".formatted(most, length)));
      return;
    }
    bytes = ByteBuffer.allocate(length.intValue());
  }

  @Override
  public void onStream(SdkPublisher<ByteBuffer> publisher) {
    publisher.subscribe(new Filler());
  }

  @Override
  public void exceptionOccurred(Throwable failure) {
    received.completeExceptionally(failure);
  }

  private final class Filler implements Subscriber<ByteBuffer> {

    private @Nullable Subscription subscription;

    @Override
    public void onSubscribe(Subscription begun) {
      subscription = begun;
      if (received.isDone()) {
        begun.cancel();
        return;
      }
      begun.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(ByteBuffer next) {
      if (next.remaining() > bytes.remaining()) {
        received.completeExceptionally(
            new IOException("more bytes than the answer's length of " + bytes.capacity()));
        if (subscription != null) {
          subscription.cancel();
        }
        return;
      }
      bytes.put(next);
    }

    @Override
    public void onError(Throwable failure) {
      received.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      if (bytes.hasRemaining()) {
        received.completeExceptionally(
            new IOException("%d bytes of %d".formatted(bytes.position(), bytes.capacity())));
      } else {
        received.complete(bytes.flip());
      }
    }
  }
}
