package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// longestInline is the size of the longest value told in full.
	longestInline = 256

	consumerGroupHeartbeat = 68 // the key of KIP-848's request
)

type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) String() string { return fmt.Sprintf("%s:%d", tp.topic, tp.partition) }

func compare(a, b topicPartition) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}

// consumer is a member of a group after subscribe, a reader by itself after assign or without a
// group. Its client is made by either command, for franz-go wants to know which from the start.
type consumer struct {
	admin   *kadm.Client
	group   string
	options []kgo.Opt
	member  []kgo.Opt // on top of options, in a group
	start   kgo.Offset
	noReset bool
	static  bool

	client     *kgo.Client
	subscribed []string
	direct     bool
	homeless   map[topicPartition]bool // assigned, but with nowhere to begin

	mu       sync.Mutex // what is below also belongs to franz-go's callbacks
	assigned map[topicPartition]bool
	told     map[topicPartition]kgo.EpochOffset // the position after what poll has told
}

func newConsumer(ctx context.Context, seed string, admin *kadm.Client, cmd command) (*consumer, error) {
	c := &consumer{
		admin:    admin,
		group:    cmd.pairs["group"],
		homeless: make(map[topicPartition]bool),
		assigned: make(map[topicPartition]bool),
		told:     make(map[topicPartition]kgo.EpochOffset),
	}
	c.options = append(connection(seed), kgo.FetchMaxWait(500*time.Millisecond))
	c.member = []kgo.Opt{
		kgo.ConsumerGroup(c.group),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(c.gained),
		kgo.OnPartitionsRevoked(c.lost),
		kgo.OnPartitionsLost(c.lost),
		kgo.AdjustFetchOffsetsFn(c.resolve),
	}

	switch reset := cmd.pairs["reset"]; reset {
	case "", "earliest":
		c.start = kgo.NewOffset().AtStart()
	case "latest":
		c.start = kgo.NewOffset().AtEnd()
	case "none":
		c.start, c.noReset = kgo.NoResetOffset(), true
		c.member = append(c.member, kgo.ConsumeStartOffset(kgo.NewOffset().AtCommitted()))
	default:
		return nil, fmt.Errorf("unknown reset %q", reset)
	}
	c.options = append(c.options, kgo.ConsumeResetOffset(c.start))

	if instance, static := cmd.pairs["instance"]; static {
		c.static = true
		c.member = append(c.member, kgo.InstanceID(instance))
	}
	switch cmd.pairs["protocol"] {
	case "", "classic":
	case "consumer":
		if err := c.requireServerSideBalancer(ctx); err != nil {
			return nil, err
		}
		c.member = append(c.member, kgo.ServerSideBalancer())
	default:
		return nil, fmt.Errorf("unknown protocol %q", cmd.pairs["protocol"])
	}
	switch cmd.pairs["assignor"] {
	case "", "range":
		c.member = append(c.member, kgo.Balancers(kgo.RangeBalancer()))
	case "cooperative":
		c.member = append(c.member, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	default:
		return nil, fmt.Errorf("unknown assignor %q", cmd.pairs["assignor"])
	}
	if session, err := cmd.duration("session", 0); err != nil {
		return nil, err
	} else if session > 0 {
		c.member = append(c.member,
			kgo.SessionTimeout(session), kgo.HeartbeatInterval(min(3*time.Second, session/3)))
	}
	return c, nil
}

// requireServerSideBalancer refuses what franz-go would silently replace by the classic protocol.
func (c *consumer) requireServerSideBalancer(ctx context.Context) error {
	brokers, err := c.admin.ApiVersions(ctx)
	if err != nil {
		return err
	}
	for _, broker := range brokers {
		if version, ok := broker.KeyMaxVersion(consumerGroupHeartbeat); !ok || version < 1 {
			return kerr.UnsupportedVersion
		}
	}
	return nil
}

func (c *consumer) gained(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range flatten(partitions) {
		c.assigned[tp] = true
	}
}

func (c *consumer) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range flatten(partitions) {
		delete(c.assigned, tp)
		delete(c.told, tp)
	}
}

