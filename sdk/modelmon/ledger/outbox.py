"""The outbox: facts for whoever is outside, written with what they are facts of.

A fact gets its number under the lock of one row, which is held until its transaction ends. So numbers become
visible in their order and without gaps: a reader that has seen one has seen all below it. Write facts last in
a transaction, that it holds the lock for a moment only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select

from modelmon.ledger.incident_schema import outbox, outbox_numbers, outbox_readers
from modelmon.sql.statements import CHUNK, insert_missing, upsert

INCIDENT_RAISED, INCIDENT_ESCALATED = "incident-raised", "incident-escalated"
INCIDENT_EASED, INCIDENT_RESOLVED = "incident-eased", "incident-resolved"
INCIDENT_FLAPPING = "incident-flapping"
ENDPOINT_ADDED, ENDPOINT_CHANGED = "endpoint-added", "endpoint-changed"
ENDPOINT_REMOVED = "endpoint-removed"
CHALLENGER_WAITS, JOB_RUN_FAILED = "challenger-waits", "job-run-failed"
_NAME = "outbox"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to an endpoint, the `subject`; `body` holds all that a reader needs of it."""

    kind: str
    subject: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in the outbox."""

    number: int
    at_us: int
    fact: Fact


def write(connection: Connection, facts: Sequence[Fact], now_us: int) -> None:
    """Write facts in their order, with the transaction that this is."""
    if not facts:
        return
    last = take_numbers(connection, _NAME, len(facts))
    rows = [
        {
            "number": number, "at_us": now_us, "kind": fact.kind, "subject": fact.subject,
            "body": msgspec.json.encode(fact.body).decode(),
        }
        for number, fact in enumerate(facts, start=last - len(facts) + 1)
    ]  # fmt: skip
    connection.execute(outbox.insert(), rows)


def take_numbers(connection: Connection, name: str, how_many: int) -> int:
    """The last of so many new numbers of this name. Others who want some wait until the transaction ends."""
    upsert(connection, outbox_numbers, [{"name": name, "last": how_many}], add=["last"])
    last: int = connection.execute(
        select(outbox_numbers.c.last).where(outbox_numbers.c.name == name)
    ).scalar_one()
    return last


def last_number(connection: Connection) -> int:
    """The number of the newest fact."""
    last = connection.scalar(select(outbox_numbers.c.last).where(outbox_numbers.c.name == _NAME))
    return int(last or 0)


def is_read(connection: Connection, reader: str) -> bool:
    """Whether the reader has settled all that there is."""
    upto = connection.scalar(select(outbox_readers.c.upto).where(outbox_readers.c.reader == reader)) or 0
    return upto >= last_number(connection)


def join(connection: Connection, reader: str) -> None:
    """Keep facts for this reader from now on, those that are there included; once is enough."""
    insert_missing(connection, outbox_readers, [{"reader": reader, "upto": 0}])


def leave(connection: Connection, reader: str) -> None:
    """Keep nothing for this reader any more, and forget how far it has come."""
    connection.execute(delete(outbox_readers).where(outbox_readers.c.reader == reader))


def read(connection: Connection, reader: str, limit: int) -> list[Entry]:
    """The first `limit` facts that the reader has not settled, in order; the same ones until it has."""
    upto = connection.scalar(select(outbox_readers.c.upto).where(outbox_readers.c.reader == reader)) or 0
    query = select(outbox).where(outbox.c.number > upto).order_by(outbox.c.number).limit(limit)
    return [
        Entry(row.number, row.at_us, Fact(row.kind, row.subject, msgspec.json.decode(row.body)))
        for row in connection.execute(query)
    ]


def settle(connection: Connection, reader: str, upto: int) -> None:
    """The reader has done with everything up to this number; a lower one than before changes nothing."""
    upsert(connection, outbox_readers, [{"reader": reader, "upto": upto}], largest=["upto"])


def prune_some(connection: Connection, before_us: int) -> int:
    """Delete some of the facts that are older than this and that every reader has settled, the first ones
    first; returns how many."""
    settled = connection.scalar(select(func.min(outbox_readers.c.upto)))
    old = select(outbox.c.number).where(outbox.c.at_us < before_us)
    if settled is not None:
        old = old.where(outbox.c.number <= settled)
    numbers = connection.scalars(old.order_by(outbox.c.number).limit(CHUNK)).all()
    connection.execute(delete(outbox).where(outbox.c.number.in_(numbers)))
    return len(numbers)
