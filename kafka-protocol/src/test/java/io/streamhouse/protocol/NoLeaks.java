package io.streamhouse.protocol;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails a test that loses a network buffer: every buffer is tracked, and after the test the
/// collector runs until it has seen what the test left behind.
///
/// Register it before anything that closes a server, so that it looks last.
final class NoLeaks implements BeforeEachCallback, AfterEachCallback {

  private static final int MAX_COLLECTIONS = 20;

  private final ConcurrentLinkedQueue<String> leaks = new ConcurrentLinkedQueue<>();

  @Override
  public void beforeEach(ExtensionContext context) {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
    leaks.clear();
    ByteBufUtil.setLeakListener((type, records) -> leaks.add(type + " " + records));
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    collect();
    ByteBufUtil.setLeakListener(null);
    if (!leaks.isEmpty()) {
      throw new AssertionError(leaks.size() + " buffers were lost, such as " + leaks.peek());
    }
  }

  /// Leaks are found as their owners are collected and told when the next buffer is allocated.
  private static void collect() throws InterruptedException {
    var queue = new ReferenceQueue<>();
    int seen = 0;
    for (int i = 0; i < MAX_COLLECTIONS && seen < 2; i++) {
      var canary = new WeakReference<>(new Object(), queue);
      try {
        System.gc();
        if (queue.remove(1000) != null) {
          seen++;
        }
      } finally {
        Reference.reachabilityFence(canary);
      }
      PooledByteBufAllocator.DEFAULT.directBuffer(16).release();
    }
    if (seen < 2) {
      throw new AssertionError("the collector does not run: leaks cannot be seen");
    }
  }
}