// resolve puts a number where a partition without commit would begin at the start or the end of its
// log: SetOffsets knows only partitions that had one.
func (c *consumer) resolve(
	ctx context.Context, begin map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	list := c.admin.ListStartOffsets
	switch c.start {
	case kgo.NewOffset().AtStart():
	case kgo.NewOffset().AtEnd():
		list = c.admin.ListEndOffsets
	default:
		return begin, nil
	}
	for topic, partitions := range begin {
		for partition, offset := range partitions {
			if offset.EpochOffset().Offset >= 0 {
				continue
			}
			found, err := listed(list(ctx, topic))(topicPartition{topic, partition})
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s:%d keeps its reset: %v\n", topic, partition, err)
				continue
			}
			partitions[partition] = kgo.NewOffset().At(found.Offset)
		}
	}
	return begin, nil
}

func (c *consumer) subscribe(topics []string) error {
	if c.client != nil && !c.direct {
		for _, topic := range c.subscribed {
			if !slices.Contains(topics, topic) {
				c.client.PurgeTopicsFromConsuming(topic)
			}
		}
		c.client.AddConsumeTopics(topics...)
		c.subscribed = topics
		return nil
	}
	options := append(slices.Clone(c.options), kgo.ConsumeTopics(topics...))
	if c.group != "" {
		options = append(options, c.member...)
	}
	c.subscribed = topics
	return c.open(options, false)
}

func (c *consumer) assign(ctx context.Context, partitions []topicPartition) error {
	begin := make(map[string]map[int32]kgo.Offset)
	committed, err := c.fetchCommitted(ctx, partitions)
	if err != nil {
		return err
	}
	clear(c.assigned)
	clear(c.told)
	clear(c.homeless)
	for i, tp := range partitions {
		c.assigned[tp] = true
		switch {
		case committed[i] >= 0:
			put(begin, tp, c.start.At(committed[i]))
		case c.noReset:
			c.homeless[tp] = true
		default:
			put(begin, tp, c.start)
		}
	}
	return c.open(append(slices.Clone(c.options), kgo.ConsumePartitions(begin)), true)
}

func (c *consumer) open(options []kgo.Opt, direct bool) error {
	if c.client != nil {
		c.client.Close()
	}
	client, err := kgo.NewClient(options...)
	c.client, c.direct = client, direct
	return err
}

func (c *consumer) seek(ctx context.Context, to topicPartition, where string) error {
	if !c.isAssigned(ctx, to) {
		return fmt.Errorf("%v is not assigned", to)
	}
	var offset int64
	switch where {
	case "beginning":
		found, err := listed(c.admin.ListStartOffsets(ctx, to.topic))(to)
		if err != nil {
			return err
		}
		offset = found.Offset
	case "end":
		found, err := listed(c.admin.ListEndOffsets(ctx, to.topic))(to)
		if err != nil {
			return err
		}
		offset = found.Offset
	default:
		var err error
		if offset, err = (command{pairs: map[string]string{"offset": where}}).number("offset", 0); err != nil {
			return err
		}
	}
	if c.direct {
		c.client.RemoveConsumePartitions(map[string][]int32{to.topic: {to.partition}})
		c.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
			to.topic: {to.partition: c.start.At(offset)},
		})
		delete(c.homeless, to)
	} else {
		if err := c.awaitPlaced(ctx, to); err != nil {
			return err
		}
		c.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{
			to.topic: {to.partition: {Epoch: -1, Offset: offset}},
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.told, to)
	return nil
}

