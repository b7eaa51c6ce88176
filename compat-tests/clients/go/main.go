// A driver for franz-go: it reads commands from standard input, one a line, and answers each on
// standard output. The language stands in ../README.md; this file is the language itself, what a
// producer does is in producer.go, what a consumer does in consumer.go.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	clientPackage = "github.com/twmb/franz-go"
	abilities     = "acks0,gzip,snappy,lz4,zstd,headers,idempotent,group,group-consumer,static," +
		"cooperative,assign,seek,pause,commit,metadata,offsets,offset-for-time,reset-none,admin," +
		"timestamp,no-auto-create,repeated-headers,partitioner"

	// requestLimit bounds every command that asks the cluster something. It outlives a restart of
	// the server.
	requestLimit = 40 * time.Second

	longestLine = 64 << 20
)

// command is one line: its words, in pairs where they are pairs.
type command struct {
	name    string
	target  string
	pairs   map[string]string
	headers []kgo.RecordHeader
}

type driver struct {
	out       *bufio.Writer
	seed      string
	admin     *kadm.Client
	producers map[string]*producer
	consumers map[string]*consumer
}

func main() {
	d := &driver{
		out:       bufio.NewWriter(os.Stdout),
		producers: make(map[string]*producer),
		consumers: make(map[string]*consumer),
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		answer, err := d.run(lines.Text())
		switch {
		case err != nil:
			answer = "error " + describe(err)
		case answer == "":
			answer = "ok"
		default:
			answer = "ok " + answer
		}
		fmt.Fprintln(d.out, answer)
		if err := d.out.Flush(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot answer:", err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot read:", err)
		os.Exit(1)
	}
}

// run obeys one line and returns what follows `ok`.
func (d *driver) run(line string) (string, error) {
	cmd, err := parse(line)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()

	switch cmd.name {
	case "hello":
		return fmt.Sprintf("client=franz-go version=%s can=%s", clientVersion(), abilities), nil
	case "bootstrap":
		return "", d.bootstrap(cmd.target)
	case "producer":
		p, err := newProducer(d.seed, cmd)
		if err == nil {
			d.producers[cmd.target] = p
		}
		return "", err
	case "consumer":
		c, err := newConsumer(ctx, d.seed, d.admin, cmd)
		if err == nil {
			d.consumers[cmd.target] = c
		}
		return "", err
	case "send", "send-many":
		p := d.producers[cmd.target]
		if p == nil {
			return "", fmt.Errorf("no producer %q", cmd.target)
		}
		if cmd.name == "send" {
			return p.send(cmd)
		}
		return p.sendMany(cmd)
	case "partitions":
		return d.partitions(ctx, cmd.pairs["topic"])
	case "create-topic":
		count, err := cmd.number("partitions", 1)
		if err != nil {
			return "", err
		}
		_, err = d.admin.CreateTopic(ctx, int32(count), -1, nil, cmd.pairs["topic"])
		return "", err
	case "delete-topic":
		_, err := d.admin.DeleteTopic(ctx, cmd.pairs["topic"])
		return "", err
	case "close":
		return "", d.close(ctx, cmd.target)
	}

	c := d.consumers[cmd.target]
	if c == nil {
		return "", fmt.Errorf("no consumer %q for %q", cmd.target, cmd.name)
	}
	return d.runConsumer(ctx, c, cmd)
}

func (d *driver) runConsumer(ctx context.Context, c *consumer, cmd command) (string, error) {
	switch cmd.name {
	case "subscribe":
		return "", c.subscribe(strings.Split(cmd.pairs["topics"], ","))
	case "poll":
		return "", c.poll(cmd, d.out)
	case "assignment":
		return c.assignment(ctx)
	}

	of, err := parsePartitions(cmd.pairs["partitions"] + cmd.pairs["partition"])
	if err != nil {
		return "", err
	}
	switch cmd.name {
	case "assign":
		return "", c.assign(ctx, of)
	case "pause":
		return "", c.pause(of)
	case "resume":
		return "", c.resume(of)
	case "commit":
		return "", c.commit(ctx, of, cmd)
	case "committed":
		return c.committed(ctx, of)
	}

	if len(of) != 1 {
		return "", fmt.Errorf("%s needs one partition", cmd.name)
	}
	switch cmd.name {
	case "seek":
		return "", c.seek(ctx, of[0], cmd.pairs["offset"])
	case "offsets":
		beginning, err := listed(d.admin.ListStartOffsets(ctx, of[0].topic))(of[0])
		if err != nil {
			return "", err
		}
		end, err := listed(d.admin.ListEndOffsets(ctx, of[0].topic))(of[0])
		return fmt.Sprintf("beginning=%d end=%d", beginning.Offset, end.Offset), err
	case "offset-for-time":
		millis, err := cmd.number("timestamp", 0)
		if err != nil {
			return "", err
		}
		found, err := listed(d.admin.ListOffsetsAfterMilli(ctx, millis, of[0].topic))(of[0])
		if found.Timestamp < 0 { // kadm puts the end offset where there is no such record
			found.Offset = -1
		}
		return fmt.Sprintf("offset=%d", found.Offset), err
	}
	return "", fmt.Errorf("no command %q", cmd.name)
}

