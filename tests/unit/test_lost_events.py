"""Events that were numbered and never came: noticed once, in the minute in which they were missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from modelmon.ledger.lost_events import lost_between, lost_events
from modelmon.model import MINUTE_US
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.pruning import prune
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run

MINUTE = NOW_US - NOW_US % MINUTE_US - 10 * MINUTE_US
FAR = 1e12


def came(bed: Bed, *numbers: int, minute: int = 0) -> None:
    """Each number in a batch of its own, at its second of the minute."""
    for number in numbers:
        when_us = MINUTE + minute * MINUTE_US + number * 1_000
        run(feed(bed, bed.publish(event(publisher_id="p", number=number, when_us=when_us))))


def noted(bed: Bed) -> dict[int, int]:
    with bed.records.read() as connection:
        rows = connection.execute(select(lost_events.c.minute_us, lost_events.c.events)).all()
    return {(row.minute_us - MINUTE) // MINUTE_US: row.events for row in rows}


def lost(bed: Bed, start: int = 0, end: int = 10) -> int | None:
    with bed.records.read() as connection:
        return lost_between(connection, ENDPOINT, MINUTE + start * MINUTE_US, MINUTE + end * MINUTE_US)


def test_a_gap_counts_in_the_minute_of_the_event_after_it(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    came(bed, 1, 2)
    assert (noted(bed), lost(bed)) == ({}, 0)
    came(bed, 5, minute=1)
    came(bed, 9, minute=3)
    assert noted(bed) == {1: 2, 3: 3}
    assert (lost(bed), lost(bed, 0, 1), lost(bed, 1, 2), lost(bed, 2, 4)) == (5, 0, 2, 3)


def test_what_comes_late_is_taken_back(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    came(bed, 1, 5)
    assert lost(bed) == 3
    came(bed, 3)
    assert (lost(bed), noted(bed)) == (2, {0: 2})
    came(bed, 2, 4, 2, 4)
    assert lost(bed) == 0, "what comes twice is taken back once"


def test_events_without_numbers_tell_nothing(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(event())))
    assert lost(bed) is None
    came(bed, 1)
    assert lost(bed) == 0


def test_it_is_deleted_with_what_is_as_old(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    came(bed, 4)
    came(bed, 8, minute=5)
    series = open_series(bed.settings)
    prune(bed.records, open_samples(bed.settings), series, MINUTE + MINUTE_US, FAR)
    series.close()
    assert noted(bed) == {5: 3}


@pytest.mark.parametrize("number", [2**63 - 1, 10**15])
def test_a_number_that_nobody_can_have_counted_breaks_nothing(tmp_path: Path, number: int) -> None:
    bed = Bed(tmp_path)
    came(bed, 1)
    run(feed(bed, bed.publish(event(publisher_id="q", number=number, when_us=MINUTE))))
    assert lost(bed) == 10**12
