"""An event that its publisher sends again counts once, whatever happened between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmon.ledger import publishers
from modelmon.ledger.publishers import Applied, advanced, lock_numbers, note_numbers
from modelmon.model import BatchRange, TrafficPoint
from modelmon.stages.stream.exactly_once import Parts
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.wire import ErrorEvent, write_batch, write_error_event
from modelmon.wire.numbering import published_by
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run, written

COUNTS = ("received", "stored", "errors", "rejected", "missing", "repeated")


def numbered(number: int, **fields: Any) -> bytes:
    return event([[float(number)]], **{"publisher_id": "p", "number": number, **fields})


def error(number: int) -> bytes:
    names = ENDPOINT, "model", "project/function", "Model", "", "r"
    return write_error_event(ErrorEvent(*names, NOW_US, "boom", "infer", "p", number))


def unreadable(number: int) -> bytes:
    return numbered(number).replace(b'"microsec":1000', b'"microsec":-1')


def stored(bed: Bed) -> list[float]:
    return sorted(bed.sample().column("f0").to_pylist())


def predictions(bed: Bed) -> int:
    series = open_series(bed.settings)
    try:
        return sum(point.predictions + point.errors for point in series.read_traffic([ENDPOINT], 0, 2**60))
    finally:
        series.close()


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_comes_again_is_dropped_however_the_batches_are_cut(batch: int, tmp_path: Path) -> None:
    numbers = [1, 2, 1, 2, 3, 2, 3, 3, 4]
    bed = written(tmp_path, *map(numbered, numbers), batch_max_events=batch)
    assert bed.table("traffic", *COUNTS) == [(4, 4, 0, 0, 0, 5)]
    assert stored(bed) == [1, 2, 3, 4]
    assert predictions(bed) == 4
    assert sum(bed.table("dirty", "rows")) == 4


def test_after_a_restart_and_a_take_over_it_is_still_known(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    for numbers in ([1, 2], [2, 3], [1, 2, 3], [4]):  # a stage each, which takes the partition over
        run(feed(bed, bed.publish(*map(numbered, numbers))))
    assert bed.table("traffic", *COUNTS) == [(4, 4, 0, 0, 0, 4)]
    assert stored(bed) == [1, 2, 3, 4]
    assert predictions(bed) == 4


def test_a_message_of_many_events_is_repeated_in_part(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(write_batch([numbered(1), numbered(2)]))))
    run(feed(bed, bed.publish(write_batch([numbered(2), numbered(3), numbered(3)]))))
    assert bed.table("traffic", *COUNTS) == [(3, 3, 0, 0, 0, 2)]


def test_numbers_that_come_in_another_order_are_all_stored_and_nothing_is_missing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    for numbers, missing in (([5, 3], 3), ([1, 5], 2), ([4, 3], 1), ([2], 0), ([1, 2, 3, 4, 5], 0)):
        run(feed(bed, bed.publish(*map(numbered, numbers))))
        assert bed.table("traffic", "missing") == [missing]
    assert stored(bed) == [1, 2, 3, 4, 5]
    assert bed.table("publishers", "last_number", "gaps") == [(5, None)]


def test_errors_and_what_was_set_aside_count_once_too(tmp_path: Path) -> None:
    future = numbered(3, when_us=NOW_US + 10**12)
    bed = Bed(tmp_path)
    bodies = [error(1), unreadable(2), future, numbered(4)]
    run(feed(bed, bed.publish(*bodies, *bodies)))
    run(feed(bed, bed.publish(*bodies)))
    assert bed.table("traffic", *COUNTS) == [(4, 1, 1, 2, 0, 8)]
    assert len(bed.letters("offset")) == 2
    assert predictions(bed) == 2


def test_other_publishers_other_endpoints_and_events_without_a_number_are_not_repeats(tmp_path: Path) -> None:
    others = numbered(1, publisher_id="q"), numbered(1, endpoint_id="other")
    bed = written(tmp_path, numbered(1), *others, event(), event())
    assert bed.table("traffic", "stored", "repeated") == [(1, 0), (4, 0)]


def test_what_was_set_aside_is_stored_once_when_it_is_sent_again_under_a_number_of_its_own(
    tmp_path: Path,
) -> None:
    bed = Bed(tmp_path)
    future = numbered(1, when_us=NOW_US + 400_000_000)
    run(feed(bed, bed.publish(future)))
    bed.clock_us += 400_000_000
    again = published_by(future, "resent-1", 1)
    run(feed(bed, bed.publish(future, again, again)))
    assert bed.table("traffic", *COUNTS) == [(2, 1, 0, 1, 0, 2)]
    assert stored(bed) == [1]


@pytest.mark.slow
def test_many_publishers_of_many_endpoints_in_one_batch_are_told_apart(tmp_path: Path) -> None:
    bodies = [numbered(1, publisher_id=f"p{n}", endpoint_id=f"e{n % 700}") for n in range(1_400)]
    bed = written(tmp_path, *bodies)
    run(feed(bed, bed.publish(*bodies[::2])))
    assert bed.table("traffic", "stored", "repeated") == [(2, 0)] * 350 + [(2, 2)] * 350


def test_rows_of_a_micro_batch_share_a_publisher_and_are_not_repeats_of_each_other(tmp_path: Path) -> None:
    row = json.loads(event())
    headers = ["request", "op", "resp", "when", "microsec"]
    base = {name: value for name, value in row.items() if name not in headers}
    batch = {
        **base, "headers": headers, "values": [[row[name] for name in headers]] * 3,
        "publisher": {"id": "p", "number": 1},
    }  # fmt: skip
    bed = written(tmp_path, *[json.dumps(batch).encode()] * 2)
    assert bed.table("traffic", *COUNTS) == [(3, 3, 0, 0, 0, 3)]
    assert bed.table("publishers", "last_number") == [3]


class Meanwhile(SeriesStore):
    """Series whose first write comes just before somebody else applies number 2 with another partition."""

    def __init__(self, series: SeriesStore, bed: Bed) -> None:
        self._series = series
        self._bed = bed
        self.writes: list[int] = []

    def write_traffic(self, batch: BatchRange, points: Sequence[TrafficPoint]) -> None:
        self._series.write_traffic(batch, points)
        self.writes.append(sum(point.predictions for point in points))
        if len(self.writes) == 1:
            numbers = {("p", ENDPOINT): [2]}
            with self._bed.records.write() as connection:
                note_numbers(connection, numbers, lock_numbers(connection, numbers), 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._series, name)


Meanwhile.__abstractmethods__ = frozenset()  # the rest is the real one's


def test_what_another_partition_applied_meanwhile_is_dropped_and_leaves_no_trace(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    found: list[Meanwhile] = []

    def change(parts: Parts) -> Parts:
        found.append(Meanwhile(parts.series, bed))
        return replace(parts, series=found[0])

    async def steps() -> None:
        stage = bed.stage(change)
        for message in bed.publish(numbered(1), numbered(2, when_us=NOW_US - 10**9), numbered(3)):
            await stage.accept(message)
        await stage.close()

    run(steps())
    assert found[0].writes == [3, 2]
    assert bed.table("traffic", "stored", "repeated") == [(2, 1)]
    assert stored(bed) == [1, 3]
    assert predictions(bed) == 2
    assert bed.table("positions", "applied") == [2]


def test_what_is_kept_of_a_publisher_is_bounded_and_what_came_is_never_counted_twice() -> None:
    applied, missing = advanced(Applied(), range(2, 100_000, 2))
    assert len(applied.gaps) == publishers.MOST_GAPS
    assert missing == 49_999
    assert all(number in applied for number in range(2, 100_000, 2))
    assert 99_997 not in applied
    assert advanced(applied, [99_997, 3])[1] == -1  # 3 stands in a gap that was forgotten


@given(st.lists(st.lists(st.integers(1, 60), max_size=20), max_size=10))
def test_gaps_say_what_sets_of_numbers_say(batches: list[list[int]]) -> None:
    applied, seen, missing = Applied(), set[int](), 0
    for numbers in batches:
        applied, more = advanced(applied, numbers)
        seen.update(numbers)
        missing += more
        assert {number for number in range(1, 70) if number in applied} == seen
        assert missing == max(seen, default=0) - len(seen)
