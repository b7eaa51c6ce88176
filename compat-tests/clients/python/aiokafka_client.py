"""aiokafka, its event loop on a thread of its own, so that groups live between commands."""

import asyncio
import threading

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, OffsetOutOfRangeError

from language import Refused, joined, name_of, record

LIMIT = 60


class Client:
    CAN = (
        "acks0,gzip,snappy,lz4,zstd,headers,idempotent,group,static,assign,seek,pause,"
        "commit,metadata,offsets,offset-for-time,reset-none,admin,timestamp,"
        "repeated-headers,partitioner"
    )

    def __init__(self):
        self.address = ""
        self.producers = {}
        self.consumers = {}
        self.told = {}
        self.grouped = set()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT)

    def error_name(self, failure):
        if isinstance(failure, (KafkaTimeoutError, TimeoutError)):
            return "TIMEOUT"
        if isinstance(failure, OffsetOutOfRangeError):
            return "OFFSET_OUT_OF_RANGE"
        if isinstance(failure, MessageSizeTooLargeError):
            return "MESSAGE_TOO_LARGE"
        return name_of(getattr(failure, "errno", None))

    def hello(self, _):
        return f"ok client=aiokafka version={aiokafka.__version__} can={self.CAN}"

    def bootstrap(self, command):
        self.address = command.target

    def settings(self):
        return {
            "bootstrap_servers": self.address,
            "metadata_max_age_ms": 2000,
            "request_timeout_ms": 10_000,
        }

    # Producers

    def producer(self, command):
        acks = command.get("acks", "all")
        compression = command.get("compression", "none")

        async def start():
            producer = AIOKafkaProducer(
                **{
                    **self.settings(),
                    "request_timeout_ms": command.number("timeout", 20_000),
                },
                acks=acks if acks == "all" else int(acks),
                compression_type=None if compression == "none" else compression,
                enable_idempotence=command.get("idempotent", "false") == "true",
                max_request_size=command.number("max-request", 10_000_000),
            )
            await producer.start()
            return producer

        self.producers[command.target] = self.run(start())

    def send(self, command):
        told = self.run(
            self.producers[command.target].send_and_wait(
                command.get("topic"),
                command.value(),
                key=command.bytes("key"),
                partition=command.number("partition"),
                timestamp_ms=command.number("timestamp"),
                headers=command.headers(),
            )
        )
        # With acks=0 there is nothing to tell.
        if told is None:
            return f"ok partition={command.get('partition')} offset=-1"
        return f"ok partition={told.partition} offset={told.offset}"

    def send_many(self, command):
        async def all_of_them():
            producer = self.producers[command.target]
            sent = [
                await producer.send(command.get("topic"), value, partition=partition)
                for partition, value in command.numbered()
            ]
            await producer.flush()
            await asyncio.gather(*sent)
            return len(sent)

        return f"ok sent={self.run(all_of_them())}"

    # Consumers

    def consumer(self, command):
        session = command.number("session", 10_000)

        async def start():
            consumer = AIOKafkaConsumer(
                **self.settings(),
                group_id=command.get("group"),
                group_instance_id=command.get("instance"),
                auto_offset_reset=command.get("reset", "earliest"),
                enable_auto_commit=False,
                session_timeout_ms=session,
                heartbeat_interval_ms=min(session // 3, 500),
                fetch_max_wait_ms=200,
                partition_assignment_strategy=(RangePartitionAssignor,),
            )
            await consumer.start()
            return consumer

        self.consumers[command.target] = self.run(start())
        self.told[command.target] = {}
        if command.get("group"):
            self.grouped.add(command.target)

    def subscribe(self, command):
        consumer = self.consumers[command.target]
        topics = command.get("topics").split(",")

        async def take():
            if command.target in self.grouped:
                consumer.subscribe(topics)
                return
            found = []
            for topic in topics:
                numbers = await consumer._client._wait_on_metadata(topic)
                found += [TopicPartition(topic, number) for number in numbers]
            consumer.assign(found)

        self.run(take())

    def assign(self, command):
        async def take():
            self.consumers[command.target].assign(named(command.partitions()))

        self.run(take())

    def seek(self, command):
        consumer = self.consumers[command.target]
        partition = TopicPartition(*command.partition())

        async def move():
            match command.get("offset"):
                case "beginning":
                    await consumer.seek_to_beginning(partition)
                case "end":
                    await consumer.seek_to_end(partition)
                case offset:
                    consumer.seek(partition, int(offset))

        self.run(move())

    def poll(self, command):
        consumer = self.consumers[command.target]
        told = self.told[command.target]
        wanted = command.number("max")

        async def fetch():
            end = self.loop.time() + command.number("wait") / 1000
            result = []
            while True:
                left = max(0, end - self.loop.time())
                found = await consumer.getmany(
                    timeout_ms=int(left * 1000), max_records=wanted - len(result)
                )
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

        return self.run(fetch())

    def assignment(self, command):
        found = self.consumers[command.target].assignment()
        return f"ok partitions={joined((one.topic, one.partition) for one in found)}"

    def pause(self, command):
        async def stop():
            self.consumers[command.target].pause(*named(command.partitions()))

        self.run(stop())

    def resume(self, command):
        async def go_on():
            self.consumers[command.target].resume(*named(command.partitions()))

        self.run(go_on())

    def commit(self, command):
        if command.get("partition"):
            offsets = {
                TopicPartition(*command.partition()): OffsetAndMetadata(
                    command.number("offset"), command.get("metadata", "")
                )
            }
        else:
            offsets = {
                partition: OffsetAndMetadata(offset, "")
                for partition, offset in self.told[command.target].items()
            }
            self.told[command.target] = {}
        self.run(self.consumers[command.target].commit(offsets))

    def committed(self, command):
        consumer = self.consumers[command.target]
        found = []
        for partition in named(command.partitions()):
            offset = self.run(consumer.committed(partition))
            found.append(
                f"{partition.topic}:{partition.partition}:{-1 if offset is None else offset}"
            )
        return "ok offsets=" + ",".join(found)

    def offsets(self, command):
        consumer = self.consumers[command.target]
        partition = TopicPartition(*command.partition())
        first = self.run(consumer.beginning_offsets([partition]))[partition]
        end = self.run(consumer.end_offsets([partition]))[partition]
        return f"ok beginning={first} end={end}"

    def offset_for_time(self, command):
        partition = TopicPartition(*command.partition())
        found = self.run(
            self.consumers[command.target].offsets_for_times(
                {partition: command.number("timestamp")}
            )
        )[partition]
        return f"ok offset={-1 if found is None else found.offset}"

    # Topics

    def administer(self, call):
        async def ask():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                return await call(admin)
            finally:
                await admin.close()

        return self.run(ask())

    def partitions(self, command):
        topic = self.administer(lambda admin: admin.describe_topics([command.get("topic")]))[0]
        if topic["error_code"]:
            raise Refused(name_of(topic["error_code"]))
        return f"ok count={len(topic['partitions'])}"

    def create_topic(self, command):
        topic = NewTopic(command.get("topic"), command.number("partitions"), 1)
        answer = self.administer(lambda admin: admin.create_topics([topic]))
        self.judge(answer.topic_errors)

    def delete_topic(self, command):
        answer = self.administer(lambda admin: admin.delete_topics([command.get("topic")]))
        self.judge(answer.topic_error_codes)

    def judge(self, errors):
        for _, code, *_ in errors:
            if code:
                raise Refused(name_of(code))

    def close(self, command):
        producer = self.producers.pop(command.target, None)
        if producer is not None:
            self.run(producer.stop())
            return
        consumer = self.consumers.pop(command.target, None)
        if consumer is None:
            raise Refused("OTHER", "no " + command.target)
        self.grouped.discard(command.target)
        self.run(consumer.stop())


def named(partitions):
    return [TopicPartition(topic, number) for topic, number in partitions]
