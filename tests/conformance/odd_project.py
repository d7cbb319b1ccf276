"""A project whose names, numbers and gaps databases treat differently when they are asked carelessly."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, update

from made_project import APP, HOUR, Made
from modelmon.ledger import dead_letters
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import app_stats, endpoints, functions, heartbeats, traffic, verdicts
from modelmon.model import BatchRange, DeadLetter, TrafficPoint, from_us
from modelmon.stores.series import open_series

NAMES = ["b", "B", "a", "_a", "Ä", "ä", "z", "Z", "a b", "10", "9", "é", "e", "%", "a_b", "aXb", "ß", "ss"]
"""By number: case, accents, signs that `LIKE` reads, and letters that some orders take for two."""
BILLIONS = 5_000_000_000
ODD_APP = "Histogram-data-drift"  # the other one with a capital letter


def make_odd(made: Made) -> None:
    """Change a project of as many endpoints as there are names."""
    ids = [f"{number:032x}" for number in range(len(NAMES))]
    database, series = open_records(made.settings), open_series(made.settings)
    minute_us = made.shape.until_us - HOUR
    big = TrafficPoint(
        ids[1], minute_us, BILLIONS, BILLIONS, BILLIONS, 5e9, BILLIONS, 900 * BILLIONS, BILLIONS, (1,)
    )
    for place in range(3):
        series.write_traffic(BatchRange("big", place, 0, 1), [big])
    with database.write() as connection:
        for endpoint_id, name in zip(ids, NAMES, strict=True):
            mine = endpoints.c.endpoint_id == endpoint_id
            labels = '{"team":"Ä","o\'clock":"%"}' if name in "bB" else '{"Team":"ä"}'
            connection.execute(update(endpoints).where(mine).values(name=name, labels=labels))
        _counts(connection, ids)
        _without(connection, ids[6])
        _verdicts(connection, ids)
        _letters(connection, ids, made.shape.until_us)
        _functions(connection, made.shape.until_us)
        connection.execute(update(incidents).where(incidents.c.incident_id == 1).values(value=None))
    series.close()
    database.close()


def _counts(connection: Connection, ids: list[str]) -> None:
    many = {"received": 3 * BILLIONS, "stored": 2 * BILLIONS, "errors": BILLIONS, "late": BILLIONS}
    for endpoint_id in ids[1:3]:
        connection.execute(update(traffic).where(traffic.c.endpoint_id == endpoint_id).values(**many))


def _without(connection: Connection, endpoint_id: str) -> None:
    """One of which nothing is known but its record."""
    for table in (traffic, verdicts, app_stats):
        connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))


def _verdicts(connection: Connection, ids: list[str]) -> None:
    """Results whose names differ in case, of apps that do, with the same value."""
    some: list[dict[str, Any]] = [
        dict(row)
        for row in connection.execute(verdicts.select().where(verdicts.c.endpoint_id == ids[7])).mappings()
    ]
    rows = [
        {**some[0], "application_name": app, "name": name, "value": 0.25}
        for app in (APP, ODD_APP)
        for name in ("drift", "Drift", "dRift", "zz")
    ]
    connection.execute(insert(verdicts), rows)


def _letters(connection: Connection, ids: list[str], until_us: int) -> None:
    places = ((0, 7, "Grund"), (0, 2**40, "grund"), (1, 7, "grund 50%"), (1, 8, "Äther"))
    letters = [
        DeadLetter(
            "s",
            partition,
            offset,
            -1,
            "events",
            ids[offset % 3],
            "f",
            reason,
            b"\x00\xff{}",
            from_us(until_us),
        )
        for partition, offset, reason in places
    ]
    dead_letters.keep(connection, letters)


def _functions(connection: Connection, until_us: int) -> None:
    for name in ("b", "B", "a-b", "a_b"):
        row = {"name": name, "kind": "app", "spec": "{}", "deployed": name != "B"}
        connection.execute(insert(functions).values(**row, updated_us=until_us))
    for worker in ("w", "W"):
        connection.execute(insert(heartbeats).values(
            function_name="b", worker=worker, trigger="t", state="ready", reason="", since_us=until_us,
            beat_us=until_us, expires_us=until_us + HOUR, behind_seconds=0.1, partitions="[]",
        ))  # fmt: skip
