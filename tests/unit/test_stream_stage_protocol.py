"""The protocol step by step: take over, open, commit, acknowledge, and what a start finds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import update

from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import schema
from modelmon.ledger.batches import (
    Derived,
    OpenBatch,
    commit_batch,
    open_batch,
    positions,
    take_over,
    void_ranges,
)
from modelmon.model import BatchRange, Message
from modelmon.stages.stream import StreamStage
from modelmon.stages.stream import stage as stage_module
from modelmon.stores.base import SampleStore
from modelmon.stores.series import open_series
from streaming import Bed, event, feed, graph, run, written


def bodies(count: int, first: int = 0) -> list[bytes]:
    return [event([[float(number)]]) for number in range(first, first + count)]


def features(bed: Bed) -> list[float]:
    return sorted(bed.sample().column("f0").to_pylist())


def numbers(count: int, first: int = 0) -> list[float]:
    return [float(number) for number in range(first, first + count)]


def left_open(bed: Bed, first: int, last: int, tries: int) -> None:
    """Leave the ledger as a function does that was killed in mid-batch `tries` times."""
    with bed.records.write() as connection:
        position = take_over(connection, bed.stream.stream_id, 0, "events")
        assert open_batch(connection, position, OpenBatch(first, last, tries, bed.clock_us))


def ranges(bed: Bed) -> list[tuple[int, int]]:
    return bed.table("files", "first", "last")


class DownAtFirst(SampleStore):
    """Samples that do not answer at first: the first `failures` writes find the disk full."""

    def __init__(self, inner: SampleStore, failures: int) -> None:
        self._inner = inner
        self.left = failures

    def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
        if self.left:
            self.left -= 1
            raise UnavailableError("no space left on device")
        return self._inner.write(path, table, packed=packed)

    def read(
        self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
    ) -> pa.Table:
        return self._inner.read(path, columns, span)

    def delete(self, paths: Collection[str]) -> None:
        self._inner.delete(paths)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        return self._inner.list(prefix, after)


def test_a_batch_is_cut_at_so_many_messages_and_acknowledged_after_it_is_applied(tmp_path: Path) -> None:
    bed = Bed(tmp_path, batch_max_events=3)
    run(feed(bed, bed.publish(*bodies(8))))
    assert bed.acknowledged == [(0, 2), (0, 5), (0, 7)]
    assert ranges(bed) == [(0, 2), (3, 5), (6, 7)]
    assert features(bed) == numbers(8)
    assert bed.table("positions", "applied", "open_first") == [(7, None)]


def test_a_batch_is_cut_at_so_many_bytes(tmp_path: Path) -> None:
    size = len(bodies(1)[0])
    bed = Bed(tmp_path, batch_max_bytes=2 * size)
    run(feed(bed, bed.publish(*bodies(5))))
    assert ranges(bed) == [(0, 1), (2, 3), (4, 4)]


def test_a_batch_is_cut_by_time_while_nothing_comes(tmp_path: Path) -> None:
    bed = Bed(tmp_path, flush_after_seconds=0.05)

    async def steps() -> None:
        stage = bed.stage()
        for message in bed.publish(*bodies(2)):
            await stage.accept(message)
        assert bed.acknowledged == []
        while not bed.acknowledged:
            await asyncio.sleep(0.005)
        await stage.accept(bed.publish(event([[2.0]]))[0])
        while len(bed.acknowledged) < 2:
            await asyncio.sleep(0.005)
        await stage.close()

    run(steps())
    assert bed.acknowledged == [(0, 1), (0, 2)]


def test_partitions_have_batches_of_their_own(tmp_path: Path) -> None:
    bed = Bed(tmp_path, partitions=2)
    messages = [*bed.publish(*bodies(2), partition=0), *bed.publish(*bodies(3, 2), partition=1)]
    run(feed(bed, sorted(messages, key=lambda message: message.offset)))
    assert sorted(bed.acknowledged) == [(0, 1), (1, 2)]
    assert features(bed) == numbers(5)


def test_a_replay_from_the_beginning_changes_nothing_and_is_acknowledged(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(4))
    for _ in range(3):
        run(feed(bed, messages))
    assert bed.acknowledged == [(0, 3)] * 3
    assert features(bed) == numbers(4)
    assert bed.table("traffic", "received") == [4]
    assert bed.table("positions", "epoch") == [3]


def test_what_is_held_already_is_not_held_twice(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(3))
    run(feed(bed, [*messages[:2], *messages]))
    assert features(bed) == numbers(3)


def test_a_start_that_finds_an_open_batch_writes_exactly_that_range_first(tmp_path: Path) -> None:
    bed = Bed(tmp_path, batch_max_events=2, flush_after_seconds=0.0)
    left_open(bed, 0, 4, tries=1)
    run(feed(bed, bed.publish(*bodies(8))))
    assert ranges(bed)[0] == (0, 4)
    assert features(bed) == numbers(8)


def test_an_open_range_is_waited_for_however_long_it_takes_and_bytes_don_t_cut_it(tmp_path: Path) -> None:
    bed = Bed(tmp_path, batch_max_bytes=1, buffer_max_bytes=1, flush_after_seconds=0.0)
    left_open(bed, 0, 4, tries=1)
    messages = bed.publish(*bodies(5))

    async def steps() -> None:
        stage = bed.stage()
        for message in messages[:4]:
            await stage.accept(message)
        await asyncio.sleep(0)
        assert bed.acknowledged == []
        await stage.accept(messages[4])
        assert bed.acknowledged == [(0, 4)]
        await stage.close()

    run(steps())
    assert ranges(bed) == [(0, 4)]


def test_a_batch_that_stopped_the_function_too_often_is_halved_and_its_name_is_void(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    left_open(bed, 0, 5, tries=3)
    run(feed(bed, bed.publish(*bodies(9))))
    assert ranges(bed) == [(0, 2), (3, 5), (6, 8)]  # nor does the rest become one long batch again
    with bed.records.read() as connection:
        assert void_ranges(connection) == [BatchRange(bed.stream.stream_id, 0, 0, 5)]
    assert features(bed) == numbers(9)


def test_series_written_under_a_void_name_do_not_count(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(6))

    async def killed_before_commit() -> None:
        stage = bed.stage(lambda parts: replace(parts, records=NeverCommits(parts.records)))
        for message in messages:
            await stage.accept(message)
        await stage.drain()

    for _ in range(3):
        with pytest.raises(KilledError):
            run(killed_before_commit())
    assert bed.table("traffic", "received") == []
    assert bed.table("positions", "open_first", "open_last", "open_tries") == [(0, 5, 3)]
    run(feed(bed, messages))
    with bed.records.read() as connection:
        void = void_ranges(connection)
    (point,) = open_series(bed.settings).read_traffic(["endpoint-1"], 0, 2**60, void=void)
    assert (point.rows, point.predictions) == (6, 6)
    assert features(bed) == numbers(6)


class KilledError(Exception):
    """Stands for the end of the process."""


class NeverCommits:
    """Records that end the process when the batch is to be committed."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "write":
            raise KilledError
        return getattr(self._inner, name)


