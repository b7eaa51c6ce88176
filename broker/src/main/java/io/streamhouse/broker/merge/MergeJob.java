package io.streamhouse.broker.merge;

import io.streamhouse.broker.partition.ProducerEntry;
import io.streamhouse.broker.partition.StoredProducers;
import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.storage.ObjectStore.PutResult;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.AbortedTransaction;
import io.streamhouse.segment.BlockCompressor;
import io.streamhouse.segment.ObjectKey;
import io.streamhouse.segment.ProducerState;
import io.streamhouse.segment.SegmentFormat;
import io.streamhouse.segment.SegmentReader;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// One object on its way from small segments to their place.
///
/// ```
/// copy → verify → register → upload → replace
/// ```
///
/// Each [#step] reads one block, or makes one call. Until the object is registered a step that
/// fails ends the job: nobody knows of it. From then on a step that failed is to be taken again,
/// unchanged; each is safe to repeat, so an unknown outcome becomes known by asking again. Confined
/// to its caller.
final class MergeJob implements AutoCloseable {

  /// The only organisation there is until there are several.
  private static final String ORG = "default";

  /// A block of at least so many bytes is taken as it is; smaller ones are put together.
  private static final int WHOLE_BLOCK_BYTES = SegmentFormat.BLOCK_BYTES / 2;

  private final UUID id;
  private final List<MergeRun> runs;
  private final Scratch.Draft draft;
  private final MergeSources sources;
  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final UUID incarnation;
  private final @Nullable BlockCompressor compressor;

  private Step step = Step.COPY;

  /// Which run is being copied or verified.
  private int run;

  /// How far the one being copied has come.
  private @Nullable Copy copy;

  /// How far the one being verified has come.
  private @Nullable Check check;

  private final List<Made> made = new ArrayList<>();
  private long length;
  private List<ReplaceResult> results = List.of();

  enum Step {
    COPY,
    VERIFY,
    REGISTER,
    UPLOAD,
    REPLACE,
    DONE
  }

  /// What was written for a run.
  ///
  /// @param input of all batches read
  private record Made(NewSegment segment, Fingerprint input, ProducerState producers) {}

  /// @param runs in (topic, partition) order, so that what lies beside one another is read so
  /// @param draft closed with this
  MergeJob(
      UUID id,
      List<MergeRun> runs,
      Scratch.Draft draft,
      SegmentManifest manifest,
      ObjectStore store,
      UUID incarnation,
      @Nullable BlockCompressor compressor) {
    this.id = id;
    this.runs = List.copyOf(runs);
    this.draft = draft;
    this.manifest = manifest;
    this.store = store;
    this.incarnation = incarnation;
    this.compressor = compressor;
    this.sources =
        new MergeSources(store, runs.stream().flatMap(one -> one.rows().stream()).toList());
  }

  Step now() {
    return step;
  }

  List<MergeRun> runs() {
    return runs;
  }

  /// The run that was being copied or verified when a step failed.
  MergeRun current() {
    return runs.get(Math.min(run, runs.size() - 1));
  }

  /// Bytes of the object.
  long length() {
    return length;
  }

  /// Of the runs, once it is done.
  List<ReplaceResult> results() {
    return results;
  }

  /// Takes one step; blocks.
  ///
  /// @return bytes of segments read by it
  /// @throws NotTheSame if what was written is not what was read
  long step() throws IOException, MetadataUnavailable, NotTheSame {
    switch (step) {
      case COPY -> {
        return copy();
      }
      case VERIFY -> verify();
      case REGISTER -> {
        manifest.registerObject(incarnation, id, key());
        step = Step.UPLOAD;
      }
      case UPLOAD -> {
        upload();
        step = Step.REPLACE;
      }
      case REPLACE -> {
        var replacements = new ArrayList<Replacement>();
        for (int i = 0; i < runs.size(); i++) {
          replacements.add(new Replacement(runs.get(i).rows(), made.get(i).segment()));
        }
        results = manifest.replace(id, replacements);
        step = Step.DONE;
      }
      case DONE -> throw new IllegalStateException("done");
    }
    return 0;
  }

  private long copy() throws IOException, NotTheSame {
    var current = copy;
    if (current == null) {
      current = new Copy(runs.get(run), length);
      copy = current;
    }
    long read = current.block();
    if (current.atEnd()) {
      made.add(current.finish());
      copy = null;
      run++;
      if (run == runs.size()) {
        run = 0;
        step = Step.VERIFY;
      }
    }
    return read;
  }

