//! A driver for rskafka: it reads commands from standard input, one a line, and answers each on
//! standard output. The language stands in `../../README.md`.
//!
//! rskafka is a client of partitions: it has no groups, and leaves to its user which partition a
//! record goes to, where to read on, and what to do with an offset out of range. That is here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rskafka::BackoffConfig;
use rskafka::client::error::Error as KafkaError;
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The library has no word for its own version.
const RSKAFKA: &str = "0.6.0";
const ABILITIES: &str = "gzip,snappy,lz4,zstd,headers,assign,seek,pause,offsets,offset-for-time,\
                         reset-none,admin,timestamp,no-auto-create";

/// Outlives a restart of the server.
const REQUEST_LIMIT: Duration = Duration::from_secs(40);
const DEFAULT_TIMEOUT_MS: i64 = 20_000;
const LONGEST_INLINE: usize = 256;
/// `send-many` hands over this much at a time, for one call is one batch.
const BATCH_BYTES: usize = 500_000;
const RECORD_OVERHEAD: usize = 64;
const FETCH_BYTES: i32 = 4_000_000;

/// An error as it is told: a name, then a text.
struct Failure(String, String);

type Answer<T = String> = Result<T, Failure>;

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Failure(name_of(&error), error.to_string())
    }
}

fn other(text: impl Into<String>) -> Failure {
    Failure("OTHER".into(), text.into())
}

fn unsupported(what: &str) -> Failure {
    Failure("UNSUPPORTED".into(), format!("rskafka has no {what}"))
}

/// Kafka's name of what the server said, also where the client tried it until its deadline.
fn name_of(error: &KafkaError) -> String {
    match error {
        KafkaError::ServerError { protocol_error, .. } => {
            let mut name = String::new();
            for (i, letter) in format!("{protocol_error:?}").chars().enumerate() {
                if i > 0 && letter.is_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            name
        }
        KafkaError::RetryFailed(failed) => std::error::Error::source(failed)
            .and_then(|source| source.downcast_ref::<KafkaError>())
            .map(name_of)
            .filter(|name| name != "OTHER")
            .unwrap_or_else(|| "TIMEOUT".into()),
        KafkaError::Timeout => "TIMEOUT".into(),
        _ => "OTHER".into(),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Answer<T>>) -> Answer<T> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Failure("TIMEOUT".into(), format!("not done within {limit:?}"))))
}

/// One line: its words, in pairs where they are pairs.
struct Command<'a> {
    name: &'a str,
    target: &'a str,
    pairs: HashMap<&'a str, &'a str>,
    headers: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Command<'a> {
    fn parse(line: &'a str) -> Self {
        let mut words = line.split_whitespace();
        let mut command = Command {
            name: words.next().unwrap_or_default(),
            target: "",
            pairs: HashMap::new(),
            headers: Vec::new(),
        };
        for word in words {
            match word.split_once('=') {
                None => command.target = word,
                Some(("header", header)) => command.headers.push(match header.split_once(':') {
                    Some((name, value)) => (name, Some(value)),
                    None => (header, None),
                }),
                Some((key, value)) => {
                    command.pairs.insert(key, value);
                }
            }
        }
        command
    }

    fn text(&self, key: &str) -> Answer<&'a str> {
        self.pairs.get(key).copied().ok_or_else(|| other(format!("no {key}")))
    }

    fn number(&self, key: &str, absent: i64) -> Answer<i64> {
        self.pairs.get(key).map_or(Ok(absent), |text| parse_number(text))
    }

    fn bytes(&self, key: &str) -> Answer<Option<Vec<u8>>> {
        self.pairs.get(key).map(|text| parse_hex(text)).transpose()
    }

    fn partitions(&self, key: &str) -> Answer<Vec<TopicPartition>> {
        self.text(key)?.split(',').map(parse_partition).collect()
    }

    fn partition(&self) -> Answer<TopicPartition> {
        parse_partition(self.text("partition")?)
    }
}

type TopicPartition = (String, i32);

