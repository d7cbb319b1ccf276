"""Everything is accounted for: counts, series, dirty minutes, dead letters, gaps, endpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelmon.ledger import latencies
from modelmon.model import UNKNOWN_ENDPOINT, TrafficPoint
from modelmon.stores.series import open_series
from modelmon.views.clock import read_clock
from modelmon.views.encoding import to_json
from modelmon.wire import (
    BatchComplete,
    ErrorEvent,
    write_batch,
    write_batch_complete,
    write_error_event,
    write_nop_event,
)
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run, written

MINUTE_US = 60_000_000
COUNTS = ("endpoint_id", "received", "stored", "errors", "rejected")


def error_event(text: str = "boom", **fields: object) -> bytes:
    values = {
        "endpoint_id": ENDPOINT, "endpoint_name": "model", "function_uri": "project/function",
        "model_class": "Model", "version": "", "request_id": "r", "when_us": NOW_US, "error": text,
    }  # fmt: skip
    return write_error_event(ErrorEvent(**{**values, **fields}))  # type: ignore[arg-type]


def traffic(bed: Bed) -> list[TrafficPoint]:
    series = open_series(bed.settings)
    try:
        return series.read_traffic([ENDPOINT], 0, 2**60)
    finally:
        series.close()


def test_received_is_stored_and_errors_and_rejected_in_rows(tmp_path: Path) -> None:
    bed = written(
        tmp_path,
        event([[1.0], [2.0], [3.0]]),
        error_event(),
        event([[1.0], [2.0]], when_us=NOW_US + 10**12),
        b"not JSON",
        json.dumps({"endpoint_id": ENDPOINT, "model": "m", "when": "never"}).encode(),
    )
    assert bed.table("traffic", *COUNTS) == [(UNKNOWN_ENDPOINT, 1, 0, 0, 1), (ENDPOINT, 7, 3, 1, 3)]
    assert bed.table("traffic", "last_error", "last_error_us") == [("", None), ("boom", NOW_US)]


def test_an_error_event_from_the_future_is_set_aside(tmp_path: Path) -> None:
    bed = written(tmp_path, event(), error_event(when_us=NOW_US + 10**12), error_event())
    assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 3, 1, 1, 1)]
    assert bed.letters("offset", "endpoint_id", "field") == [(1, ENDPOINT, "when")]


def test_an_undecodable_message_is_a_dead_letter_with_its_bytes_place_and_reason(tmp_path: Path) -> None:
    bed = written(tmp_path, event(), b"\xff\xfe")
    letters = bed.letters("partition", "offset", "item", "stream", "endpoint_id", "body")
    assert letters == [(0, 1, 0, "events", UNKNOWN_ENDPOINT, b"\xff\xfe")]


def test_an_event_too_far_in_the_future_is_set_aside_alone(tmp_path: Path) -> None:
    late = event(when_us=NOW_US + 10**12, request_id="future")
    bed = written(tmp_path, write_batch([event(), late, event()]))
    ((offset, item, field, body),) = bed.letters("offset", "item", "field", "body")
    assert (offset, item, field) == (0, 1, "when")
    assert json.loads(body)["request"]["id"] == "future"
    assert bed.sample().column("event_item").to_pylist() == [0, 2]


def test_an_event_within_the_allowed_future_is_stored(tmp_path: Path) -> None:
    bed = written(tmp_path, event(when_us=NOW_US + 301_000_000), event(when_us=NOW_US + 301_000_001))
    assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 2, 1, 0, 1)]


def test_rows_of_a_micro_batch_that_are_rejected_become_messages_of_their_own(tmp_path: Path) -> None:
    row = json.loads(event())
    headers = ["request", "op", "resp", "when", "microsec"]
    base = {name: value for name, value in row.items() if name not in headers}
    future = {**row, "when": "2199-01-01 00:00:00+00:00"}
    rows = [[each[name] for name in headers] for each in (row, future)]
    bed = written(tmp_path, json.dumps({**base, "headers": headers, "values": rows}).encode())
    ((item, body),) = bed.letters("item", "body")
    assert item == 1
    assert {name: json.loads(body)[name] for name in headers} == dict(zip(headers, rows[1], strict=True))
    assert bed.table("traffic", *COUNTS) == [(ENDPOINT, 2, 1, 0, 1)]


def test_first_and_last_request_are_event_times_whatever_the_order(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(event(when_us=NOW_US), event(when_us=NOW_US - 5))))
    run(feed(bed, bed.publish(event(when_us=NOW_US - 9), error_event(when_us=NOW_US + 9))))
    assert bed.table("traffic", "first_request_us", "last_request_us", "committed_us") == [
        (NOW_US - 9, NOW_US, bed.clock_us)
    ]


def test_a_discovered_endpoint_is_registered_with_what_its_event_tells(tmp_path: Path) -> None:
    bed = written(
        tmp_path, event(endpoint_name="delay:v1", version="v1", function_uri="other/serving:latest")
    )
    columns = ("endpoint_id", "project", "name", "version", "function_name", "model_class", "discovered")
    assert bed.table("endpoints", *columns) == [
        (ENDPOINT, "flights", "delay:v1", "v1", "serving", "Model", True)
    ]


def test_an_endpoint_known_by_its_errors_alone_is_registered_too(tmp_path: Path) -> None:
    bed = written(tmp_path, error_event())
    assert bed.table("endpoints", "endpoint_id", "feature_names") == [(ENDPOINT, "[]")]


def test_a_registered_endpoint_stays_as_it_is_and_gets_only_names_it_lacks(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(name="mine", feature_names=("a",))
    run(feed(bed, bed.publish(event([[1.0]], [[2.0]], input_names=("a",), output_names=("y",)))))
    columns = ("name", "discovered", "feature_names", "label_names")
    assert bed.table("endpoints", *columns) == [("mine", False, '["a"]', '["y"]')]


def test_dirty_minutes_count_rows_and_raise_their_version_with_each_batch(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    minute = NOW_US // MINUTE_US * MINUTE_US
    for _ in range(2):
        run(feed(bed, bed.publish(event([[1.0], [2.0]]), event(when_us=NOW_US - MINUTE_US), error_event())))
    assert bed.table("dirty", "minute_us", "version", "rows") == [(minute - MINUTE_US, 2, 2), (minute, 2, 4)]


def test_series_sum_requests_rows_errors_and_latencies_per_minute(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bodies = [
        event([[1.0], [2.0]], latency_us=0, sampling_percentage=50.0),
        event(latency_us=1000),
        event(latency_us=None),
        event(when_us=NOW_US - MINUTE_US, latency_us=3),
        error_event(),
    ]
    for body in bodies:  # a batch each: readers sum
        run(feed(bed, bed.publish(body)))
    minute = NOW_US // MINUTE_US * MINUTE_US
    histogram = (1, *[0] * 9, 1)
    assert traffic(bed) == [
        TrafficPoint(ENDPOINT, minute - MINUTE_US, 1, 1, 0, 1.0, 1, 3, 3, (0, 0, 1)),
        TrafficPoint(ENDPOINT, minute, 3, 4, 1, 6.0, 2, 1000, 1000, histogram),
    ]


def test_one_batch_gives_the_same_series_as_many(tmp_path: Path) -> None:
    bodies = [event(when_us=NOW_US - n * 7_000_000, latency_us=n * n) for n in range(40)]
    one = written(tmp_path / "one", *bodies)
    many = written(tmp_path / "many", *bodies, batch_max_events=3)
    assert traffic(one) == traffic(many)
    assert sum(point.rows for point in traffic(one)) == 40


def test_latencies_of_all_endpoints_are_counted_by_bit_length_and_once(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    told = [
        event(latency_us=0),
        event([[1.0], [2.0]], latency_us=1023, endpoint_id="another"),
        event(latency_us=1024, publisher_id="p", number=1),
        event(latency_us=None),
        error_event(),
        event([[1.0]], latency_us=5, when_us=NOW_US + 10**12),  # set aside
    ]
    run(feed(bed, bed.publish(*told)))
    assert timed(bed) == {0: (1, 0), 10: (1, 1023), 11: (1, 1024)}
    run(feed(bed, bed.publish(told[2], event(latency_us=1025))))  # the first of them came before
    run(feed(bed, bed.publish(event(latency_us=None))))
    assert timed(bed) == {0: (1, 0), 10: (1, 1023), 11: (2, 2049)}


def timed(bed: Bed) -> dict[int, tuple[int, float]]:
    with bed.records.read() as connection:
        found = latencies.total(connection)
    return {bits: (each.requests, each.latency_us) for bits, each in found.items()}


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], 0),
        ([3], 2),
        ([1, 2, 2, 3, 3], 0),
        ([1, 4, 5, 9], 5),
    ],
)
def test_gaps_in_a_publishers_numbers_are_missing(numbers: list[int], missing: int, tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    for number in numbers:
        run(feed(bed, bed.publish(event(publisher_id="p", number=number))))
    assert bed.table("traffic", "missing") == [missing]
    together = written(tmp_path / "together", *(event(publisher_id="p", number=n) for n in numbers))
    assert together.table("traffic", "missing") == [missing]


def test_numbers_of_errors_and_of_events_set_aside_are_not_missing(tmp_path: Path) -> None:
    bed = written(
        tmp_path,
        event(publisher_id="p", number=1),
        error_event(publisher_id="p", number=2),
        event(publisher_id="p", number=3, when_us=NOW_US + 10**12),
        event(publisher_id="p", number=4).replace(b'"microsec":1000', b'"microsec":-1'),
        event(publisher_id="p", number=5),
        event(publisher_id="q", number=2),
    )
    assert bed.table("traffic", "missing") == [1]
    assert bed.table("publishers", "publisher_id", "last_number") == [("p", 5), ("q", 2)]


def test_numbers_that_no_publisher_can_have_counted_stop_nothing(tmp_path: Path) -> None:
    bed = written(tmp_path, *(event(publisher_id=publisher, number=2**63 - 1) for publisher in "pqr"))
    assert bed.table("traffic", "stored", "missing") == [(3, 10**12)]
    run(feed(bed, bed.publish(event(publisher_id="s", number=2**63 - 1))))
    assert bed.table("traffic", "stored", "missing") == [(4, 2 * 10**12)]


def test_batch_completion_and_the_controllers_clock_are_kept_and_not_counted(tmp_path: Path) -> None:
    complete = BatchComplete(ENDPOINT, NOW_US - 5, NOW_US)
    bed = written(
        tmp_path,
        event(),
        write_batch_complete(complete, project="flights", completed_us=NOW_US),
        write_nop_event(NOW_US + 3),
        write_nop_event(NOW_US + 2),
    )
    assert bed.table("traffic", "received", "completed_us") == [(1, NOW_US)]
    assert bed.table("positions", "applied", "nop_us") == [(3, NOW_US + 2)]


def test_an_event_is_set_aside_from_among_neighbours_that_can_t_be_read(tmp_path: Path) -> None:
    future = event(when_us=NOW_US + 10**12, request_id="future")
    message = b'\xef\xbb\xbf [1, {"a": nope}, ' + future + b", [2]]"
    bed = written(tmp_path, message)
    bodies = dict(bed.letters("item", "body"))
    assert sorted(bodies) == [0, 1, 2, 3]
    assert json.loads(bodies[2])["request"]["id"] == "future"


def test_a_clock_that_went_back_is_said_with_what_was_set_aside_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bed = Bed(tmp_path)
    day_us = 86_400_000_000

    async def steps() -> None:
        stage = bed.stage()
        for body, clock_us in ((event(), NOW_US), (event(), NOW_US - day_us), (event(), NOW_US - day_us)):
            bed.clock_us = clock_us
            for message in bed.publish(body):
                await stage.accept(message)
            await stage.drain()
        await stage.close()

    run(steps())
    warnings = [record.getMessage() for record in caplog.records if "clock went back" in record.getMessage()]
    assert len(warnings) == 1
    assert "by 86400 s" in warnings[0]
    with bed.records.read() as connection:
        assert to_json(read_clock(connection, NOW_US - day_us)) == {
            "behind_seconds": 86_400.0,
            "newest_commit": "2023-11-14 22:13:20.000000+00:00",
            "set_aside": 2,
        }
        assert read_clock(connection, NOW_US).behind_seconds == 0.0
