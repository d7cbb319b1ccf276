"""Windows found by their keys, many in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam

from modelmon.ledger.schema import windows
from modelmon.sql.statements import chunks


class WindowKey(NamedTuple):
    """Names one window of one app."""

    endpoint_id: str
    application_name: str
    start_us: int


def lookups(keys: Iterable[WindowKey]) -> Iterator[Sequence[ColumnElement[bool]]]:
    """Conditions that find these windows by their key: SQLite answers `(a, b, c) IN (…)` by a scan."""
    of_start: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    of_endpoint: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for endpoint_id, name, start_us in keys:
        of_start[name, start_us].append(endpoint_id)
        of_endpoint[endpoint_id, name].append(start_us)
    key = windows.c
    if len(of_start) <= len(of_endpoint):
        for (name, start_us), endpoint_ids in of_start.items():
            for ids in chunks(endpoint_ids):
                yield (
                    key.application_name == name,
                    key.start_us == start_us,
                    key.endpoint_id.in_(ids),
                )
    else:
        for (endpoint_id, name), starts_us in of_endpoint.items():
            for starts in chunks(starts_us):
                yield (
                    key.endpoint_id == endpoint_id,
                    key.application_name == name,
                    key.start_us.in_(starts),
                )


def is_key() -> ColumnElement[bool]:
    """The condition that a row is the window of `key_values`, for statements with many of them."""
    return and_(
        windows.c.endpoint_id == bindparam("an_endpoint"),
        windows.c.application_name == bindparam("an_app"),
        windows.c.start_us == bindparam("a_start"),
    )


def key_values(key: WindowKey) -> dict[str, Any]:
    """Parameters of `is_key`."""
    return {"an_endpoint": key.endpoint_id, "an_app": key.application_name, "a_start": key.start_us}