fn parse_number(text: &str) -> Answer<i64> {
    text.parse().map_err(|_| other(format!("not a number: {text}")))
}

fn parse_partition(text: &str) -> Answer<TopicPartition> {
    let (topic, number) = text.rsplit_once(':').ok_or_else(|| other(format!("not a partition: {text}")))?;
    Ok((topic.into(), parse_number(number)? as i32))
}

fn parse_hex(text: &str) -> Answer<Vec<u8>> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..text.len())
        .step_by(2)
        .map(|at| digit(at).ok_or_else(|| other(format!("not hexadecimal at {at}"))))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The clients of partitions, each made once.
struct Cluster {
    client: Client,
    partitions: HashMap<TopicPartition, Arc<PartitionClient>>,
}

impl Cluster {
    async fn connect(address: &str) -> Answer<Self> {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
            deadline: Some(REQUEST_LIMIT),
        };
        let client = ClientBuilder::new(vec![address.into()]).backoff_config(backoff).build().await?;
        Ok(Cluster { client, partitions: HashMap::new() })
    }

    async fn count(&self, topic: &str) -> Answer<i32> {
        let topics = self.client.list_topics().await?;
        let found = topics.iter().find(|one| one.name == topic);
        found
            .map(|one| one.partitions.len() as i32)
            .ok_or_else(|| Failure("UNKNOWN_TOPIC_OR_PARTITION".into(), topic.into()))
    }

    async fn partition(&mut self, of: &TopicPartition) -> Answer<Arc<PartitionClient>> {
        if let Some(known) = self.partitions.get(of) {
            return Ok(known.clone());
        }
        // rskafka's own look at a topic would create it.
        if of.1 >= self.count(&of.0).await? {
            return Err(Failure("UNKNOWN_TOPIC_OR_PARTITION".into(), format!("{}:{}", of.0, of.1)));
        }
        let made = self.client.partition_client(&of.0, of.1, UnknownTopicHandling::Error).await?;
        let made = Arc::new(made);
        self.partitions.insert(of.clone(), made.clone());
        Ok(made)
    }

    fn forget(&mut self, topic: &str) {
        self.partitions.retain(|of, _| of.0 != topic);
    }
}

struct Producer {
    compression: Compression,
    timeout: Duration,
}

impl Producer {
    fn new(command: &Command) -> Answer<Self> {
        match command.pairs.get("acks").copied() {
            None | Some("all") => {}
            Some(acks) => return Err(unsupported(&format!("acks={acks}"))),
        }
        if command.pairs.get("idempotent") == Some(&"true") {
            return Err(unsupported("idempotent producer"));
        }
        if command.pairs.get("auto-create") == Some(&"true") {
            return Err(unsupported("creation of topics by producers"));
        }
        let compression = match command.pairs.get("compression").copied() {
            None | Some("none") => Compression::NoCompression,
            Some("gzip") => Compression::Gzip,
            Some("snappy") => Compression::Snappy,
            Some("lz4") => Compression::Lz4,
            Some("zstd") => Compression::Zstd,
            Some(codec) => return Err(unsupported(codec)),
        };
        let timeout = Duration::from_millis(command.number("timeout", DEFAULT_TIMEOUT_MS)? as u64);
        Ok(Producer { compression, timeout })
    }

    async fn send(&self, cluster: &mut Cluster, command: &Command<'_>) -> Answer {
        if !command.pairs.contains_key("partition") {
            return Err(unsupported("partitioner"));
        }
        let value = match command.number("value-size", -1)? {
            size if size >= 0 => Some(vec![b'x'; size as usize]),
            _ => command.bytes("value")?,
        };
        let mut headers = BTreeMap::new();
        for (name, header) in &command.headers {
            let header = header.ok_or_else(|| unsupported("null value of a header"))?;
            if headers.insert((*name).into(), parse_hex(header)?).is_some() {
                return Err(unsupported("second header of the same name"));
            }
        }
        let timestamp = match command.number("timestamp", -1)? {
            millis if millis >= 0 => at_millis(millis)?,
            _ => Utc::now(),
        };
        let record = Record { key: command.bytes("key")?, value, headers, timestamp };
        let to = (command.text("topic")?.to_owned(), command.number("partition", 0)? as i32);
        let offsets = within(self.timeout, async {
            Ok(cluster.partition(&to).await?.produce(vec![record], self.compression).await?)
        })
        .await?;
        Ok(format!("partition={} offset={}", to.1, offsets[0]))
    }

