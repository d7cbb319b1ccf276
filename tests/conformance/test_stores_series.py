"""What every series store keeps of the promise in stores/base.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.store_backends import SERIES
from modelmon.errors import RejectedError
from modelmon.model import BatchRange, TrafficPoint, ValuePoint
from modelmon.stores.base import SeriesStore

MINUTE = 60_000_000
BATCH = BatchRange("stream", 0, 0, 9)
POINT = TrafficPoint("e", MINUTE, 2, 20, 1, 40.0, 2, 30, 20, (1, 0, 1))
VALUE = ValuePoint("e", "app", 0, MINUTE, "drift", 0.5, revision=2, kind=0, status=1, extra_data='{"a":1}')
EVER = (0, 10**15)


@pytest.fixture(params=SERIES, ids=lambda backend: backend.__name__)
def series(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    store = request.param(tmp_path)
    yield store
    store.close()
    store.close()


def test_batches_add_up_per_endpoint_and_minute(series: SeriesStore) -> None:
    series.write_traffic(BATCH, [POINT])
    later = replace(POINT, latency_us_max=99, latency_us_histogram=(1, 1, 1, 5))
    series.write_traffic(replace(BATCH, first=10, last=19), [later])
    series.write_traffic(replace(BATCH, stream_id="other"), [POINT])
    assert series.read_traffic(["e"], *EVER) == [
        TrafficPoint("e", MINUTE, 6, 60, 3, 120.0, 6, 90, 99, (3, 1, 3, 5))
    ]


def test_a_batch_written_again_counts_once(series: SeriesStore) -> None:
    series.write_traffic(BATCH, [POINT])
    series.write_traffic(BATCH, [POINT])
    assert series.read_traffic(["e"], *EVER) == [POINT]


def test_a_void_batch_does_not_count_and_its_halves_do(series: SeriesStore) -> None:
    half = replace(BATCH, last=4)  # begins where the void one begins
    series.write_traffic(BATCH, [POINT])
    series.write_traffic(half, [POINT])
    assert series.read_traffic(["e"], *EVER, void=[BATCH]) == [POINT]
    assert series.read_traffic(["e"], *EVER, void=[BATCH, half]) == []


def test_traffic_is_read_by_endpoint_and_half_open_span_in_order(series: SeriesStore) -> None:
    points = [replace(POINT, endpoint_id=e, minute_us=m * MINUTE) for e in "ba" for m in (3, 1, 2)]
    series.write_traffic(BATCH, points)
    read = series.read_traffic(["b", "a", "nobody", "a"], MINUTE, 3 * MINUTE)
    assert [(point.endpoint_id, point.minute_us // MINUTE) for point in read] == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2)
    ]  # fmt: skip


def test_thousands_of_endpoints_are_read_at_once(series: SeriesStore) -> None:
    points = [replace(POINT, endpoint_id=f"e{number:04d}") for number in range(2_000)]
    series.write_traffic(BATCH, points)
    assert series.read_traffic([point.endpoint_id for point in points], *EVER) == points


def test_nothing_written_is_nothing_read(series: SeriesStore) -> None:
    series.write_traffic(BATCH, [])
    series.write_values([])
    assert series.read_traffic(["e"], *EVER) == []
    assert series.read_traffic([], *EVER) == []
    assert series.read_values(["e"], *EVER) == []


def test_a_histogram_may_be_empty(series: SeriesStore) -> None:
    point = TrafficPoint("e", 0, errors=1)
    series.write_traffic(BATCH, [point])
    assert series.read_traffic(["e"], *EVER) == [point]


def test_a_value_keeps_everything(series: SeriesStore) -> None:
    metric = ValuePoint("e", "app", 0, MINUTE, "rows", -1e300, revision=1)
    series.write_values([VALUE, metric])
    assert series.read_values(["e"], *EVER) == [VALUE, metric]


def test_a_higher_or_equal_revision_replaces_and_a_lower_one_is_ignored(series: SeriesStore) -> None:
    newer, older = replace(VALUE, value=0.9, revision=3, status=2), replace(VALUE, value=0.1, revision=1)
    for point, stands in ((VALUE, VALUE), (older, VALUE), (newer, newer), (VALUE, newer)):
        series.write_values([point])
        assert series.read_values(["e"], *EVER) == [stands]
    again = replace(newer, value=0.8)
    series.write_values([again])
    assert series.read_values(["e"], *EVER) == [again]


def test_deleting_takes_lower_revisions_of_one_window_alone(series: SeriesStore) -> None:
    gone = [replace(VALUE, name="a", revision=1), replace(VALUE, name="b", revision=2)]
    stays = [
        replace(VALUE, name="c", revision=3),
        replace(VALUE, start_us=MINUTE, revision=1),
        replace(VALUE, application_name="other", revision=1),
        replace(VALUE, endpoint_id="f", revision=1),
    ]
    series.write_values(gone + stays)
    series.delete_values("e", "app", 0, below_revision=3)
    read = series.read_values(["e", "f"], *EVER)
    assert sorted(read, key=str) == sorted(stays, key=str)


def test_values_are_read_by_window_start_and_app_in_order(series: SeriesStore) -> None:
    points = [
        replace(VALUE, application_name=app, start_us=start, name=name)
        for app in ("b", "a")
        for start in (20, 10, 30)
        for name in "yx"
    ]
    series.write_values(points)
    ordered = sorted(points, key=lambda point: (point.application_name, point.start_us, point.name))
    assert series.read_values(["e"], 0, 31) == ordered
    assert series.read_values(["e"], 10, 30, "a") == [
        point for point in ordered if point.application_name == "a" and point.start_us < 30
    ]


def test_values_of_given_windows_are_read_and_of_no_other(series: SeriesStore) -> None:
    points = [
        replace(VALUE, endpoint_id=endpoint, application_name=app, start_us=start, name=name)
        for endpoint in "ef"
        for app in "ab"
        for start in (10, 20)
        for name in "xy"
    ]
    series.write_values(points)
    wanted = {("e", "a", 10), ("f", "b", 20), ("g", "a", 10)}
    read = series.read_windows([*wanted, ("e", "a", 10)])
    assert read == [
        point for point in points if (point.endpoint_id, point.application_name, point.start_us) in wanted
    ]
    many = [*wanted, *(("e", "a", start) for start in range(1_000, 3_000))]
    assert sorted(series.read_windows(many), key=str) == sorted(read, key=str)
    assert series.read_windows([]) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused_by_name(series: SeriesStore, number: float) -> None:
    with pytest.raises(RejectedError, match=r"drift.*app.*finite.*(nan|inf)"):
        series.write_values([replace(VALUE, name="fine"), replace(VALUE, value=number)])
    with pytest.raises(RejectedError, match="estimated_predictions"):
        series.write_traffic(BATCH, [replace(POINT, estimated_predictions=number)])
    assert series.read_values(["e"], *EVER) == []
    assert series.read_traffic(["e"], *EVER) == []


def test_names_may_be_any_text(series: SeriesStore) -> None:
    point = replace(VALUE, name="größe'; DROP TABLE value_series; --", extra_data='{"名":"\U0001f600"}')
    series.write_values([point])
    assert series.read_values(["e"], *EVER) == [point]


def test_pruning_forgets_what_is_older_and_keeps_the_rest(series: SeriesStore) -> None:
    points = [replace(POINT, endpoint_id=e, minute_us=m * MINUTE) for e in "ab" for m in (1, 2, 3)]
    series.write_traffic(BATCH, points)
    series.write_values([replace(VALUE, start_us=m * MINUTE) for m in (1, 2, 3)])
    series.prune(2 * MINUTE)
    assert [point.minute_us // MINUTE for point in series.read_traffic(["a", "b"], *EVER)] == [2, 3, 2, 3]
    assert [point.start_us // MINUTE for point in series.read_values(["e"], *EVER)] == [2, 3]
