"""kafka-python."""

import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from language import Refused, joined, name_of, record

LIMIT = 20


class Client:
    CAN = (
        "acks0,gzip,snappy,lz4,zstd,headers,idempotent,group,static,cooperative,assign,seek,pause,"
        "commit,metadata,offsets,offset-for-time,reset-none,admin,timestamp,"
        "partitioner"
    )

    def __init__(self):
        self.address = ""
        self.producers = {}
        self.consumers = {}
        self.told = {}

    def error_name(self, failure):
        if isinstance(failure, KafkaTimeoutError):
            return "TIMEOUT"
        if isinstance(failure, MessageSizeTooLargeError):
            return "MESSAGE_TOO_LARGE"
        return name_of(getattr(failure, "errno", None))

    def hello(self, _):
        return f"ok client=kafka-python version={kafka.__version__} can={self.CAN}"

    def bootstrap(self, command):
        self.address = command.target

    def settings(self):
        return {
            "bootstrap_servers": self.address,
            "reconnect_backoff_max_ms": 200,
            "metadata_max_age_ms": 2000,
        }

    # Producers

    def producer(self, command):
        acks = command.get("acks", "all")
        compression = command.get("compression", "none")
        self.producers[command.target] = KafkaProducer(
            **self.settings(),
            acks=acks if acks == "all" else int(acks),
            compression_type=None if compression == "none" else compression,
            enable_idempotence=command.get("idempotent", "false") == "true",
            max_request_size=command.number("max-request", 10_000_000),
            delivery_timeout_ms=command.number("timeout", 20_000),
            request_timeout_ms=min(10_000, command.number("timeout", 20_000)),
            max_block_ms=command.number("timeout", 20_000),
            linger_ms=0,
        )

    def send(self, command):
        future = self.producers[command.target].send(
            command.get("topic"),
            key=command.bytes("key"),
            value=command.value(),
            headers=command.headers(),
            partition=command.number("partition"),
            timestamp_ms=command.number("timestamp"),
        )
        told = future.get(timeout=60)
        return f"ok partition={told.partition} offset={-1 if told.offset is None else told.offset}"

    def send_many(self, command):
        producer = self.producers[command.target]
        futures = [
            producer.send(command.get("topic"), value=value, partition=partition)
            for partition, value in command.numbered()
        ]
        producer.flush()
        for future in futures:
            future.get(timeout=60)
        return f"ok sent={len(futures)}"

    # Consumers

    def consumer(self, command):
        session = command.number("session", 10_000)
        settings = {
            **self.settings(),
            "group_id": command.get("group"),
            "group_instance_id": command.get("instance"),
            "auto_offset_reset": command.get("reset", "earliest"),
            "enable_auto_commit": False,
            "session_timeout_ms": session,
            "heartbeat_interval_ms": min(session // 3, 500),
            "fetch_max_wait_ms": 200,
            "partition_assignment_strategy": [
                CooperativeStickyAssignor
                if command.get("assignor") == "cooperative"
                else RangePartitionAssignor
            ],
        }
        self.consumers[command.target] = KafkaConsumer(**settings)
        self.told[command.target] = {}

    def subscribe(self, command):
        consumer = self.consumers[command.target]
        topics = command.get("topics").split(",")
        if consumer.config["group_id"] is not None:
            consumer.subscribe(topics)
        else:
            consumer.assign(
                [
                    TopicPartition(topic, number)
                    for topic in topics
                    for number in consumer.partitions_for_topic(topic)
                ]
            )

    def assign(self, command):
        self.consumers[command.target].assign(named(command.partitions()))

    def seek(self, command):
        consumer = self.consumers[command.target]
        partition = TopicPartition(*command.partition())
        match command.get("offset"):
            case "beginning":
                consumer.seek_to_beginning(partition)
            case "end":
                consumer.seek_to_end(partition)
            case offset:
                consumer.seek(partition, int(offset))

    def poll(self, command):
        consumer = self.consumers[command.target]
        told = self.told[command.target]
        wanted = command.number("max")
        end = time.monotonic() + command.number("wait") / 1000
        result = []
        while True:
            left = max(0, end - time.monotonic())
            found = consumer.poll(int(left * 1000), max_records=wanted - len(result))
            for partition, records in found.items():
                for one in records:
                    told[partition] = one.offset + 1
                    result.append(
                        record(
                            one.topic,
                            one.partition,
                            one.offset,
                            one.timestamp,
                            one.key,
                            one.value,
                            one.headers,
                        )
                    )
            if len(result) >= wanted or left <= 0:
                return result

    def assignment(self, command):
        found = self.consumers[command.target].assignment()
        return f"ok partitions={joined((one.topic, one.partition) for one in found)}"

    def pause(self, command):
        self.consumers[command.target].pause(*named(command.partitions()))

    def resume(self, command):
        self.consumers[command.target].resume(*named(command.partitions()))

    def commit(self, command):
        if command.get("partition"):
            offsets = {
                TopicPartition(*command.partition()): OffsetAndMetadata(
                    command.number("offset"), command.get("metadata", ""), -1
                )
            }
        else:
            offsets = {
                partition: OffsetAndMetadata(offset, "", -1)
                for partition, offset in self.told[command.target].items()
            }
            self.told[command.target] = {}
        self.consumers[command.target].commit(offsets)

    def committed(self, command):
        consumer = self.consumers[command.target]
        found = []
        for partition in named(command.partitions()):
            offset = consumer.committed(partition)
            found.append(
                f"{partition.topic}:{partition.partition}:{-1 if offset is None else offset}"
            )
        return "ok offsets=" + ",".join(found)

    def offsets(self, command):
        consumer = self.consumers[command.target]
        partition = TopicPartition(*command.partition())
        first = consumer.beginning_offsets([partition])[partition]
        end = consumer.end_offsets([partition])[partition]
        return f"ok beginning={first} end={end}"

    def offset_for_time(self, command):
        partition = TopicPartition(*command.partition())
        found = self.consumers[command.target].offsets_for_times(
            {partition: command.number("timestamp")}
        )[partition]
        return f"ok offset={-1 if found is None else found.offset}"

    # Topics

    def admin(self):
        return KafkaAdminClient(bootstrap_servers=self.address)

    def partitions(self, command):
        topic = self.admin().describe_topics([command.get("topic")])[0]
        if topic["error_code"]:
            raise Refused(name_of(topic["error_code"]))
        return f"ok count={len(topic['partitions'])}"

    def create_topic(self, command):
        self.admin().create_topics(
            {command.get("topic"): {"num_partitions": command.number("partitions")}}
        )

    def delete_topic(self, command):
        self.admin().delete_topics([command.get("topic")])

    def close(self, command):
        producer = self.producers.pop(command.target, None)
        if producer is not None:
            producer.close(timeout=LIMIT)
            return
        consumer = self.consumers.pop(command.target, None)
        if consumer is None:
            raise Refused("OTHER", "no " + command.target)
        consumer.close(autocommit=False)


def named(partitions):
    return [TopicPartition(topic, number) for topic, number in partitions]