    async fn send_many(&self, cluster: &mut Cluster, command: &Command<'_>) -> Answer {
        let topic = command.text("topic")?;
        let partitions = command.number("partitions", 1)?.max(1);
        let (from, count) = (command.number("from", 0)?, command.number("count", 0)?);
        let size = command.number("size", 0)? as usize;
        let mut each: BTreeMap<i64, Vec<Record>> = BTreeMap::new();
        for i in from..from + count {
            each.entry(i % partitions).or_default().push(Record {
                key: None,
                value: Some(format!("{i:<size$}").into_bytes()),
                headers: BTreeMap::new(),
                timestamp: Utc::now(),
            });
        }
        let together = (BATCH_BYTES / (size + RECORD_OVERHEAD)).max(1);
        within(self.timeout, async {
            for (number, records) in each {
                let partition = cluster.partition(&(topic.into(), number as i32)).await?;
                for batch in records.chunks(together) {
                    partition.produce(batch.to_vec(), self.compression).await?;
                }
            }
            Ok(format!("sent={count}"))
        })
        .await
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Reset {
    Earliest,
    Latest,
    None,
}

/// Where reading one partition has come to.
struct Reading {
    partition: Arc<PartitionClient>,
    /// What to fetch next; none until it is known where to begin.
    next: Option<i64>,
    paused: bool,
    fetched: VecDeque<RecordAndOffset>,
}

struct Consumer {
    reset: Reset,
    reading: BTreeMap<TopicPartition, Reading>,
}

impl Consumer {
    fn new(command: &Command) -> Answer<Self> {
        for (key, what) in
            [("group", "groups"), ("instance", "groups"), ("protocol", "groups"), ("assignor", "groups")]
        {
            if command.pairs.contains_key(key) {
                return Err(unsupported(what));
            }
        }
        let reset = match command.pairs.get("reset").copied() {
            None | Some("earliest") => Reset::Earliest,
            Some("latest") => Reset::Latest,
            Some("none") => Reset::None,
            Some(reset) => return Err(other(format!("unknown reset {reset}"))),
        };
        Ok(Consumer { reset, reading: BTreeMap::new() })
    }

    async fn assign(&mut self, cluster: &mut Cluster, partitions: Vec<TopicPartition>) -> Answer<()> {
        self.reading.clear();
        for of in partitions {
            let partition = cluster.partition(&of).await?;
            let next = match self.reset {
                Reset::None => None,
                reset => Some(begin(&partition, reset).await?),
            };
            self.reading.insert(of, Reading { partition, next, paused: false, fetched: VecDeque::new() });
        }
        Ok(())
    }

    fn reading(&mut self, of: &TopicPartition) -> Answer<&mut Reading> {
        self.reading.get_mut(of).ok_or_else(|| other(format!("{}:{} is not assigned", of.0, of.1)))
    }

    async fn seek(&mut self, command: &Command<'_>) -> Answer<()> {
        let reading = self.reading(&command.partition()?)?;
        reading.next = Some(match command.text("offset")? {
            "beginning" => reading.partition.get_offset(OffsetAt::Earliest).await?,
            "end" => reading.partition.get_offset(OffsetAt::Latest).await?,
            number => parse_number(number)?,
        });
        reading.fetched.clear();
        Ok(())
    }

    fn pause(&mut self, command: &Command, paused: bool) -> Answer<()> {
        for of in command.partitions("partitions")? {
            self.reading(&of)?.paused = paused;
        }
        Ok(())
    }

    fn assignment(&self) -> String {
        let all: Vec<_> = self.reading.keys().map(|of| format!("{}:{}", of.0, of.1)).collect();
        format!("partitions={}", all.join(","))
    }

    async fn poll(&mut self, most: usize, wait: Duration, out: &mut String) -> Answer<()> {
        let until = Instant::now() + wait;
        let mut left = most;
        loop {
            for (of, reading) in self.reading.iter_mut().filter(|(_, reading)| !reading.paused) {
                let told = left.min(reading.fetched.len());
                left -= told;
                for record in reading.fetched.drain(..told) {
                    tell(out, of, &record);
                }
            }
            let rest = until.saturating_duration_since(Instant::now());
            if left == 0 || rest.is_zero() {
                return Ok(());
            }
            self.fetch(rest).await?;
        }
    }

    /// Fetches once from each partition of which nothing is left, and gives up when `rest` is over.
    async fn fetch(&mut self, rest: Duration) -> Answer<()> {
        let wanted: Vec<_> = self
            .reading
            .iter()
            .filter(|(_, reading)| !reading.paused && reading.fetched.is_empty())
            .map(|(of, reading)| (of.clone(), reading.partition.clone(), reading.next))
            .collect();
        if wanted.is_empty() {
            tokio::time::sleep(rest).await;
            return Ok(());
        }
        // A connection's requests are answered one after the other, so each may wait its share only.
        let wait = (rest.as_millis().min(500) as i32 / wanted.len() as i32).max(1);
        let mut fetches = JoinSet::new();
        for (of, partition, next) in wanted {
            let next = next.ok_or_else(|| other(format!("{}:{} has no offset to begin at", of.0, of.1)))?;
            fetches.spawn(async move {
                let got = partition.fetch_records(next, 1..FETCH_BYTES, wait).await;
                (of, next, got)
            });
        }
        let limit = tokio::time::Instant::now() + rest + Duration::from_secs(1);
        while let Ok(Some(Ok((of, asked, got)))) = tokio::time::timeout_at(limit, fetches.join_next()).await {
            let reset = self.reset;
            let reading = self.reading(&of)?;
            match got {
                Ok((records, _)) => {
                    reading.next = Some(records.last().map_or(asked, |last| last.offset + 1));
                    reading.fetched.extend(records);
                }
                Err(error) if name_of(&error) == "OFFSET_OUT_OF_RANGE" && reset != Reset::None => {
                    reading.next = Some(begin(&reading.partition, reset).await?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

async fn begin(partition: &PartitionClient, reset: Reset) -> Answer<i64> {
    let at = if reset == Reset::Latest { OffsetAt::Latest } else { OffsetAt::Earliest };
    Ok(partition.get_offset(at).await?)
}

fn at_millis(millis: i64) -> Answer<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| other(format!("no such time: {millis}")))
}

fn tell(out: &mut String, of: &TopicPartition, RecordAndOffset { record, offset }: &RecordAndOffset) {
    let (topic, partition) = of;
    let millis = record.timestamp.timestamp_millis();
    let _ = write!(out, "record topic={topic} partition={partition} offset={offset} timestamp={millis}");
    if let Some(key) = &record.key {
        let _ = write!(out, " key={}", hex(key));
    }
    match &record.value {
        Some(value) if value.len() > LONGEST_INLINE => {
            let _ = write!(out, " value-size={} value-crc={:08x}", value.len(), crc32fast::hash(value));
        }
        Some(value) => {
            let _ = write!(out, " value={}", hex(value));
        }
        None => {}
    }
    for (name, value) in &record.headers {
        let _ = write!(out, " header={name}:{}", hex(value));
    }
    out.push('\n');
}

#[derive(Default)]
struct Driver {
    cluster: Option<Cluster>,
    producers: HashMap<String, Producer>,
    consumers: HashMap<String, Consumer>,
}

impl Driver {
    /// Obeys one line and returns what follows `ok`; records go to `out` before.
    async fn run(&mut self, command: &Command<'_>, out: &mut String) -> Answer {
        match command.name {
            "hello" => return Ok(format!("client=rskafka version={RSKAFKA} can={ABILITIES}")),
            "bootstrap" => {
                self.cluster = Some(Cluster::connect(command.target).await?);
                return Ok(String::new());
            }
            _ => {}
        }
        let cluster = self.cluster.as_mut().ok_or_else(|| other("no bootstrap yet"))?;
        let target = command.target;
        let nobody = || other(format!("nothing is named {target} for {}", command.name));
        match command.name {
            "producer" => {
                self.producers.insert(target.into(), Producer::new(command)?);
            }
            "consumer" => {
                self.consumers.insert(target.into(), Consumer::new(command)?);
            }
            "send" => return self.producers.get(target).ok_or_else(nobody)?.send(cluster, command).await,
            "send-many" => {
                return self.producers.get(target).ok_or_else(nobody)?.send_many(cluster, command).await;
            }
            "partitions" => return Ok(format!("count={}", cluster.count(command.text("topic")?).await?)),
            "create-topic" => {
                let (topic, count) = (command.text("topic")?, command.number("partitions", 1)? as i32);
                cluster.client.controller_client()?.create_topic(topic, count, -1, 10_000).await?;
            }
            "delete-topic" => {
                let topic = command.text("topic")?;
                cluster.forget(topic);
                cluster.client.controller_client()?.delete_topic(topic, 10_000).await?;
            }
            "close" => {
                if self.producers.remove(target).is_none() && self.consumers.remove(target).is_none() {
                    return Err(nobody());
                }
            }
            _ => return self.consume(command, out).await,
        }
        Ok(String::new())
    }

    async fn consume(&mut self, command: &Command<'_>, out: &mut String) -> Answer {
        let cluster = self.cluster.as_mut().ok_or_else(|| other("no bootstrap yet"))?;
        let nobody = || other(format!("no consumer {} for {}", command.target, command.name));
        let consumer = self.consumers.get_mut(command.target).ok_or_else(nobody)?;
        match command.name {
            "subscribe" => {
                let mut all = Vec::new();
                for topic in command.text("topics")?.split(',') {
                    all.extend((0..cluster.count(topic).await?).map(|number| (topic.to_owned(), number)));
                }
                consumer.assign(cluster, all).await?;
            }
            "assign" => consumer.assign(cluster, command.partitions("partitions")?).await?,
            "seek" => consumer.seek(command).await?,
            "poll" => {
                let wait = Duration::from_millis(command.number("wait", 0)? as u64);
                consumer.poll(command.number("max", 1)? as usize, wait, out).await?;
            }
            "assignment" => return Ok(consumer.assignment()),
            "pause" => consumer.pause(command, true)?,
            "resume" => consumer.pause(command, false)?,
            "commit" | "committed" => return Err(unsupported("groups")),
            "offsets" => {
                let partition = cluster.partition(&command.partition()?).await?;
                let beginning = partition.get_offset(OffsetAt::Earliest).await?;
                let end = partition.get_offset(OffsetAt::Latest).await?;
                return Ok(format!("beginning={beginning} end={end}"));
            }
            "offset-for-time" => {
                let partition = cluster.partition(&command.partition()?).await?;
                let at = OffsetAt::Timestamp(at_millis(command.number("timestamp", 0)?)?);
                return Ok(format!("offset={}", partition.get_offset(at).await?));
            }
            name => return Err(other(format!("no command {name}"))),
        }
        Ok(String::new())
    }
}

fn main() -> std::io::Result<()> {
    // One thread beside this one: connections live on between commands.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut driver = Driver::default();
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let command = Command::parse(&line);
        let mut out = String::new();
        match runtime.block_on(within(REQUEST_LIMIT, driver.run(&command, &mut out))) {
            Ok(told) if told.is_empty() => out.push_str("ok\n"),
            Ok(told) => out.push_str(&format!("ok {told}\n")),
            Err(Failure(name, text)) => out.push_str(&format!("error {name} {}\n", text.replace('\n', " "))),
        }
        stdout.write_all(out.as_bytes())?;
        stdout.flush()?;
    }
    std::process::exit(0); // without waiting for what is still open
}