def test_the_one_message_that_stops_the_function_becomes_a_dead_letter_unread(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    left_open(bed, 0, 0, tries=3)
    run(feed(bed, bed.publish(*bodies(3))))
    assert bed.letters("offset", "item", "reason") == [(0, -1, "stopped the stream function 3 times")]
    assert features(bed) == numbers(2, first=1)
    assert bed.table("traffic", "endpoint_id", "received", "rejected") == [
        ("(unknown)", 1, 1),
        ("endpoint-1", 2, 0),
    ]


def test_a_poison_message_is_isolated_and_nothing_else_is_lost(tmp_path: Path) -> None:
    bed = Bed(tmp_path, batch_max_events=64)
    messages = bed.publish(*bodies(100))

    async def start() -> None:
        stage = StreamStage(bed.settings, bed._acknowledge, poisoned_graph(37), lambda: bed.clock_us)
        applied = bed.acknowledged[-1][1] if bed.acknowledged else -1
        for message in messages[applied + 1 :]:
            await stage.accept(message)
        await stage.drain()

    starts = 0
    while not bed.acknowledged or bed.acknowledged[-1] != (0, 99):
        starts += 1
        assert starts < 60
        try:
            run(start())
        except KilledError:
            continue
    assert bed.letters("offset") == [37]
    assert features(bed) == [number for number in numbers(100) if number != 37.0]


def poisoned_graph(offset: int) -> Any:
    """The real graph behind a step that ends the process when a batch holds this offset."""
    import storey

    class Poisoned(storey.MapClass):  # type: ignore[misc]
        def do(self, batch: Any) -> Any:
            if not batch.starts and any(message.offset == offset for message in batch.messages):
                raise KilledError
            return batch

    def build(parts: Any) -> Any:
        source = graph(parts)
        decode = source._outlets.pop()
        source.to(Poisoned(name="poisoned")).to(decode)
        return source

    return build


def test_another_owner_makes_us_drop_the_partition_and_acknowledge_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(6))

    async def steps() -> None:
        old, new = bed.stage(), bed.stage()
        for message in messages[:3]:
            await old.accept(message)
        for message in messages[:4]:
            await new.accept(message)
        await old.drain()
        assert bed.acknowledged == []
        await old.accept(messages[3])  # the old session's rest: no gap may come of it
        await old.accept(messages[4])
        await old.drain()
        assert bed.acknowledged == []
        await new.accept(messages[4])
        await new.drain()
        assert bed.acknowledged == [(0, 4)]
        await old.accept(messages[5])  # now all that it dropped is applied
        await old.close()
        await new.close()

    run(steps())
    assert bed.acknowledged == [(0, 4), (0, 5)]
    assert features(bed) == numbers(6)


