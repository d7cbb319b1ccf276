"""Records restored from a backup, while the group has read further: nothing is lost without a word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from conformance.stream_backends import BACKENDS
from modelmon.model import Message
from modelmon.streams.subscriptions import events_of
from streaming import Bed, event, run


@pytest.fixture(params=BACKENDS, ids=lambda make: make.__name__.removesuffix("_backend"))
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    backend = request.param(tmp_path)
    bed = Bed(tmp_path, batch_max_events=3, events_stream=backend.url())
    yield bed
    bed.close()
    bed.stream.close()
    backend.close()


def numbers(first: int, end: int) -> list[bytes]:
    return [event([[float(number)]]) for number in range(first, end)]


async def apply(bed: Bed, messages: Sequence[Message]) -> None:
    """What a trigger does: it delivers, and commits for the group what was acknowledged."""
    stage = bed.stage()
    await stage.accept(*messages)
    await stage.close()
    consumer = bed.stream.consumer(events_of(bed.settings).group)
    while not consumer.poll(1000, 0.1):  # then the partition is ours
        pass
    consumer.commit({0: messages[-1].offset + 1})
    consumer.close()


def back_up_and_go_on(bed: Bed) -> None:
    """Five events before the backup, ten after it that the restored records don't know of."""
    records = Path(bed.settings.location("records_url").removeprefix("sqlite:///"))
    run(apply(bed, bed.publish(*numbers(0, 5))))
    bed.close()
    bed._records = None
    shutil.copy(records, records.with_suffix(".backup"))
    run(apply(bed, bed.publish(*numbers(5, 15))))
    bed.close()
    bed._records = None
    for name in ("-wal", "-shm"):
        Path(f"{records}{name}").unlink(missing_ok=True)
    shutil.copy(records.with_suffix(".backup"), records)
    assert bed.table("positions", "applied") == [4]
    assert bed.stream.committed(events_of(bed.settings).group) == {0: 15}


def stored(bed: Bed) -> list[float]:
    return sorted(bed.sample().column("f0").to_pylist())


def test_what_the_stream_still_has_is_read_again(bed: Bed) -> None:
    back_up_and_go_on(bed)
    run(apply(bed, bed.publish(*numbers(15, 17))))
    assert stored(bed) == [float(number) for number in range(17)]
    assert bed.table("traffic", "received", "stored") == [(17, 17)]
    assert bed.letters("reason") == []


def test_what_the_stream_has_not_is_named_as_lost(bed: Bed) -> None:
    back_up_and_go_on(bed)
    bed.stream.prune({0: 9})
    run(apply(bed, bed.publish(*numbers(15, 17))))
    assert stored(bed) == [float(number) for number in (*range(5), *range(9, 17))]
    [(offset, not_kept, reason)] = bed.letters("offset", "not_kept", "reason")
    assert (offset, not_kept) == (5, 4)
    assert reason.startswith("offsets 5 to 8 of partition 0 are lost: ")


def test_records_of_a_time_before_the_first_event_name_the_beginning_as_lost(bed: Bed) -> None:
    run(apply(bed, bed.publish(*numbers(0, 5))))
    bed.close()
    bed._records = None
    for file in Path(bed.settings.project_dir).glob(".modelmon/records.db*"):
        file.unlink()
    bed.stream.prune({0: 2})
    run(apply(bed, bed.publish(*numbers(5, 6))))
    assert stored(bed) == [2.0, 3.0, 4.0, 5.0]
    assert bed.letters("offset", "not_kept") == [(0, 2)]


def test_a_group_that_is_new_to_an_old_stream_has_lost_nothing(bed: Bed) -> None:
    bed.publish(*numbers(0, 3))
    bed.stream.prune({0: 3})
    run(apply(bed, bed.publish(*numbers(3, 5))))
    assert stored(bed) == [3.0, 4.0]
    assert bed.letters("offset") == []
