"""A batch costs as many statements for a hundred endpoints as for one: many rows go in one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_events

from modelmon.stages.stream import Parts
from modelmon.stores.series.sql import SqlSeries
from streaming import Bed, event, run


@contextmanager
def statements(parts: Parts) -> Iterator[list[str]]:
    """What the records and the series are told inside; a call for many rows counts as one."""
    assert isinstance(parts.series, SqlSeries)
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engines = [parts.records._engine, parts.series._database._engine]
    for engine in engines:
        sql_events.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            sql_events.remove(engine, "before_cursor_execute", note)


def of_batches(folder: Path, endpoints: int, batches: int = 3) -> list[int]:
    """How many statements each batch takes, the first of which finds the endpoints."""
    bed, counts, all_parts = Bed(folder), [], []

    def remember(parts: Parts) -> Parts:
        all_parts.append(parts)
        return parts

    async def steps() -> None:
        stage = bed.stage(remember)
        for batch in range(batches):
            messages = bed.publish(*(
                event([[1.5, "x"]], endpoint_id=f"endpoint-{place}", publisher_id="p", number=batch + 1,
                      latency_us=10 ** (place % 7), when_us=1_700_000_000_000_000 + place * 1_000)
                for place in range(endpoints)
            ))  # fmt: skip
            with statements(all_parts[0]) as told:
                await stage.accept(*messages)
                await stage.drain()
            counts.append(len(told))
        await stage.close()

    run(steps())
    bed.close()
    return counts


@pytest.mark.parametrize("endpoints", [2, 100])
def test_statements_of_a_batch_do_not_grow_with_its_endpoints(endpoints: int, tmp_path: Path) -> None:
    assert of_batches(tmp_path / "many", endpoints) == of_batches(tmp_path / "one", 1)