def test_an_owner_that_is_replaced_between_open_and_commit_changes_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(4))

    class TakenMeanwhile(DownAtFirst):
        def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
            with bed.records.write() as connection:
                take_over(connection, bed.stream.stream_id, 0, "events")
            return super().write(path, table)

    async def steps() -> None:
        stage = bed.stage(lambda parts: replace(parts, samples=TakenMeanwhile(parts.samples, 0)))
        for message in messages:
            await stage.accept(message)
        await stage.close()

    run(steps())
    assert bed.acknowledged == []
    assert bed.table("files", "path") == []
    assert bed.table("traffic", "received") == []
    run(feed(bed, messages))
    assert ranges(bed) == [(0, 3)]
    assert bed.table("traffic", "received") == [4]


def test_the_collector_sees_everything_again_once_a_batch_is_applied(tmp_path: Path) -> None:
    before = gc.get_freeze_count()
    assert len(written(tmp_path, event(), b"rubbish", event()).sample()) == 2
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, before)


@pytest.mark.parametrize(
    "limits", [{"batch_max_events": 3}, {"batch_max_bytes": 1_500}, {"buffer_max_bytes": 2_500}]
)
def test_messages_are_cut_the_same_whether_they_come_one_by_one_or_many_at_once(
    limits: dict[str, int], tmp_path: Path
) -> None:
    async def take(bed: Bed, size: int) -> None:
        messages = bed.publish(*(event([[float(number)]]) for number in range(20)))
        stage = bed.stage()
        await stage.accept(*messages[:1])  # and once more, with the others
        for first in range(0, len(messages), size):
            await stage.accept(*messages[first : first + size])
        await stage.close()

    beds = [Bed(tmp_path / str(size), **limits) for size in (1, 7, 20)]
    for bed, size in zip(beds, (1, 7, 20), strict=True):
        run(take(bed, size))
    assert all(bed.acknowledged == beds[0].acknowledged for bed in beds)
    assert len(beds[0].acknowledged) > 3
    assert [len(bed.sample()) for bed in beds] == [20] * 3


def test_a_lost_partition_is_taken_over_again_when_its_delivery_starts_anew(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(4))

    async def steps() -> None:
        stage = bed.stage()
        for message in messages[:3]:
            await stage.accept(message)
        with bed.records.write() as connection:
            take_over(connection, bed.stream.stream_id, 0, "events")
        await stage.drain()
        for message in messages:
            await stage.accept(message)
        await stage.close()

    run(steps())
    assert bed.acknowledged == [(0, 3)]
    assert features(bed) == numbers(4)


def test_what_was_dropped_while_waiting_for_room_is_remembered_as_dropped(tmp_path: Path) -> None:
    size = len(bodies(1)[0])
    bed = Bed(tmp_path, buffer_max_bytes=2 * size)
    messages = bed.publish(*bodies(4))

    async def steps() -> None:
        stage = bed.stage()
        await stage.accept(messages[0])
        await stage.accept(messages[1])
        with bed.records.write() as connection:
            position = take_over(connection, bed.stream.stream_id, 0, "events")
            assert open_batch(connection, position, OpenBatch(0, 1, 1, bed.clock_us))
            span = BatchRange(bed.stream.stream_id, 0, 0, 1)
            assert commit_batch(connection, position, span, Derived(), bed.clock_us)
        await stage.accept(messages[2])  # finds that the partition is lost, and is dropped
        await stage.drain()
        await stage.accept(messages[3])  # 2 is not applied, so 3 must not be
        await stage.close()

    run(steps())
    assert bed.acknowledged == []
    assert bed.table("positions", "applied") == [1]


def test_a_lost_partition_that_keeps_being_delivered_is_an_error_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "LOST_SECONDS", -1.0)
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(3))

    async def steps() -> None:
        stage = bed.stage()
        await stage.accept(messages[0])
        with bed.records.write() as connection:
            take_over(connection, bed.stream.stream_id, 0, "events")
        for buffer in list(stage._buffers.values()):
            await stage._write(buffer)
        with pytest.raises(RuntimeError, match="another owner took it over"):
            await stage.accept(messages[1])
        await stage.close()

    run(steps())


