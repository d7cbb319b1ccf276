"""What of the verdicts other systems have not been told yet, and how far each exporter has come.

A number is given under the lock of one row, as those of the outbox are: whoever has seen one has seen all
below it. Only the window stands here; its values are in the series. What is done with is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, select

from modelmon.ledger.outbox import take_numbers
from modelmon.ledger.schema import exports, judged
from modelmon.model import WindowKey
from modelmon.sql.statements import upsert

OTLP = "otlp"
_NAME = "judged"


@dataclass(frozen=True, slots=True)
class Judged:
    """A window of which an app has said something new."""

    number: int
    key: WindowKey
    revision: int


@dataclass(frozen=True, slots=True)
class Export:
    """How far an exporter has come: everything up to the number `upto` is done with. `sent` and `refused`
    count points. After `tries` in vain, the last with this `problem`, the next one is at `wait_until_us`."""

    exporter: str
    upto: int = 0
    sent: int = 0
    refused: int = 0
    wait_until_us: int = 0
    tries: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many windows wait to be sent, and the number of the last of them; 0: there is none."""

    windows: int
    last: int


def note_judged(connection: Connection, told: Iterable[tuple[WindowKey, int]]) -> None:
    """Have these windows sent, each with its revision, in this order; last in its transaction, for the
    lock's sake."""
    found = list(told)
    if not found:
        return
    first = take_numbers(connection, _NAME, len(found)) - len(found) + 1
    rows = [
        {"number": number, **key._asdict(), "revision": revision}
        for number, (key, revision) in enumerate(found, start=first)
    ]
    connection.execute(judged.insert(), rows)


def read_judged(connection: Connection, upto: int, limit: int) -> Sequence[Judged]:
    """The first `limit` windows after this number."""
    query = select(judged).where(judged.c.number > upto).order_by(judged.c.number).limit(limit)
    return [
        Judged(
            row.number, WindowKey(row.endpoint_id, row.application_name, row.start_us),
            row.revision,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def backlog(connection: Connection) -> Backlog:
    """What waits to be sent."""
    row = connection.execute(select(func.count(), func.max(judged.c.number)).select_from(judged)).one()
    return Backlog(row[0], row[1] or 0)


def read_export(connection: Connection, exporter: str) -> Export:
    """How far it has come; nowhere yet, where it never was at work."""
    row = connection.execute(select(exports).where(exports.c.exporter == exporter)).mappings().one_or_none()
    return Export(exporter) if row is None else Export(**row)


def write_export(connection: Connection, export: Export) -> None:
    """It has come so far; what it is done with is forgotten in the same transaction."""
    upsert(connection, exports, [asdict(export)])
    connection.execute(delete(judged).where(judged.c.number <= export.upto))


def forget_export(connection: Connection, exporter: str) -> None:
    """Nothing is to be sent any more: what waits, and how far it came, is of no use."""
    connection.execute(delete(judged))
    connection.execute(delete(exports).where(exports.c.exporter == exporter))
