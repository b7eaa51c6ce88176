package io.streamhouse.protocol;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The sockets of an agent: binds its listeners, runs their connections on event loops, and hands
/// requests to the handlers of their APIs.
///
/// Ports are taken by [#bind], so that a start fails early and the ports are known before anything
/// else is built; clients that connect wait until [#serve]. Thread-safe.
public final class KafkaServer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(KafkaServer.class);

  private final ServerOptions options;
  private final ServerCounters counters = new ServerCounters();
  private final ByteBudget budget;
  private final EventLoopGroup loops;
  private final Map<String, Channel> bound = new LinkedHashMap<>();
  private final Map<Channel, Connection> connections = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private volatile RequestDecoder decoder = new RequestDecoder(List.of());
  private volatile boolean closing;

  private KafkaServer(ServerOptions options) {
    this.options = options;
    this.budget = new ByteBudget(options.queuedRequestBytes());
    IoHandlerFactory transport =
        Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    int threads =
        options.eventLoops() > 0
            ? options.eventLoops()
            : Runtime.getRuntime().availableProcessors();
    this.loops =
        new MultiThreadIoEventLoopGroup(
            threads, new DefaultThreadFactory("kafka-loop", false), transport);
  }

  /// Binds every listener; nothing is accepted before [#serve].
  ///
  /// @throws IOException if one cannot be bound; none is then
  public static KafkaServer bind(List<Listener> listeners, ServerOptions options)
      throws IOException {
    var names = new HashSet<String>();
    for (var listener : listeners) {
      if (!names.add(listener.name())) {
        throw new IllegalArgumentException("two listeners named " + listener.name());
      }
    }
    var server = new KafkaServer(options);
    try {
      for (var listener : listeners) {
        server.bind(listener);
      }
      return server;
    } catch (IOException e) {
      server.close();
      throw e;
    }
  }

  /// [#bind] and [#serve] in one.
  public static KafkaServer start(
      List<Listener> listeners,
      Collection<? extends ApiHandler<?>> handlers,
      Features features,
      ServerOptions options)
      throws IOException {
    var server = bind(listeners, options);
    server.serve(handlers, features);
    return server;
  }

  /// Accepts connections from now on; called once.
  ///
  /// @param handlers at most one for each API, none for ApiVersions, which is derived from them
  public void serve(Collection<? extends ApiHandler<?>> handlers, Features features) {
    var all = new ArrayList<ApiHandler<?>>(handlers);
    all.add(new ApiVersionsHandler(List.copyOf(handlers), features));
    decoder = new RequestDecoder(all);
    for (var channel : bound.values()) {
      var _ = channel.config().setAutoRead(true);
    }
  }

  /// The address of a listener, with the port the system picked if 0 was asked for.
  public InetSocketAddress address(String listener) {
    var channel = bound.get(listener);
    if (channel == null) {
      throw new IllegalArgumentException("no listener " + listener + " among " + bound.keySet());
    }
    return (InetSocketAddress) channel.localAddress();
  }

  public int port(String listener) {
    return address(listener).getPort();
  }

  public ServerCounters counters() {
    return counters;
  }

  /// Bytes of requests in flight on all connections.
  public long queuedRequestBytesNow() {
    return budget.used();
  }

  /// Accepts and reads nothing more, answers what is in flight for up to [ServerOptions#drain],
  /// then cuts what is left. Returns in bounded time, also when handlers never finish.
  @Override
  public void close() {
    closing = true;
    for (var channel : bound.values()) {
      var _ = channel.close().awaitUninterruptibly(1, TimeUnit.SECONDS);
    }
    var live = Set.copyOf(connections.keySet());
    var closed = new CountDownLatch(live.size());
    for (var channel : live) {
      var _ = channel.closeFuture().addListener(_ -> closed.countDown());
      var connection = connections.get(channel);
      if (connection != null) {
        channel.eventLoop().execute(connection::drain);
      }
    }
    try {
      if (!closed.await(options.drain().toNanos(), TimeUnit.NANOSECONDS)) {
        log.warn(
            "{} connections still have requests in flight after {}, closing them",
            connections.size(),
            options.drain());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (var channel : connections.keySet()) {
      var _ = channel.close();
    }
    var _ =
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
  }

  private void bind(Listener listener) throws IOException {
    Class<? extends ServerSocketChannel> channelClass =
        Epoll.isAvailable() ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    var bootstrap =
        new ServerBootstrap()
            .group(loops)
            .channel(channelClass)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.AUTO_READ, false)
            .childOption(ChannelOption.ALLOCATOR, PooledByteBufAllocator.DEFAULT)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    accept(listener, channel);
                  }
                });
    var address =
        listener.host().isEmpty()
            ? new InetSocketAddress(listener.port())
            : new InetSocketAddress(listener.host(), listener.port());
    var binding = bootstrap.bind(address).awaitUninterruptibly();
    if (!binding.isSuccess()) {
      throw new IOException(
          "listener %s cannot be bound to %s:%d: %s"
              .formatted(
                  listener.name(), listener.host(), listener.port(), binding.cause().getMessage()),
          binding.cause());
    }
    bound.put(listener.name(), binding.channel());
  }

  private void accept(Listener listener, Channel channel) {
    if (closing || open.incrementAndGet() > options.maxConnections()) {
      if (!closing) {
        open.decrementAndGet();
        counters.fault(Fault.TOO_MANY_CONNECTIONS);
        log.warn(
            "closing connection from {}: {} are open already",
            channel.remoteAddress(),
            options.maxConnections());
      }
      var _ = channel.close();
      return;
    }
    var frames = new FrameReader(options.maxRequestBytes(), budget, counters);
    var connection = new Connection(listener.name(), decoder, frames, budget, options, counters);
    connections.put(channel, connection);
    var _ =
        channel
            .closeFuture()
            .addListener(_ -> {
              connections.remove(channel);
              open.decrementAndGet();
            });
    channel.pipeline().addLast(frames, connection);
  }
}