  private void verify() throws IOException, NotTheSame {
    var current = check;
    if (current == null) {
      current = new Check(runs.get(run), made.get(run));
      check = current;
    }
    if (current.block()) {
      check = null;
      run++;
      if (run == runs.size()) {
        step = Step.REGISTER;
      }
    }
  }

  private String key() {
    if (runs.size() > 1) {
      return new ObjectKey.Merged(ORG, id).key();
    }
    var lease = runs.getFirst().lease();
    return new ObjectKey.OfPartition(
            ORG,
            lease.key().topicId(),
            lease.key().partition(),
            runs.getFirst().baseOffset(),
            lease.epoch(),
            id)
        .key();
  }

  private void upload() throws IOException {
    var content = draft.content();
    switch (store.putNew(key(), content, Map.of())) {
      case PutResult.Created _ -> {}
      case PutResult.AlreadyExists(ObjectInfo existing) -> {
        var ours = ObjectInfo.of(content);
        if (!existing.equals(ours)) {
          throw new IllegalStateException(
              "object %s exists with %s, expected %s".formatted(key(), existing, ours));
        }
      }
    }
  }

  @Override
  public void close() {
    draft.close();
  }

  /// What was written is not what should have been: nothing is replaced by it.
  static final class NotTheSame extends Exception {
    private static final long serialVersionUID = 1;

    NotTheSame(String what) {
      super(what);
    }
  }

  /// Copies the blocks of a run's segments into one segment of the draft.
  private final class Copy {

    private final MergeRun of;
    private final long start;
    private final Fingerprint input;
    private final Producers producers = new Producers();
    private final List<AbortedTransaction> aborted = new ArrayList<>();
    private int row;
    private int block;
    private @Nullable SegmentReader reader;
    private @Nullable SegmentWriter writer;
    private int leaderEpoch;

    Copy(MergeRun of, long start) {
      this.of = of;
      this.start = start;
      this.input = new Fingerprint(of.baseOffset());
    }

    boolean atEnd() {
      return row == of.rows().size();
    }

    long block() throws IOException, NotTheSame {
      long read = 0;
      var from = reader;
      if (from == null) {
        from = open(of.rows().get(row));
        reader = from;
        block = 0;
        // All that is not in blocks: of small segments the most.
        read = of.rows().get(row).length();
        for (var info : from.blocks()) {
          read -= info.storedLength();
        }
      }
      var to = writer;
      if (to == null) {
        leaderEpoch = from.header().leaderEpoch();
        to = new SegmentWriter(leaderEpoch, compressor);
        writer = to;
      }
      if (block < from.blocks().size()) {
        copyBlock(from, to);
        read += from.blocks().get(block).storedLength();
        block++;
      }
      if (block >= from.blocks().size()) {
        from.producers().ifPresent(producers::add);
        aborted.addAll(from.aborted());
        reader = null;
        row++;
      }
      return read;
    }

    private SegmentReader open(Segment segment) throws IOException, NotTheSame {
      var opened = sources.open(segment);
      var header = opened.header();
      if (header.baseOffset() != segment.baseOffset()
          || header.endOffset() != segment.endOffset()
          || header.records() != segment.records()) {
        throw new NotTheSame("%s has %s".formatted(segment, header));
      }
      return opened;
    }

    private void copyBlock(SegmentReader from, SegmentWriter to) throws IOException, NotTheSame {
      var info = from.blocks().get(block);
      var stored = from.readStored(block);
      var raw = stored;
      if (info.compressed()) {
        raw = ByteBuffer.allocate(info.rawLength());
        from.decompress(block, stored, raw);
        raw.flip();
      }
      long before = input.records();
      input.add(raw);
      if (input.problem() != null) {
        throw new NotTheSame("block %d of %s: %s".formatted(block, from, input.problem()));
      }
      if (raw.remaining() >= WHOLE_BLOCK_BYTES) {
        to.addBlock(info, stored, input.endOffset(), input.records() - before);
      } else {
        for (var batch : RecordBatches.of(raw)) {
          to.add(
              batch.bytes(),
              batch.baseOffset(),
              batch.endOffset(),
              batch.maxTimestamp(),
              batch.recordCount(),
              batch.compression() != 0);
        }
      }
      write(to);
    }

    private void write(SegmentWriter to) throws IOException {
      var closed = to.drain();
      long bytes = closed.stream().mapToLong(ByteBuffer::remaining).sum();
      draft.write(start + to.length() - bytes, closed);
    }

