package io.streamhouse.metadata.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// A network between a client and a server on this machine, which fails when told to.
///
/// A request is what a client sends until the server answers, an answer what the server sends until
/// the client sends again; both are counted from [#cutAt] on.
public final class TcpProxy implements AutoCloseable {

  private final ServerSocket acceptor;
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by lock.
  private boolean refusing;
  private boolean silent;
  private int momentsLeft = Integer.MAX_VALUE;
  private boolean fired;
  private int momentsOfEach = Integer.MAX_VALUE;
  private int opened;

  private volatile int target;

  /// @param port of the server, on the loopback address
  public TcpProxy(int port) throws IOException {
    this();
    target = port;
  }

  /// Of a server that is yet to start: see [#target].
  public TcpProxy() throws IOException {
    this.acceptor = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofPlatform().daemon().name("proxy").start(this::accept);
  }

  public int port() {
    return acceptor.getLocalPort();
  }

  /// Where the server is from now on.
  public void target(int port) {
    target = port;
  }

  /// Breaks every connection; new ones are made.
  public void cut() {
    links.forEach(Link::close);
  }

  /// Breaks every connection and each new one at once, until told otherwise.
  public void refuse(boolean refuse) {
    lock.lock();
    try {
      refusing = refuse;
    } finally {
      lock.unlock();
    }
    if (refuse) {
      cut();
    }
  }

  /// Loses every byte in both directions while connections stay open, new ones too; or lets those
  /// that are sent from now on through again.
  public void silence(boolean silence) {
    lock.lock();
    try {
      silent = silence;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /// Breaks the connection at a moment counted from now: 0 loses the next request, 1 passes it on
  /// and loses its answer, 2 loses the request after it, and so on.
  public void cutAt(int moment) {
    lock.lock();
    try {
      links.forEach(link -> link.asking = false);
      momentsLeft = moment;
      fired = false;
    } finally {
      lock.unlock();
    }
  }

  /// Breaks each connection after so many moments of its own, counted as by [#cutAt]: one more for
  /// every second one, so that requests are lost as well as answers. At the greatest int, none.
  public void cutEachAfter(int moments) {
    lock.lock();
    try {
      momentsOfEach = moments;
      links.forEach(Link::count);
    } finally {
      lock.unlock();
    }
  }

  /// Breaks nothing more.
  ///
  /// @return whether the moment came
  public boolean heal() {
    lock.lock();
    try {
      momentsLeft = Integer.MAX_VALUE;
      return fired;
    } finally {
      lock.unlock();
    }
  }

  private void accept() {
    while (!acceptor.isClosed()) {
      try {
        var client = acceptor.accept();
        lock.lock();
        try {
          if (refusing) {
            reset(client);
            continue;
          }
        } finally {
          lock.unlock();
        }
        Thread.ofVirtual().start(() -> connect(client));
      } catch (IOException e) {
        // Closed.
        return;
      }
    }
  }

  private void connect(Socket client) {
    try {
      var server = new Socket();
      server.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), target), 5_000);
      server.setTcpNoDelay(true);
      client.setTcpNoDelay(true);
      var link = new Link(client, server);
      links.add(link);
      Thread.ofVirtual().start(() -> link.pump(client, server, true));
      Thread.ofVirtual().start(() -> link.pump(server, client, false));
    } catch (IOException e) {
      reset(client);
    }
  }

  /// Without the farewell that would tell the peer it was on purpose.
  private static void reset(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
    } catch (IOException e) {
      // Closed already.
    }
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private final class Link {
    private final Socket client;
    private final Socket server;

    /// The last bytes were the client's. Guarded by lock.
    private boolean asking;

    private final boolean second;

    /// Guarded by lock.
    private int ownMomentsLeft;

    Link(Socket client, Socket server) {
      this.client = client;
      this.server = server;
      lock.lock();
      try {
        second = opened++ % 2 == 1;
        count();
      } finally {
        lock.unlock();
      }
    }

    private void count() {
      ownMomentsLeft =
          second && momentsOfEach < Integer.MAX_VALUE ? momentsOfEach + 1 : momentsOfEach;
    }

    void close() {
      links.remove(this);
      reset(client);
      reset(server);
    }

    private void pump(Socket from, Socket to, boolean request) {
      var buffer = new byte[64 * 1024];
      try {
        var in = from.getInputStream();
        var out = to.getOutputStream();
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          if (!passes(request)) {
            break;
          }
          out.write(buffer, 0, n);
        }
      } catch (IOException e) {
        // Cut from either side.
      }
      close();
    }

    /// Whether bytes may go on; false breaks the connection. Waits while everything is silent: what
    /// is on the way then never arrives.
    private boolean passes(boolean request) throws IOException {
      lock.lock();
      try {
        if (silent) {
          while (silent && !client.isClosed()) {
            changed.awaitUninterruptibly();
          }
          return false;
        }
        if (asking != request) {
          asking = request;
          if (ownMomentsLeft < Integer.MAX_VALUE && ownMomentsLeft-- == 0) {
            return false;
          }
          if (momentsLeft == Integer.MAX_VALUE) {
            return true;
          }
          if (momentsLeft-- == 0) {
            fired = true;
            momentsLeft = Integer.MAX_VALUE;
            return false;
          }
        }
        return true;
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public void close() {
    try {
      acceptor.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    silence(false);
    cut();
  }
}
