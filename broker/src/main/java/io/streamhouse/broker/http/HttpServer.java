package io.streamhouse.broker.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// A small HTTP/1.1 server of a few fixed pages: GET and HEAD, no bodies, one thread of its own, so
/// that it answers while the agent is busy and takes nothing from the agent's connections.
///
/// Thread-safe.
public final class HttpServer implements AutoCloseable {

  private static final int MAX_CONNECTIONS = 64;
  private static final int MAX_LINE_BYTES = 4096;
  private static final int MAX_HEADER_BYTES = 8192;

  private final EventLoopGroup loop;
  private final AtomicInteger open = new AtomicInteger();
  private final Map<String, Page> pages;
  private final Duration patience;
  private final Channel listening;

  private HttpServer(String host, int port, Map<String, Page> pages, Duration patience)
      throws IOException {
    var address = host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
    this.pages = Map.copyOf(pages);
    this.patience = patience;
    boolean epoll = Epoll.isAvailable();
    this.loop =
        new MultiThreadIoEventLoopGroup(
            1,
            new DefaultThreadFactory("http", true),
            epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    var binding =
        new ServerBootstrap()
            .group(loop)
            .channel(epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class)
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.SO_BACKLOG, MAX_CONNECTIONS)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    accept(channel);
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    this.listening = binding.channel();
    if (!binding.isSuccess()) {
      close();
      throw new IOException(
          "streamhouse.http.listener cannot be bound to %s:%d: %s"
              .formatted(host, port, binding.cause().getMessage()),
          binding.cause());
    }
  }

  /// @param host empty for all interfaces
  /// @param pages by path, such as `/health`
  /// @param patience how long a connection may take from one response to the end of the next; then
  ///   it is closed
  /// @throws IOException if the address cannot be bound
  public static HttpServer start(String host, int port, Map<String, Page> pages, Duration patience)
      throws IOException {
    return new HttpServer(host, port, pages, patience);
  }

  /// The port in use, which the system picked if 0 was asked for.
  public int port() {
    return ((InetSocketAddress) listening.localAddress()).getPort();
  }

  private void accept(Channel channel) {
    if (open.incrementAndGet() > MAX_CONNECTIONS) {
      open.decrementAndGet();
      var _ = channel.close();
      return;
    }
    var _ = channel.closeFuture().addListener(_ -> open.decrementAndGet());
    var limits =
        new HttpDecoderConfig()
            .setMaxInitialLineLength(MAX_LINE_BYTES)
            .setMaxHeaderSize(MAX_HEADER_BYTES);
    var _ =
        channel
            .pipeline()
            .addLast(new HttpServerCodec(limits), new HttpConnection(pages, patience));
  }

  /// Closes every connection at once: whoever asks will ask again.
  @Override
  public void close() {
    var _ =
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
  }
}
