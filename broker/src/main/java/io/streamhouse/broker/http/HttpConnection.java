package io.streamhouse.broker.http;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.streamhouse.broker.http.Page.Content;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One connection: answers a request at a time; the next may come once that is sent. Confined to
/// its event loop.
final class HttpConnection extends SimpleChannelInboundHandler<HttpObject> {

  private static final Logger log = LoggerFactory.getLogger(HttpConnection.class);

  private final Map<String, Page> pages;
  private final Duration patience;
  private @Nullable Future<?> deadline;
  private @Nullable HttpRequest request;
  private boolean answering;

  HttpConnection(Map<String, Page> pages, Duration patience) {
    this.pages = pages;
    this.patience = patience;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    expectWithin(ctx);
  }

  /// Whoever sends nothing, drips, or does not read what was asked for is cut off.
  private void expectWithin(ChannelHandlerContext ctx) {
    if (deadline != null) {
      deadline.cancel(false);
    }
    deadline = ctx.executor().schedule(() -> cut(ctx), patience.toNanos(), TimeUnit.NANOSECONDS);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, HttpObject part) {
    if (answering) {
      // Nobody who means well sends ahead here; what comes behind a bad request is not looked at.
      return;
    }
    if (part instanceof HttpRequest head) {
      if (head.decoderResult().isFailure()) {
        answer(ctx, head, Content.text(400, "not a request"), false);
        return;
      }
      if (HttpUtil.isTransferEncodingChunked(head) || HttpUtil.getContentLength(head, 0L) > 0) {
        answer(ctx, head, Content.text(413, "requests have no body here"), false);
        return;
      }
      request = head;
    }
    if (part instanceof LastHttpContent && request != null) {
      var head = request;
      request = null;
      answer(ctx, head, content(head), HttpUtil.isKeepAlive(head));
    }
  }

  private Content content(HttpRequest head) {
    if (!head.method().equals(HttpMethod.GET) && !head.method().equals(HttpMethod.HEAD)) {
      return Content.text(405, "GET or HEAD");
    }
    var uri = head.uri();
    int query = uri.indexOf('?');
    var page = pages.get(query < 0 ? uri : uri.substring(0, query));
    if (page == null) {
      return Content.text(
          404, "there is " + String.join(", ", pages.keySet().stream().sorted().toList()));
    }
    try {
      return page.content(head.headers().get(HttpHeaderNames.ACCEPT, ""));
    } catch (RuntimeException failed) {
      log.error("page failed path={}", uri, failed);
      return Content.text(500, "it failed; the log says why");
    }
  }

  private void answer(
      ChannelHandlerContext ctx, HttpRequest head, Content content, boolean keepAlive) {
    var body = Unpooled.copiedBuffer(content.body(), StandardCharsets.UTF_8);
    int length = body.readableBytes();
    boolean bodyless = head.method().equals(HttpMethod.HEAD);
    var response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(content.status()),
            bodyless ? Unpooled.EMPTY_BUFFER : body);
    var headers =
        response
            .headers()
            .set(HttpHeaderNames.CONTENT_TYPE, content.type())
            .set(HttpHeaderNames.CONTENT_LENGTH, length)
            .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE)
            .set(
                HttpHeaderNames.CONNECTION,
                keepAlive ? HttpHeaderValues.KEEP_ALIVE : HttpHeaderValues.CLOSE);
    if (content.status() == 405) {
      headers.set(HttpHeaderNames.ALLOW, "GET, HEAD");
    }
    answering = true;
    var _ =
        ctx.writeAndFlush(response)
            .addListener(written -> {
              if (keepAlive && written.isSuccess()) {
                answering = false;
                expectWithin(ctx);
              } else {
                cut(ctx);
              }
            });
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (deadline != null) {
      deadline.cancel(false);
    }
    ctx.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.debug("connection failed peer={} why={}", ctx.channel().remoteAddress(), cause.toString());
    cut(ctx);
  }

  private static void cut(ChannelHandlerContext ctx) {
    var _ = ctx.close();
  }
}