// awaitPlaced waits out the moment between an assignment and its first offset, in which franz-go
// passes over SetOffsets.
func (c *consumer) awaitPlaced(ctx context.Context, tp topicPartition) error {
	for c.group != "" {
		if _, placed := c.client.CommittedOffsets()[tp.topic][tp.partition]; placed {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%v has no position: %w", tp, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// poll writes the records it gets, and returns an error that no further poll would overcome.
func (c *consumer) poll(cmd command, out io.Writer) error {
	most, err := cmd.number("max", 1)
	if err != nil {
		return err
	}
	wait, err := cmd.duration("wait", 0)
	if err != nil {
		return err
	}
	if c.client == nil {
		return errors.New("neither subscribed nor assigned")
	}
	for tp := range c.homeless {
		return fmt.Errorf("%v has no committed offset", tp)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for most > 0 && err == nil {
		fetches := c.client.PollRecords(ctx, int(most))
		fetches.EachRecord(func(r *kgo.Record) {
			most--
			tell(out, r)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told[topicPartition{r.Topic, r.Partition}] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
		})
		fetches.EachError(func(topic string, partition int32, failure error) {
			if ctx.Err() != nil && errors.Is(failure, ctx.Err()) {
				return
			}
			fmt.Fprintf(os.Stderr, "poll of %s:%d: %v\n", topic, partition, failure)
			if err == nil && !passes(failure) {
				err = failure
			}
		})
		if ctx.Err() != nil {
			break
		}
	}
	return err
}

// passes says whether the client goes on by itself after it reported this.
func passes(failure error) bool {
	var loss *kgo.ErrDataLoss
	var session *kgo.ErrGroupSession
	var kafka *kerr.Error
	switch {
	case errors.As(failure, &loss), kgo.IsRetryableBrokerErr(failure):
		return true
	case !errors.As(failure, &kafka):
		return errors.As(failure, &session)
	case errors.As(failure, &session):
		return kafka.Retriable || slices.Contains(rejoined, kafka)
	}
	return kafka.Retriable
}

// rejoined are the answers after which a member joins anew by itself.
var rejoined = []*kerr.Error{
	kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.FencedMemberEpoch, kerr.UnreleasedInstanceID,
}

func tell(out io.Writer, r *kgo.Record) {
	fmt.Fprintf(out, "record topic=%s partition=%d offset=%d timestamp=%d",
		r.Topic, r.Partition, r.Offset, r.Timestamp.UnixMilli())
	if r.Key != nil {
		fmt.Fprintf(out, " key=%x", r.Key)
	}
	switch {
	case len(r.Value) > longestInline:
		fmt.Fprintf(out, " value-size=%d value-crc=%08x", len(r.Value), crc32.ChecksumIEEE(r.Value))
	case r.Value != nil:
		fmt.Fprintf(out, " value=%x", r.Value)
	}
	for _, header := range r.Headers {
		fmt.Fprintf(out, " header=%s", header.Key)
		if header.Value != nil {
			fmt.Fprintf(out, ":%x", header.Value)
		}
	}
	fmt.Fprintln(out)
}

func (c *consumer) assignment(ctx context.Context) (string, error) {
	all, err := c.currentAssignment(ctx)
	slices.SortFunc(all, compare)
	words := make([]string, len(all))
	for i, tp := range all {
		words[i] = tp.String()
	}
	return "partitions=" + strings.Join(words, ","), err
}

// currentAssignment is every partition there is for one that subscribes without a group.
func (c *consumer) currentAssignment(ctx context.Context) ([]topicPartition, error) {
	if c.group == "" && !c.direct && len(c.subscribed) > 0 {
		topics, err := c.admin.ListTopics(ctx, c.subscribed...)
		var all []topicPartition
		topics.EachPartition(func(p kadm.PartitionDetail) {
			all = append(all, topicPartition{p.Topic, p.Partition})
		})
		return all, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.assigned)), nil
}

func (c *consumer) isAssigned(ctx context.Context, tp topicPartition) bool {
	all, err := c.currentAssignment(ctx)
	return err == nil && slices.Contains(all, tp)
}

func (c *consumer) pause(partitions []topicPartition) error {
	if c.client == nil {
		return errors.New("neither subscribed nor assigned")
	}
	c.client.PauseFetchPartitions(byTopic(partitions))
	return nil
}

func (c *consumer) resume(partitions []topicPartition) error {
	if c.client == nil {
		return errors.New("neither subscribed nor assigned")
	}
	c.client.ResumeFetchPartitions(byTopic(partitions))
	return nil
}

func (c *consumer) commit(ctx context.Context, partitions []topicPartition, cmd command) error {
	if c.group == "" {
		return kerr.InvalidGroupID
	}
	offset, err := cmd.number("offset", 0)
	if err != nil {
		return err
	}
	offsets := make(map[topicPartition]kgo.EpochOffset)
	for _, tp := range partitions {
		offsets[tp] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	if len(partitions) == 0 {
		c.mu.Lock()
		maps.Copy(offsets, c.told)
		c.mu.Unlock()
	}
	if len(offsets) == 0 {
		return nil
	}
	if c.client == nil || c.direct {
		return c.commitAlone(ctx, offsets, cmd.pairs["metadata"])
	}
	return c.commitAsMember(ctx, offsets, cmd.pairs["metadata"])
}

func (c *consumer) commitAlone(ctx context.Context, offsets map[topicPartition]kgo.EpochOffset, metadata string) error {
	var commit kadm.Offsets
	for tp, at := range offsets {
		commit.Add(kadm.Offset{
			Topic: tp.topic, Partition: tp.partition, At: at.Offset, LeaderEpoch: at.Epoch, Metadata: metadata,
		})
	}
	_, err := again(ctx, func() (struct{}, error) {
		return struct{}{}, c.admin.CommitAllOffsets(ctx, c.group, commit)
	})
	return err
}

func (c *consumer) commitAsMember(ctx context.Context, offsets map[topicPartition]kgo.EpochOffset, metadata string) error {
	commit := make(map[string]map[int32]kgo.EpochOffset)
	for tp, at := range offsets {
		put(commit, tp, at)
	}
	if metadata != "" {
		ctx = kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
			for _, topic := range request.Topics {
				for i := range topic.Partitions {
					topic.Partitions[i].Metadata = &metadata
				}
			}
			return nil
		})
	}
	var failure error
	c.client.CommitOffsetsSync(ctx, commit,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failure = err
			if response == nil {
				return
			}
			for _, topic := range response.Topics {
				for _, partition := range topic.Partitions {
					failure = cmp.Or(failure, kerr.ErrorForCode(partition.ErrorCode))
				}
			}
		})
	return failure
}

func (c *consumer) committed(ctx context.Context, partitions []topicPartition) (string, error) {
	offsets, err := c.fetchCommitted(ctx, partitions)
	if err != nil {
		return "", err
	}
	words := make([]string, len(partitions))
	for i, tp := range partitions {
		words[i] = fmt.Sprintf("%v:%d", tp, offsets[i])
	}
	return "offsets=" + strings.Join(words, ","), nil
}

// fetchCommitted gives -1 for each partition without.
func (c *consumer) fetchCommitted(ctx context.Context, partitions []topicPartition) ([]int64, error) {
	offsets := slices.Repeat([]int64{-1}, len(partitions))
	if c.group == "" {
		return offsets, nil
	}
	all, err := again(ctx, func() (kadm.OffsetResponses, error) {
		return c.admin.FetchOffsets(ctx, c.group)
	})
	if err != nil {
		return nil, err
	}
	for i, tp := range partitions {
		if found, ok := all.Lookup(tp.topic, tp.partition); ok {
			if found.Err != nil {
				return nil, found.Err
			}
			offsets[i] = found.At
		}
	}
	return offsets, nil
}

// close leaves the group. What a static member is told then counts for as little as in the library,
// which leaves out the instance that it leaves as when the group's protocol is KIP-848's.
func (c *consumer) close(ctx context.Context) error {
	if c.client == nil {
		return nil
	}
	err := c.client.LeaveGroupContext(ctx)
	c.client.Close()
	if err != nil && c.static {
		fmt.Fprintln(os.Stderr, "a static member left:", err)
		err = nil
	}
	return err
}

// again asks anew where a connection ended with the server it was to: kadm leaves that to its user
// for what it asks a group's coordinator.
func again[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		if err == nil || !kgo.IsRetryableBrokerErr(err) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func put[V any](all map[string]map[int32]V, tp topicPartition, value V) {
	if all[tp.topic] == nil {
		all[tp.topic] = make(map[int32]V)
	}
	all[tp.topic][tp.partition] = value
}

func byTopic(partitions []topicPartition) map[string][]int32 {
	all := make(map[string][]int32)
	for _, tp := range partitions {
		all[tp.topic] = append(all[tp.topic], tp.partition)
	}
	return all
}

func flatten(partitions map[string][]int32) []topicPartition {
	var all []topicPartition
	for topic, numbers := range partitions {
		for _, number := range numbers {
			all = append(all, topicPartition{topic, number})
		}
	}
	return all
}