func (d *driver) bootstrap(seed string) error {
	client, err := kgo.NewClient(connection(seed)...)
	if err == nil {
		d.seed, d.admin = seed, kadm.NewClient(client)
	}
	return err
}

// connection is what every client here begins with. Where a server restarts, a connection that ends at
// its first request is no sign of a wrong configuration.
func connection(seed string) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(seed), kgo.AlwaysRetryEOF()}
}

func (d *driver) partitions(ctx context.Context, topic string) (string, error) {
	topics, err := d.admin.ListTopics(ctx, topic)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("count=%d", len(topics[topic].Partitions)), topics[topic].Err
}

func (d *driver) close(ctx context.Context, name string) error {
	if p := d.producers[name]; p != nil {
		delete(d.producers, name)
		return p.close(ctx)
	}
	if c := d.consumers[name]; c != nil {
		delete(d.consumers, name)
		return c.close(ctx)
	}
	return fmt.Errorf("nothing is named %q", name)
}

// listed picks one partition out of what kadm lists for a whole topic.
func listed(all kadm.ListedOffsets, err error) func(topicPartition) (kadm.ListedOffset, error) {
	return func(of topicPartition) (kadm.ListedOffset, error) {
		if err != nil {
			return kadm.ListedOffset{}, err
		}
		found, ok := all.Lookup(of.topic, of.partition)
		if !ok {
			return found, kerr.UnknownTopicOrPartition
		}
		return found, found.Err
	}
}

// describe gives an error's name in Kafka, or one of the language's own, and its text.
func describe(err error) string {
	name := "OTHER"
	var kafka *kerr.Error
	switch {
	case errors.As(err, &kafka):
		name = kafka.Message
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, context.DeadlineExceeded):
		name = "TIMEOUT"
	}
	return name + " " + strings.ReplaceAll(err.Error(), "\n", " ")
}

func parse(line string) (command, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return command{}, errors.New("empty line")
	}
	cmd := command{name: words[0], pairs: make(map[string]string)}
	for _, word := range words[1:] {
		key, value, isPair := strings.Cut(word, "=")
		switch {
		case !isPair:
			cmd.target = word
		case key == "header":
			name, digits, hasValue := strings.Cut(value, ":")
			header := kgo.RecordHeader{Key: name}
			if hasValue {
				bytes, err := hex.DecodeString(digits)
				if err != nil {
					return cmd, err
				}
				header.Value = bytes
			}
			cmd.headers = append(cmd.headers, header)
		default:
			cmd.pairs[key] = value
		}
	}
	return cmd, nil
}

func (cmd command) number(key string, absent int64) (int64, error) {
	text, present := cmd.pairs[key]
	if !present {
		return absent, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

func (cmd command) duration(key string, absent time.Duration) (time.Duration, error) {
	millis, err := cmd.number(key, absent.Milliseconds())
	return time.Duration(millis) * time.Millisecond, err
}

// bytes is nil where the pair is absent and empty where its value is.
func (cmd command) bytes(key string) ([]byte, error) {
	digits, present := cmd.pairs[key]
	if !present {
		return nil, nil
	}
	return hex.DecodeString(digits)
}

func parsePartitions(list string) ([]topicPartition, error) {
	if list == "" {
		return nil, nil
	}
	var all []topicPartition
	for _, one := range strings.Split(list, ",") {
		colon := strings.LastIndexByte(one, ':')
		if colon < 0 {
			return nil, fmt.Errorf("not a partition: %q", one)
		}
		number, err := strconv.ParseInt(one[colon+1:], 10, 32)
		if err != nil {
			return nil, err
		}
		all = append(all, topicPartition{one[:colon], int32(number)})
	}
	return all, nil
}

func clientVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == clientPackage {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}