    Made finish() throws IOException {
      var to = writer;
      if (to == null) {
        throw new IllegalStateException("a run without segments");
      }
      var state = producers.state(of);
      to.producers(state);
      to.aborted(aborted);
      long behindBlocks = to.length();
      var content = to.finish();
      draft.write(start, content.buffers().subList(0, 1));
      var rest = content.buffers().subList(1, content.buffers().size());
      long bytes = rest.stream().mapToLong(ByteBuffer::remaining).sum();
      if (content.length() - bytes > behindBlocks) {
        throw new IllegalStateException("blocks that were not written");
      }
      draft.write(start + content.length() - bytes, rest);
      length = start + content.length();
      var segment =
          new NewSegment(
              of.lease(),
              leaderEpoch,
              of.baseOffset(),
              of.endOffset(),
              start,
              content.length(),
              content.header().records(),
              content.header().maxTimestamp());
      return new Made(segment, input, state);
    }
  }

  /// Producer state as of a run's end, from what its segments have.
  private final class Producers {

    private final Map<Long, ProducerEntry> entries = new HashMap<>();
    private boolean any;
    private boolean full;

    /// In offset order: whoever reads state back goes from the newest segment to the first full
    /// one, so what is before that one says nothing.
    void add(ProducerState state) {
      any = true;
      if (state.full()) {
        full = true;
        entries.clear();
      }
      for (var snapshot : state.producers()) {
        merge(ProducerEntry.of(snapshot));
      }
    }

    /// Full where that is known without looking further back, and wherever it is worth the look.
    ProducerState state(MergeRun of) throws IOException {
      var stored = new StoredProducers(manifest, row -> open(row));
      // Nothing older need be read where all is known, or more than is remembered.
      if (!full && !StoredProducers.enough(entries.values())) {
        if (of.first()) {
          stored.belowLogStart(of.partition().id()).forEach(this::merge);
        } else if (any && of.own()) {
          stored.asOf(of.partition().id(), of.endOffset()).forEach(this::merge);
        } else {
          return new ProducerState(
              false, entries.values().stream().map(ProducerEntry::snapshot).toList());
        }
      }
      return StoredProducers.full(entries.values());
    }

    private void merge(ProducerEntry entry) {
      entries.merge(entry.producerId(), entry, ProducerEntry::merge);
    }

    private SegmentReader open(Segment row) throws IOException {
      return SegmentReader.open(
          row.object(),
          (position, bytes) -> store.get(row.object(), position, bytes),
          row.position(),
          row.length());
    }
  }

  /// Reads a run's segment back from the draft and compares it with what the rows that it is to
  /// replace say, and with what was read of them.
  private final class Check {

    private final MergeRun of;
    private final Made made;
    private final Fingerprint output;
    private final SegmentReader reader;
    private int block;

    Check(MergeRun of, Made made) throws IOException {
      this.of = of;
      this.made = made;
      this.output = new Fingerprint(of.baseOffset());
      this.reader =
          SegmentReader.open(
              "a draft", draft::read, made.segment().position(), made.segment().length());
    }

    /// @return whether it was the last
    boolean block() throws IOException, NotTheSame {
      if (block < reader.blocks().size()) {
        var info = reader.blocks().get(block);
        if (info.firstOffset() != output.endOffset()) {
          throw new NotTheSame(
              "block %d begins at %d behind %d"
                  .formatted(block, info.firstOffset(), output.endOffset()));
        }
        output.add(reader.readBlock(block));
        block++;
      }
      if (block < reader.blocks().size()) {
        return false;
      }
      whole();
      return true;
    }

    private void whole() throws IOException, NotTheSame {
      reader.verifyHeader();
      var header = reader.header();
      if (output.problem() != null || !output.sameAs(made.input())) {
        throw new NotTheSame(
            "%s was read, %s written, %s".formatted(made.input(), output, output.problem()));
      }
      if (output.endOffset() != of.endOffset()
          || output.records() != of.records()
          || header.baseOffset() != of.baseOffset()
          || header.endOffset() != of.endOffset()
          || header.records() != of.records()
          || header.maxTimestamp() != of.maxTimestamp()) {
        throw new NotTheSame(
            "rows of [%d,%d) with %d records up to %d ms, but %s"
                .formatted(
                    of.baseOffset(), of.endOffset(), of.records(), of.maxTimestamp(), header));
      }
      if (!reader.producers().equals(Optional.of(made.producers()))) {
        throw new NotTheSame("producer state differs in " + reader);
      }
    }
  }
}
