"""What the workers of the functions last said of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import msgspec
from sqlalchemy import Connection, delete, select

from modelmon.ledger import restarts
from modelmon.ledger.registry import WATCHED, list_functions
from modelmon.ledger.schema import heartbeats
from modelmon.model import DAY_US, Heartbeat, PartitionProgress, WorkerState
from modelmon.sql.statements import upsert

FORGOTTEN_US = DAY_US  # a worker that has not beaten for a day is no longer listed
_NEWEST_FIRST = (heartbeats.c.beat_us.desc(), *heartbeats.primary_key)


def put(connection: Connection, beat: Heartbeat) -> None:
    """Keep this in place of what the worker said before; forget those that are long gone."""
    row = {
        **asdict(beat),
        "state": beat.state.value,
        "partitions": msgspec.json.encode(list(beat.partitions)).decode(),
    }
    upsert(connection, heartbeats, [row])
    old = heartbeats.c.beat_us < beat.beat_us - FORGOTTEN_US
    connection.execute(delete(heartbeats).where(heartbeats.c.function_name == beat.function_name, old))


def forget(connection: Connection, function_name: str, worker: str) -> None:
    """The worker has ended in good order."""
    mine = (heartbeats.c.function_name == function_name, heartbeats.c.worker == worker)
    connection.execute(delete(heartbeats).where(*mine))


def forget_function(connection: Connection, function_name: str) -> None:
    """The function is removed: what its workers last said, be it of a crash, is of no interest any more."""
    connection.execute(delete(heartbeats).where(heartbeats.c.function_name == function_name))
    restarts.forget(connection, function_name)


def by_function(connection: Connection) -> Mapping[str, Sequence[Heartbeat]]:
    """Function name to the last heartbeats of its workers, the newest first."""
    found: dict[str, list[Heartbeat]] = {}
    for row in connection.execute(select(heartbeats).order_by(*_NEWEST_FIRST)).mappings():
        values = {
            **row,
            "state": WorkerState(row["state"]),
            "partitions": tuple(msgspec.json.decode(row["partitions"], type=list[PartitionProgress])),
        }
        found.setdefault(row["function_name"], []).append(Heartbeat(**values))
    return found


def expected_functions(connection: Connection, beats: Mapping[str, Sequence[Heartbeat]]) -> dict[str, int]:
    """The functions that should run, each with when it was heard of last, or deployed.

    Those that are deployed and keep a heartbeat, and those that were heard of and did not end in order. Model
    servers, the page and jobs keep none, so they are among them only where one was ever heard of.
    """
    listed = {each.name: each for each in list_functions(connection)}
    found = {}
    for name in {*listed, *beats}:
        known = listed.get(name)
        if known is not None and not (known.deployed and (known.kind in WATCHED or name in beats)):
            continue
        heard_us = max((each.beat_us for each in beats.get(name, ())), default=0)
        found[name] = max(heard_us, known.updated_us if known is not None else 0)
    return found
