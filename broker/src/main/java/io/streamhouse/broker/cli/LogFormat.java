package io.streamhouse.broker.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.util.Map;
import org.slf4j.Logger;

/// How logs look: one short line each, on standard error.
///
/// In Java rather than XML, whose parser would be most of what logging costs at start. Whoever
/// gives `-Dlogback.configurationFile=FILE` gets that instead. `-Dstreamhouse.log=LEVEL` sets the
/// level of our own loggers (INFO).
public final class LogFormat extends ContextAwareBase implements Configurator {

  private static final String PATTERN =
      "%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level %logger{0}: %msg %kvp%n";

  /// Libraries that tell at INFO what is nobody's business.
  private static final Map<String, Level> LIBRARIES =
      Map.of(
          "org.apache.kafka", Level.WARN,
          "org.flywaydb", Level.WARN,
          "com.zaxxer.hikari", Level.WARN,
          "software.amazon.awssdk", Level.WARN,
          "org.jooq", Level.WARN,
          // Which servers are old enough to be warned of is ours to say.
          "org.jooq.impl.DefaultExecuteContext.logVersionSupport", Level.ERROR,
          "io.netty", Level.WARN);

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    if (System.getProperty("logback.configurationFile") != null) {
      return ExecutionStatus.INVOKE_NEXT_IF_ANY;
    }
    var encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(PATTERN);
    encoder.start();
    var console = new ConsoleAppender<ILoggingEvent>();
    console.setContext(context);
    console.setTarget("System.err");
    console.setEncoder(encoder);
    console.start();
    var level = Level.toLevel(System.getProperty("streamhouse.log"), Level.INFO);
    var root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(level.isGreaterOrEqual(Level.INFO) ? level : Level.INFO);
    root.addAppender(console);
    context.getLogger("io.streamhouse").setLevel(level);
    for (var library : LIBRARIES.entrySet()) {
      var least = library.getValue();
      context.getLogger(library.getKey()).setLevel(level.isGreaterOrEqual(least) ? level : least);
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }
}
