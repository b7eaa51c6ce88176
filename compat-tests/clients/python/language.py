"""The language of drivers, as ../README.md has it: commands in, answers out."""

import zlib

LONG_VALUE = 256


class Command:
    """A line of input: a name, perhaps what it is for, and pairs in order."""

    def __init__(self, line):
        words = line.split(" ")
        self.name = words[0]
        self.target = words[1] if len(words) > 1 and "=" not in words[1] else ""
        self.pairs = [tuple(word.split("=", 1)) for word in words[1:] if "=" in word]

    def all(self, key):
        return [value for name, value in self.pairs if name == key]

    def get(self, key, otherwise=None):
        return next(iter(self.all(key)), otherwise)

    def number(self, key, otherwise=None):
        value = self.get(key)
        return otherwise if value is None else int(value)

    def bytes(self, key):
        value = self.get(key)
        return None if value is None else bytes.fromhex(value)

    def value(self):
        size = self.number("value-size")
        return self.bytes("value") if size is None else b"x" * size

    def headers(self):
        """A list of names and values, which may be None."""
        result = []
        for header in self.all("header"):
            name, colon, value = header.partition(":")
            result.append((name, bytes.fromhex(value) if colon else None))
        return result

    def partition(self, key="partition"):
        topic, _, number = self.get(key).rpartition(":")
        return topic, int(number)

    def partitions(self):
        return [
            (one.rpartition(":")[0], int(one.rpartition(":")[2]))
            for one in self.get("partitions").split(",")
            if one
        ]

    def numbered(self):
        """What send-many sends: partition and value of each record."""
        size = self.number("size", 0)
        first = self.number("from")
        for number in range(first, first + self.number("count")):
            yield number % self.number("partitions"), str(number).ljust(size).encode()


class Refused(Exception):
    """An error whose name in Kafka is known."""

    def __init__(self, name, text=""):
        super().__init__(f"{name} {text}")
        self.name = name


# By Kafka's code of the error.
NAMES = {
    1: "OFFSET_OUT_OF_RANGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    10: "MESSAGE_TOO_LARGE",
    17: "INVALID_TOPIC_EXCEPTION",
    18: "RECORD_LIST_TOO_LARGE",
    22: "ILLEGAL_GENERATION",
    25: "UNKNOWN_MEMBER_ID",
    27: "REBALANCE_IN_PROGRESS",
    36: "TOPIC_ALREADY_EXISTS",
    37: "INVALID_PARTITIONS",
    38: "INVALID_REPLICATION_FACTOR",
    42: "INVALID_REQUEST",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    82: "FENCED_INSTANCE_ID",
    110: "FENCED_MEMBER_EPOCH",
}


def name_of(code):
    return NAMES.get(code, "OTHER")


def record(topic, partition, offset, timestamp, key, value, headers):
    """Tells a record."""
    words = [f"record topic={topic}", f"partition={partition}", f"offset={offset}"]
    words.append(f"timestamp={timestamp}")
    if key is not None:
        words.append(f"key={key.hex()}")
    if value is not None and len(value) > LONG_VALUE:
        words.append(f"value-size={len(value)} value-crc={zlib.crc32(value):08x}")
    elif value is not None:
        words.append(f"value={value.hex()}")
    for name, content in headers or []:
        words.append(f"header={name}" if content is None else f"header={name}:{content.hex()}")
    return " ".join(words)


def joined(partitions):
    return ",".join(f"{topic}:{number}" for topic, number in sorted(partitions))
