"""librdkafka, through confluent-kafka."""

import time
import uuid

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from language import Refused, joined, name_of, record

# librdkafka's own codes, all negative.
OWN_NAMES = {
    -140: "OFFSET_OUT_OF_RANGE",  # "no offset reset" where there is none to go to
    -185: "TIMEOUT",
    -188: "UNKNOWN_TOPIC_OR_PARTITION",
    -190: "UNKNOWN_TOPIC_OR_PARTITION",
    -192: "TIMEOUT",
}
# Told to the application, and tried again: no broker reached (-195, -187), a coordinator that is
# loading, not there yet or elsewhere.
PASSING = (-195, -187, 14, 15, 16)
LIMIT = 20


class Client:
    CAN = (
        "acks0,gzip,snappy,lz4,zstd,headers,idempotent,group,group-consumer,static,cooperative,"
        "assign,seek,pause,commit,metadata,offsets,offset-for-time,reset-none,admin,timestamp,"
        "repeated-headers,partitioner"
    )

    def __init__(self):
        self.address = ""
        self.producers = {}
        self.consumers = {}
        self.told = {}
        self.grouped = set()

    def error_name(self, failure):
        error = failure.args[0] if failure.args else None
        if isinstance(failure, KafkaException) and hasattr(error, "code"):
            return OWN_NAMES.get(error.code()) or name_of(error.code())
        return "OTHER"

    def hello(self, _):
        return f"ok client=librdkafka version={confluent_kafka.libversion()[0]} can={self.CAN}"

    def bootstrap(self, command):
        self.address = command.target

    def settings(self):
        return {
            "bootstrap.servers": self.address,
            "reconnect.backoff.max.ms": 200,
            "topic.metadata.refresh.interval.ms": 2000,
            "log.connection.close": False,
        }

    # Producers

    def producer(self, command):
        self.producers[command.target] = Producer(
            {
                **self.settings(),
                "acks": command.get("acks", "all"),
                "compression.type": command.get("compression", "none"),
                "enable.idempotence": command.get("idempotent", "false"),
                "message.max.bytes": command.number("max-request", 10_000_000),
                "message.timeout.ms": command.number("timeout", 20_000),
                "socket.timeout.ms": min(10_000, command.number("timeout", 20_000)),
                "linger.ms": 0,
            }
        )

    def send(self, command):
        producer = self.producers[command.target]
        done = []
        more = {} if command.get("partition") is None else {"partition": command.number("partition")}
        if command.get("timestamp") is not None:
            more["timestamp"] = command.number("timestamp")
        producer.produce(
            command.get("topic"),
            key=command.bytes("key"),
            value=command.value(),
            headers=command.headers(),
            on_delivery=lambda error, message: done.append((error, message)),
            **more,
        )
        while not done:
            producer.poll(0.05)
        error, message = done[0]
        if error is not None:
            raise KafkaException(error)
        offset = message.offset()
        return f"ok partition={message.partition()} offset={-1 if offset is None or offset < 0 else offset}"

    def send_many(self, command):
        producer = self.producers[command.target]
        errors = []

        def delivered(error, _):
            if error is not None:
                errors.append(error)

        for partition, value in command.numbered():
            while True:
                try:
                    producer.produce(
                        command.get("topic"), value=value, partition=partition, on_delivery=delivered
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()
        if errors:
            raise KafkaException(errors[0])
        return f"ok sent={command.get('count')}"

    # Consumers

    def consumer(self, command):
        settings = {
            **self.settings(),
            "group.id": command.get("group") or f"reader-{uuid.uuid4()}",
            "auto.offset.reset": {"none": "error"}.get(
                command.get("reset", "earliest"), command.get("reset", "earliest")
            ),
            "enable.auto.commit": False,
            "fetch.error.backoff.ms": 100,
            "fetch.wait.max.ms": 200,
        }
        if command.get("instance"):
            settings["group.instance.id"] = command.get("instance")
        if command.get("protocol") == "consumer":
            settings["group.protocol"] = "consumer"
        else:
            session = command.number("session", 10_000)
            settings["session.timeout.ms"] = session
            settings["heartbeat.interval.ms"] = min(session // 3, 500)
            settings["partition.assignment.strategy"] = (
                "cooperative-sticky" if command.get("assignor") == "cooperative" else "range"
            )
        self.consumers[command.target] = Consumer(settings)
        self.told[command.target] = {}
        if command.get("group"):
            self.grouped.add(command.target)

    def subscribe(self, command):
        consumer = self.consumers[command.target]
        topics = command.get("topics").split(",")
        if command.target in self.grouped:
            consumer.subscribe(topics)
            return
        found = []
        for topic in topics:
            known = consumer.list_topics(topic, LIMIT).topics[topic].partitions
            found += [TopicPartition(topic, number) for number in known]
        consumer.assign(found)

    def assign(self, command):
        self.consumers[command.target].assign(
            [TopicPartition(topic, number) for topic, number in command.partitions()]
        )

    def seek(self, command):
        topic, number = command.partition()
        offset = {
            "beginning": confluent_kafka.OFFSET_BEGINNING,
            "end": confluent_kafka.OFFSET_END,
        }.get(command.get("offset"))
        if offset is None:
            offset = command.number("offset")
        consumer = self.consumers[command.target]
        partition = TopicPartition(topic, number, offset)
        # A partition can be sought only once its fetching has begun; without an offset and a reset
        # it never begins.
        end = time.monotonic() + 2
        while True:
            try:
                consumer.seek(partition)
                return
            except KafkaException:
                if time.monotonic() > end:
                    consumer.incremental_unassign([partition])
                    consumer.incremental_assign([partition])
                    return
                time.sleep(0.05)

    def poll(self, command):
        consumer = self.consumers[command.target]
        told = self.told[command.target]
        wanted = command.number("max")
        end = time.monotonic() + command.number("wait") / 1000
        result = []
        while len(result) < wanted:
            left = end - time.monotonic()
            message = consumer.poll(max(0, left))
            if message is None:
                if left <= 0:
                    break
                continue
            if message.error() is not None:
                if message.error().retriable() or message.error().code() in PASSING:
                    continue
                raise KafkaException(message.error())
            told[(message.topic(), message.partition())] = message.offset() + 1
            result.append(
                record(
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    message.headers(),
                )
            )
        return result

    def assignment(self, command):
        found = self.consumers[command.target].assignment()
        return f"ok partitions={joined((one.topic, one.partition) for one in found)}"

    def pause(self, command):
        self.consumers[command.target].pause([TopicPartition(*one) for one in command.partitions()])

    def resume(self, command):
        self.consumers[command.target].resume(
            [TopicPartition(*one) for one in command.partitions()]
        )

    def commit(self, command):
        if command.get("partition"):
            topic, number = command.partition()
            offsets = [
                TopicPartition(topic, number, command.number("offset"), command.get("metadata", ""))
            ]
        else:
            offsets = [
                TopicPartition(topic, number, offset)
                for (topic, number), offset in self.told[command.target].items()
            ]
            self.told[command.target] = {}
        for one in self.consumers[command.target].commit(offsets=offsets, asynchronous=False):
            if one.error is not None:
                raise KafkaException(one.error)

    def committed(self, command):
        found = self.consumers[command.target].committed(
            [TopicPartition(*one) for one in command.partitions()], LIMIT
        )
        return "ok offsets=" + ",".join(
            f"{one.topic}:{one.partition}:{one.offset if one.offset >= 0 else -1}" for one in found
        )

    def offsets(self, command):
        low, high = self.consumers[command.target].get_watermark_offsets(
            TopicPartition(*command.partition()), LIMIT
        )
        return f"ok beginning={low} end={high}"

    def offset_for_time(self, command):
        topic, number = command.partition()
        found = self.consumers[command.target].offsets_for_times(
            [TopicPartition(topic, number, command.number("timestamp"))], LIMIT
        )[0]
        return f"ok offset={found.offset if found.offset >= 0 else -1}"

    # Topics

    def admin(self):
        return AdminClient(self.settings())

    def partitions(self, command):
        admin = self.admin()
        topic = admin.list_topics(command.get("topic"), LIMIT).topics[command.get("topic")]
        if topic.error is not None:
            raise KafkaException(topic.error)
        return f"ok count={len(topic.partitions)}"

    def create_topic(self, command):
        topic = NewTopic(command.get("topic"), num_partitions=command.number("partitions"))
        admin = self.admin()
        admin.create_topics([topic])[command.get("topic")].result(LIMIT)

    def delete_topic(self, command):
        admin = self.admin()
        admin.delete_topics([command.get("topic")])[command.get("topic")].result(LIMIT)

    def close(self, command):
        producer = self.producers.pop(command.target, None)
        if producer is not None:
            producer.flush(LIMIT)
            return
        consumer = self.consumers.pop(command.target, None)
        if consumer is None:
            raise Refused("OTHER", "no " + command.target)
        self.grouped.discard(command.target)
        consumer.close()
