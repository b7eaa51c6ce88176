package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	defaultMaxRequest = 10_000_000
	defaultTimeout    = 20 * time.Second

	// batchLimit is franz-go's own default, what a broker accepts unless told otherwise.
	batchLimit = 1_000_012
	// batchOverhead is room for a batch's header and a record's own fields.
	batchOverhead = 1_000
)

// producer is up to two clients, since franz-go has one limit for records and batches: with the
// limit of the largest record, small ones too would be put into batches that brokers refuse.
type producer struct {
	options    []kgo.Opt
	maxRequest int
	noAck      bool
	timeout    time.Duration
	clients    map[int]*kgo.Client // by their limit
}

func newProducer(seed string, cmd command) (*producer, error) {
	timeout, err := cmd.duration("timeout", defaultTimeout)
	if err != nil {
		return nil, err
	}
	maxRequest, err := cmd.number("max-request", defaultMaxRequest)
	if err != nil {
		return nil, err
	}
	p := &producer{maxRequest: int(maxRequest), timeout: timeout, clients: make(map[int]*kgo.Client)}
	p.options = append(connection(seed),
		kgo.RecordPartitioner(chosenPartition{kgo.StickyKeyPartitioner(nil)}),
		kgo.MaxBufferedRecords(1<<20),
	)
	if cmd.pairs["idempotent"] == "true" {
		p.options = append(p.options, kgo.AllowIdempotentProduceCancellation())
	} else {
		p.options = append(p.options, kgo.DisableIdempotentWrite())
	}
	if cmd.pairs["auto-create"] != "false" {
		p.options = append(p.options, kgo.AllowAutoTopicCreation())
	}

	switch acks := cmd.pairs["acks"]; acks {
	case "0":
		p.noAck = true
		p.options = append(p.options, kgo.RequiredAcks(kgo.NoAck()))
	case "1":
		p.options = append(p.options, kgo.RequiredAcks(kgo.LeaderAck()))
	case "all", "":
		p.options = append(p.options, kgo.RequiredAcks(kgo.AllISRAcks()))
	default:
		return nil, fmt.Errorf("unknown acks %q", acks)
	}

	codecs := map[string]kgo.CompressionCodec{
		"":       kgo.NoCompression(),
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	codec, known := codecs[cmd.pairs["compression"]]
	if !known {
		return nil, fmt.Errorf("unknown compression %q", cmd.pairs["compression"])
	}
	p.options = append(p.options, kgo.ProducerBatchCompression(codec))

	_, err = p.client(0) // says at once what does not go together
	return p, err
}

// client is the one whose batches a record of this size fits into.
func (p *producer) client(size int) (*kgo.Client, error) {
	limit := p.maxRequest
	if size+batchOverhead <= batchLimit {
		limit = min(batchLimit, limit)
	}
	if client := p.clients[limit]; client != nil {
		return client, nil
	}
	client, err := kgo.NewClient(append(slices.Clone(p.options), kgo.ProducerBatchMaxBytes(int32(limit)))...)
	if err == nil {
		p.clients[limit] = client
	}
	return client, err
}

func (p *producer) send(cmd command) (string, error) {
	record := &kgo.Record{Topic: cmd.pairs["topic"], Headers: cmd.headers}
	var err error
	if record.Key, err = cmd.bytes("key"); err != nil {
		return "", err
	}
	if record.Value, err = cmd.bytes("value"); err != nil {
		return "", err
	}
	if size, err := cmd.number("value-size", -1); err != nil {
		return "", err
	} else if size >= 0 {
		record.Value = bytes.Repeat([]byte{'x'}, int(size))
	}
	partition, err := cmd.number("partition", anyPartition)
	if err != nil {
		return "", err
	}
	record.Partition = int32(partition)
	if millis, err := cmd.number("timestamp", -1); err != nil {
		return "", err
	} else if millis >= 0 {
		record.Timestamp = time.UnixMilli(millis)
	}

	size := len(record.Key) + len(record.Value)
	for _, header := range record.Headers {
		size += len(header.Key) + len(header.Value) + 10
	}
	client, err := p.client(size)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	sent, err := client.ProduceSync(ctx, record).First()
	if err != nil {
		return "", err
	}
	if p.noAck {
		sent.Offset = -1
	}
	return fmt.Sprintf("partition=%d offset=%d", sent.Partition, sent.Offset), nil
}

func (p *producer) sendMany(cmd command) (string, error) {
	var number [4]int64
	for i, key := range []string{"partitions", "from", "count", "size"} {
		var err error
		if number[i], err = cmd.number(key, 0); err != nil {
			return "", err
		}
	}
	partitions, from, count, size := number[0], number[1], number[2], number[3]
	if partitions < 1 {
		return "", fmt.Errorf("partitions=%d", partitions)
	}
	client, err := p.client(int(size))
	if err != nil {
		return "", err
	}
	// Not franz-go's own delivery timeout: that one counts from a record's timestamp.
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	// Written by franz-go's one goroutine of promises, read after the flush that waits for them.
	var first error
	for i := from; i < from+count; i++ {
		record := &kgo.Record{
			Topic:     cmd.pairs["topic"],
			Partition: int32(i % partitions),
			Value:     fmt.Appendf(nil, "%-*s", int(size), strconv.FormatInt(i, 10)),
		}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil && first == nil {
				first = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return "", err
	}
	return fmt.Sprintf("sent=%d", count), first
}

func (p *producer) close(ctx context.Context) error {
	var first error
	for _, client := range p.clients {
		if err := client.Flush(ctx); err != nil && first == nil {
			first = err
		}
		client.Close()
	}
	return first
}

// anyPartition leaves the choice to the client.
const anyPartition = -1

// chosenPartition takes the partition a record names, and the client's own choice for one that
// names none.
type chosenPartition struct{ otherwise kgo.Partitioner }

func (c chosenPartition) ForTopic(topic string) kgo.TopicPartitioner {
	return chosenTopicPartition{c.otherwise.ForTopic(topic)}
}

type chosenTopicPartition struct{ kgo.TopicPartitioner }

func (c chosenTopicPartition) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition != anyPartition || c.TopicPartitioner.RequiresConsistency(r)
}

func (c chosenTopicPartition) Partition(r *kgo.Record, n int) int {
	if r.Partition != anyPartition {
		return int(r.Partition)
	}
	return c.TopicPartitioner.Partition(r, n)
}

func (c chosenTopicPartition) OnNewBatch() {
	if sticky, ok := c.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		sticky.OnNewBatch()
	}
}
