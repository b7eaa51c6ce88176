package io.streamhouse.broker.cli;

import io.streamhouse.protocol.RecordBatch;

/// Record batches for people.
final class Batches {

  private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

  private Batches() {}

  static String line(RecordBatch batch) {
    int codec = batch.compression();
    var line = new StringBuilder();
    line.append("offsets ").append(batch.baseOffset());
    line.append(" to ").append(batch.endOffset() - 1);
    line.append(", ").append(batch.recordCount()).append(" record(s) in ");
    line.append(batch.sizeInBytes()).append(" bytes, codec ");
    line.append(codec < CODECS.length ? CODECS[codec] : Integer.toString(codec));
    line.append(", max timestamp ").append(batch.maxTimestamp());
    if (batch.hasProducerId()) {
      line.append(", producer ").append(batch.producerId());
      line.append(" epoch ").append(batch.producerEpoch());
      line.append(" sequence ").append(batch.baseSequence());
    }
    if (batch.isTransactional()) {
      line.append(", transactional");
    }
    if (batch.isControl()) {
      line.append(", control");
    }
    return line.toString();
  }
}
