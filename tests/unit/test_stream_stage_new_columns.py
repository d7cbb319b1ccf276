"""An endpoint has a limited number of columns that nobody registered: what exceeds it is set aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmon.wire import write_batch
from streaming import Bed, event, feed, run

MOST = 30


def named(*names: str, value: float | None = 1.5, outputs: int = 1) -> bytes:
    body = json.loads(event())
    body["request"]["inputs"] = dict.fromkeys(names, value)
    body["resp"]["outputs"] = [[0.5] * outputs]
    return json.dumps(body).encode()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path, endpoint_max_columns=MOST)
    bed.register(feature_names=("a",), label_names=("p",))
    yield bed
    bed.close()


def take(bed: Bed, *bodies: bytes) -> tuple[int, int]:
    """One stage, as after a start, takes these; returns how many rows are stored and rejected in all."""
    run(feed(bed, bed.publish(*bodies)))
    ((stored, rejected),) = bed.table("traffic", "stored", "rejected")
    return stored, rejected


def columns(bed: Bed) -> set[str]:
    return set(bed.table("column_types", "column")) | set(bed.table("schema_changes", "column"))


def test_names_that_never_come_again_fill_the_records_up_to_the_limit_and_no_event_is_lost(bed: Bed) -> None:
    bodies = [named("a", f"id {number}") for number in range(50)]
    assert take(bed, *bodies[:20]) == (20, 0)
    assert take(bed, *bodies[20:]) == (MOST, 50 - MOST)
    assert columns(bed) == {"a", "p", *(f"id {number}" for number in range(MOST))}
    reasons = bed.letters("reason", "field")
    assert len(reasons) == 50 - MOST
    assert reasons[0][0].startswith("1 new feature columns, 'id 30' for one, beside 30")
    assert {field for _, field in reasons} == {"request.inputs"}


def test_at_the_limit_events_with_known_columns_go_on(bed: Bed) -> None:
    take(bed, *(named("a", f"id {number}") for number in range(MOST)))
    assert take(bed, named("a"), named("a", "id 3"), named("a", "one more"), named("id 4")) == (MOST + 3, 1)


def test_columns_without_a_value_count_too(bed: Bed) -> None:
    for first in range(0, 60, 10):  # a stage each
        found = take(bed, *(named("a", f"id {number}", value=None) for number in range(first, first + 10)))
    assert found == (MOST, 60 - MOST)
    assert len(columns(bed) - {"a", "p"}) == MOST


def test_wide_outputs_and_events_of_one_message_are_told_apart(bed: Bed) -> None:
    events = [named("a"), named("a", outputs=MOST + 1), named("a", *(f"x{n}" for n in range(MOST + 1)))]
    assert take(bed, write_batch(events)) == (1, 2)
    assert sorted(bed.letters("item", "field")) == [(1, "resp.outputs"), (2, "request.inputs")]


def test_registered_columns_have_no_limit(tmp_path: Path) -> None:
    bed = Bed(tmp_path, endpoint_max_columns=MOST)
    names = tuple(f"x{number}" for number in range(10 * MOST))
    bed.register(feature_names=names, label_names=("p",))
    assert take(bed, named(*names), named(*names)) == (2, 0)
    bed.close()


def test_what_was_set_aside_can_be_sent_again_under_a_higher_limit(bed: Bed, tmp_path: Path) -> None:
    wide = named("a", *(f"x{number}" for number in range(MOST + 1)))
    assert take(bed, wide) == (0, 1)
    (body,) = bed.letters("body")
    higher = Bed(tmp_path, endpoint_max_columns=MOST + 1)
    assert take(higher, body) == (1, 1)
    higher.close()
