"""A process of its own for the stream tests: `python stream_process.py publish|consume URL ...`.

publish URL NAME DURABILITY SIZE COUNT   publishes COUNT batches (0: without end) of records
    (key NAME-<k>, body "NAME batch number count filler") and prints the batch number once it is published
consume URL GROUP        polls, never commits, and prints the partitions it holds when they change
count URL GROUP          polls and commits; prints "partition offset body" after each commit
"""

from __future__ import annotations

import random
import sys
from itertools import count, islice

from modelmon.settings import Settings
from modelmon.streams import open_stream

KEYS = 5


def batch_records(name: str, batch: int, size: int) -> list[tuple[str, bytes]]:
    chance = random.Random(f"{name}-{batch}")
    records = chance.randrange(1, 12)
    filler = b"." * chance.randrange(size)
    return [
        (f"{name}-{number % KEYS}", f"{name} {batch} {number} {records} ".encode() + filler)
        for number in range(records)
    ]


def publish(url: str, name: str, durability: str, size: str, batches: str) -> None:
    stream = open_stream(url, 3, Settings.load(durability=durability))
    for batch in islice(count(), int(batches) or None):
        stream.publish(batch_records(name, batch, int(size)))
        print(batch, flush=True)


def consume(url: str, group: str) -> None:
    consumer = open_stream(url).consumer(group)
    held: frozenset[int] = frozenset()
    while True:
        consumer.poll(1, 0.1)
        if consumer.assignment != held:
            held = consumer.assignment
            print(*sorted(held), flush=True)


def drain(url: str, group: str) -> None:
    consumer = open_stream(url).consumer(group)
    while True:
        for message in consumer.poll(7, 0.1):
            consumer.commit({message.partition: message.offset + 1})
            print(message.partition, message.offset, message.body.decode(), flush=True)


if __name__ == "__main__":
    {"publish": publish, "consume": consume, "drain": drain}[sys.argv[1]](*sys.argv[2:])
