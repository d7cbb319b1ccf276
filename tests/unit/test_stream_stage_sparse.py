"""Width times rows is bounded, for each endpoint of a batch: what exceeds it is set aside and says so."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from modelmon.stages.stream import sparse
from modelmon.wire import write_batch
from streaming import ENDPOINT, Bed, event, feed, run, written

COUNTS = ("endpoint_id", "received", "stored", "rejected")


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "MOST_EMPTY_CELLS", 2_000)
    monkeypatch.setattr(sparse, "LEAST_EMPTY_CELLS", 10)


def rows(count: int, width: int) -> list[list[float]]:
    return [[1.0] * width for _ in range(count)]


def named(names: list[str], endpoint_id: str = ENDPOINT) -> bytes:
    body = json.loads(event(endpoint_id=endpoint_id))
    body["request"]["inputs"] = dict.fromkeys(names, 1.5)
    return json.dumps(body).encode()


def ragged_in_one_event() -> list[bytes]:
    return [event([*rows(3_000, 1), *rows(1, 8_500)], rows(3_001, 1)), event()]


def ragged_in_many_events() -> list[bytes]:
    return [*(event() for _ in range(1_500)), event(rows(1, 18_000)), *(event() for _ in range(1_500))]


def names_of_their_own() -> list[bytes]:
    return [write_batch([named([f"name {number}"]) for number in range(6_000)])]


def many_rows_that_share_few_names() -> list[bytes]:
    return [
        write_batch(
            [
                json.dumps(
                    {**json.loads(event()), "request": {"inputs": [{f"n{part}-{n}": 1} for n in range(100)]}}
                ).encode()
                for part in range(60)
            ]
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "messages",
    [ragged_in_one_event, ragged_in_many_events, names_of_their_own, many_rows_that_share_few_names],
)
def test_a_small_message_does_not_become_gigabytes(messages: Any, tmp_path: Path) -> None:
    bodies = messages()
    tracemalloc.start()
    try:
        bed = written(tmp_path, *bodies)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    ((_, received, stored, rejected),) = bed.table("traffic", *COUNTS)
    assert received == stored + rejected
    assert min(stored, rejected) > 0
    assert peak < 450_000_000
    reasons = bed.letters("reason")
    assert all("cells of this batch empty, more than 25,000,000" in reason for reason in reasons)


def test_the_wide_event_among_narrow_ones_goes_wherever_it_stands(small_limit: None, tmp_path: Path) -> None:
    for place in (0, 5, 50):
        bodies = [event(request_id=str(number)) for number in range(50)]
        bodies.insert(place, event(rows(1, 100), request_id="wide"))
        bed = written(tmp_path / str(place), *bodies)
        assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 51, 50, 1)]
        ((body, reason),) = bed.letters("body", "reason")
        assert json.loads(body)["request"]["id"] == "wide"
        assert "1 row of 100 columns beside others of 1" in reason


def test_narrow_events_go_where_the_wide_ones_are_as_registered(small_limit: None, tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=tuple(f"n{number}" for number in range(100)), label_names=("y",))
    bodies = [event(request_id="narrow") for _ in range(40)]
    bodies.insert(7, event(rows(2, 100), rows(2, 1), request_id="whole"))
    run(feed(bed, bed.publish(*bodies)))
    ((_, received, stored, rejected),) = bed.table("traffic", *COUNTS)
    assert (received, rejected) == (42, 42 - stored)
    assert stored == 22  # 2,000 empty cells are 20 rows that lack 99 columns
    assert {json.loads(body)["request"]["id"] for body in bed.letters("body")} == {"narrow"}


@pytest.mark.slow
def test_short_rows_of_a_wide_endpoint_are_kept_where_no_column_is_mixed(
    small_limit: None, tmp_path: Path
) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=tuple(f"n{number}" for number in range(5_000)), label_names=("y",))
    run(feed(bed, bed.publish(*(event() for _ in range(40)))))
    assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 40, 40, 0)]
    assert bed.sample().column("n4999").null_count == 40


def test_each_endpoint_of_a_batch_has_its_share(small_limit: None, tmp_path: Path) -> None:
    bodies = []
    for endpoint_id in ("a", "b", "c", "d"):
        bodies += [event(endpoint_id=endpoint_id) for _ in range(10)]
        bodies.append(event(rows(1, 60), endpoint_id=endpoint_id))
    bed = written(tmp_path, *bodies)
    assert bed.table("traffic", *COUNTS) == [(endpoint_id, 11, 10, 1) for endpoint_id in ("a", "b", "c", "d")]
    bed = written(tmp_path / "alone", *bodies[:11])
    assert bed.table("traffic", *COUNTS) == [("a", 11, 11, 0)]


def test_wide_outputs_are_bounded_too(small_limit: None, tmp_path: Path) -> None:
    bed = written(tmp_path, *(event() for _ in range(50)), event(outputs=rows(1, 100)))
    assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 51, 50, 1)]
    assert bed.letters("field") == ["resp.outputs"]


def test_what_is_set_aside_is_counted_once_also_when_its_batch_is_written_again(
    small_limit: None, tmp_path: Path
) -> None:
    bed = Bed(tmp_path)
    bodies = [
        write_batch([event(publisher_id="p", number=number) for number in range(1, 51)]),
        event(rows(1, 100), publisher_id="p", number=51),
    ]
    run(feed(bed, bed.publish(*bodies)))
    assert bed.table("traffic", *COUNTS, "missing") == [(ENDPOINT, 51, 50, 1, 0)]
    assert bed.letters("offset", "item") == [(1, 0)]
    assert bed.sample().num_rows == 50
