package io.streamhouse.broker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

final class LinesTest {

  private static ProducerRecord<byte[], byte[]> parse(Lines lines, String line) {
    return lines.parse("t", null, line.getBytes(UTF_8));
  }

  private static String written(Lines lines, ProducerRecord<byte[], byte[]> record)
      throws IOException {
    var out = new ByteArrayOutputStream();
    lines.write(
        new ConsumerRecord<>(
            "t",
            0,
            0,
            0,
            TimestampType.CREATE_TIME,
            0,
            0,
            record.key(),
            record.value(),
            new RecordHeaders(record.headers()),
            Optional.empty()),
        out);
    return out.toString(UTF_8);
  }

  @Test
  void onlyTheLineFeedEndsALine() throws IOException {
    var in = new ByteArrayInputStream("a\r\n\nß".getBytes(UTF_8));
    var lines = new ArrayList<String>();
    byte[] line;
    while ((line = Lines.read(in)) != null) {
      lines.add(new String(line, UTF_8));
    }
    assertThat(lines).isEqualTo(List.of("a\r", "", "ß"));
  }

  @Test
  void bytesOfNoEncodingPassThrough() throws IOException {
    byte[] bytes = {(byte) 0xff, 0, (byte) 0x80};
    var record = new Lines(null, false, null).parse("t", null, bytes);
    assertThat(record.value()).isEqualTo(bytes);
  }

  @Test
  void whatIsParsedIsWrittenAlike() throws IOException {
    var lines = new Lines("::", true, "NULL");
    for (String line :
        List.of("a:1,b:NULL,a:2\tkey::va::lue", "\tNULL::NULL", "h:\t::", "h:x:y\tk::\t")) {
      assertThat(written(lines, parse(lines, line))).isEqualTo(line + "\n");
    }
    var record = parse(lines, "a:1,b:NULL,a:2\tkey::va::lue");
    assertThat(record.key()).asString().isEqualTo("key");
    assertThat(record.value()).asString().isEqualTo("va::lue");
    assertThat(record.headers().lastHeader("a").value()).asString().isEqualTo("2");
    assertThat(record.headers().lastHeader("b").value()).isNull();
    assertThat(parse(lines, "\tNULL::").key()).isNull();
    assertThat(parse(lines, "\tNULL::").value()).isEmpty();
  }

  @Test
  void lineThatLacksWhatTheOptionsAskForIsRefused() {
    assertThatThrownBy(() -> parse(new Lines("|", false, null), "no separator"))
        .hasMessage("no key separator");
    assertThatThrownBy(() -> parse(new Lines(null, true, null), "no:tab"))
        .hasMessage("no tab after the headers");
    assertThatThrownBy(() -> parse(new Lines(null, true, null), "nocolon\tx"))
        .hasMessage("a header without a colon");
  }
}