def test_a_drain_in_mid_range_loses_nothing_whether_delivery_goes_on_or_starts_anew(tmp_path: Path) -> None:
    for place, goes_on in enumerate((True, False)):
        bed = Bed(tmp_path / str(place))
        left_open(bed, 0, 4, tries=1)
        messages = bed.publish(*bodies(7))

        async def steps(bed: Bed, messages: list[Message], goes_on: bool) -> None:
            stage = bed.stage()
            for message in messages[:3]:
                await stage.accept(message)
            await stage.drain()
            assert bed.acknowledged == []
            for message in messages[3 if goes_on else 0 :]:
                await stage.accept(message)
            await stage.close()

        run(steps(bed, messages, goes_on))
        assert ranges(bed) == [(0, 4), (5, 6)]
        assert features(bed) == numbers(7)


def test_a_store_that_is_down_is_waited_for_and_nothing_acknowledged_meanwhile(tmp_path: Path) -> None:
    bed = Bed(tmp_path, unavailable_first_wait_seconds=0.001, unavailable_max_wait_seconds=0.002)
    messages = bed.publish(*(event([[float(n)]], endpoint_id=f"e{n % 5}") for n in range(20)))
    down: list[DownAtFirst] = []

    def change(parts: Any) -> Any:
        down.append(DownAtFirst(parts.samples, 12))
        return replace(parts, samples=down[0])

    async def steps() -> None:
        stage = bed.stage(change)
        for message in messages:
            await stage.accept(message)
        await stage.close()

    run(steps())
    assert down[0].left == 0
    assert bed.acknowledged == [(0, 19)]
    assert bed.table("traffic", "received") == [4] * 5


def test_accept_waits_while_too_many_bytes_are_held(tmp_path: Path) -> None:
    size = len(bodies(1)[0])
    bed = Bed(tmp_path, partitions=2, buffer_max_bytes=3 * size)
    messages = [*bed.publish(*bodies(2), partition=0), *bed.publish(*bodies(2, 2), partition=1)]

    async def steps() -> None:
        stage = bed.stage()
        for message in messages[:3]:
            await stage.accept(message)
        assert bed.acknowledged == []
        await stage.accept(messages[3])
        assert bed.acknowledged == [(0, 1)]  # the longest made room
        await stage.close()

    run(steps())
    assert features(bed) == numbers(4)


def test_one_message_larger_than_the_buffer_is_written_all_the_same(tmp_path: Path) -> None:
    bed = Bed(tmp_path, buffer_max_bytes=10)
    run(feed(bed, bed.publish(*bodies(3))))
    assert features(bed) == numbers(3)


def test_a_stream_that_ends_below_what_was_applied_stops_the_function(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(*bodies(2))
    run(feed(bed, messages))
    with bed.records.write() as connection:
        connection.execute(update(schema.positions).values(applied=7))
    with pytest.raises(ConfigError, match="offset 7 of the same stream was read already"):
        run(feed(bed, messages[:1]))


def test_an_open_batch_that_the_stream_no_longer_holds_stops_the_function(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    left_open(bed, 0, 9, tries=1)
    with pytest.raises(ConfigError, match="offset 9 of the same stream"):
        run(feed(bed, bed.publish(*bodies(2))))


def test_a_trigger_that_reads_another_stream_than_the_settings_name_stops_the_function(
    tmp_path: Path,
) -> None:
    bed = Bed(tmp_path)
    with pytest.raises(ConfigError, match="both must name the same stream"):
        run(feed(bed, [Message(0, 0, "", event())]))


def test_a_stream_made_anew_starts_from_its_beginning(tmp_path: Path) -> None:
    from modelmon.streams import memory

    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(*bodies(3))))
    memory.delete(bed.settings.events_url)
    again = Bed(tmp_path)
    run(feed(again, again.publish(*bodies(2, 3))))
    assert features(again) == numbers(5)
    with again.records.read() as connection:
        assert sorted(position.applied for position in positions(connection)) == [1, 2]


def test_a_bug_is_raised_while_idle_and_by_the_next_call_and_acknowledges_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path, flush_after_seconds=0.0)
    messages = bed.publish(*bodies(2))

    async def steps() -> None:
        stage = StreamStage(bed.settings, bed._acknowledge, poisoned_graph(0), lambda: bed.clock_us)
        await stage.accept(messages[0])
        with pytest.raises(KilledError):
            await stage.failed()  # nobody has to call for it
        with pytest.raises(KilledError):
            await stage.accept(messages[1])

    run(steps())
    assert bed.acknowledged == []


def test_a_repeated_batch_judges_the_future_by_the_clock_of_its_first_start(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    messages = bed.publish(event([[1.0]], when_us=bed.clock_us + 301_000_000))
    left_open(bed, 0, 0, tries=1)
    bed.clock_us += 3_600_000_000
    run(feed(bed, messages))
    assert bed.table("traffic", "rejected") == [1]
