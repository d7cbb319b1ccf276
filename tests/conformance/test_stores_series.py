"""What every series store keeps of the promise in stores/series/base.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.store_backends import SERIES
from modelmon.errors import RejectedError
from modelmon.model import BatchRange, FeatureNumbers, TrafficPoint, ValuePoint, WindowFeatures, WindowKey
from modelmon.stores.series.base import LATEST_US, SeriesStore

MINUTE = 60_000_000
BATCH = BatchRange("stream", 0, 0, 9)
POINT = TrafficPoint("e", MINUTE, 2, 20, 1, 40.0, 2, 30, 20, (1, 0, 1))
VALUE = ValuePoint("e", "app", 0, MINUTE, "drift", 0.5, revision=2, kind=0, status=1, extra_data='{"a":1}')
WINDOW = {VALUE.key: 2}
NUMBERS = FeatureNumbers(0.25, 20, 1, mean=-3.5)
FEATURES = WindowFeatures(VALUE.key, MINUTE, 2, {"age": NUMBERS})
EVER = (-(2**62), 2**62)


@pytest.fixture(params=SERIES)
def series(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    store = request.param(tmp_path)
    yield store
    store.close()
    store.close()


# --- traffic


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
    points = [replace(POINT, endpoint_id=e, start_us=m * MINUTE) for e in "ba" for m in (3, 1, 2)]
    series.write_traffic(BATCH, points)
    read = series.read_traffic(["b", "a", "nobody", "a"], MINUTE, 3 * MINUTE)
    assert [(point.endpoint_id, point.start_us // MINUTE) for point in read] == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2)
    ]  # fmt: skip


def test_traffic_is_read_in_buckets_between_the_multiples_of_their_length(series: SeriesStore) -> None:
    series.write_traffic(BATCH, [replace(POINT, start_us=m * MINUTE) for m in (1, 8, 11, 12, 40)])
    read = series.read_traffic(["e"], 8 * MINUTE, 41 * MINUTE, bucket_us=10 * MINUTE)
    assert [(point.start_us // MINUTE, point.rows) for point in read] == [(0, 20), (10, 40), (40, 20)]
    assert [point.latency_us_histogram for point in read] == [(1, 0, 1), (2, 0, 2), (1, 0, 1)]


def test_thousands_of_endpoints_are_read_at_once(series: SeriesStore) -> None:
    points = [replace(POINT, endpoint_id=f"e{number:04d}") for number in range(2_000)]
    series.write_traffic(BATCH, points)
    assert series.read_traffic([point.endpoint_id for point in points], *EVER) == points


def test_a_histogram_may_be_empty(series: SeriesStore) -> None:
    point = TrafficPoint("e", 0, errors=1)
    series.write_traffic(BATCH, [point])
    assert series.read_traffic(["e"], *EVER) == [point]


# --- folding


def fill(series: SeriesStore, batches: int) -> list[BatchRange]:
    """Batches of ten offsets each, all with a request in the same two minutes."""
    found = [replace(BATCH, first=10 * number, last=10 * number + 9) for number in range(batches)]
    for batch in found:
        series.write_traffic(batch, [POINT, replace(POINT, start_us=2 * MINUTE)])
    return found


APPLIED = {("stream", 0): 29}


def test_folding_changes_nothing_that_is_read(series: SeriesStore) -> None:
    fill(series, 5)
    series.write_traffic(replace(BATCH, partition=1), [POINT])
    before = series.read_traffic(["e"], *EVER)
    folded = series.fold_traffic(["e"], *EVER, APPLIED, ())
    assert folded in (0, 4)  # three batches of two minutes; the others are not applied
    assert series.read_traffic(["e"], *EVER) == before
    assert series.fold_traffic(["e"], *EVER, APPLIED, ()) == 0
    assert series.fold_traffic(["e"], *EVER, {("stream", 0): 49, ("stream", 1): 9}, ()) in (0, 4)
    assert series.read_traffic(["e"], *EVER) == before


def test_a_folded_batch_that_is_written_once_more_by_whoever_slept_counts_once(series: SeriesStore) -> None:
    batches = fill(series, 4)
    before = series.read_traffic(["e"], *EVER)
    series.fold_traffic(["e"], *EVER, APPLIED, ())
    for batch in batches:
        series.write_traffic(batch, [POINT, replace(POINT, start_us=2 * MINUTE)])
    assert series.read_traffic(["e"], *EVER) == before
    series.fold_traffic(["e"], *EVER, {("stream", 0): 39}, ())
    assert series.read_traffic(["e"], *EVER) == before


def test_a_void_batch_is_folded_into_nothing_and_stays_void_when_it_comes_again(series: SeriesStore) -> None:
    fill(series, 2)
    void = replace(BATCH, last=19)
    series.write_traffic(void, [POINT])
    before = series.read_traffic(["e"], *EVER, void=[void])
    series.fold_traffic(["e"], *EVER, APPLIED, [void])
    series.write_traffic(void, [POINT])
    assert series.read_traffic(["e"], *EVER, void=[void]) == before


def test_only_the_endpoints_and_minutes_asked_for_are_folded(series: SeriesStore) -> None:
    fill(series, 2)
    assert series.fold_traffic(["f"], *EVER, APPLIED, ()) == 0
    assert series.fold_traffic(["e"], 2 * MINUTE, 3 * MINUTE, APPLIED, ()) in (0, 1)


# --- values


def test_nothing_written_is_nothing_read(series: SeriesStore) -> None:
    series.write_traffic(BATCH, [])
    series.write_values([])
    series.write_features([])
    assert series.read_traffic(["e"], *EVER) == []
    assert series.read_traffic([], *EVER) == []
    assert series.read_values(WINDOW) == series.read_values({}) == []
    assert series.read_features(WINDOW) == series.read_features({}) == []


def test_a_value_keeps_everything(series: SeriesStore) -> None:
    metric = ValuePoint("e", "app", 1, LATEST_US, "rows", -1e300, revision=2)
    series.write_values([VALUE, metric])
    assert series.read_values({VALUE.key: 2, metric.key: 2}) == [VALUE, metric]


def test_each_revision_is_kept_beside_the_others_and_read_alone(series: SeriesStore) -> None:
    revisions = [replace(VALUE, value=number / 10, revision=number) for number in (3, 1, 2)]
    series.write_values([*revisions, replace(VALUE, name="gone", revision=1)])
    for point in revisions:
        assert series.read_values({VALUE.key: point.revision})[0] == point
    assert [point.name for point in series.read_values({VALUE.key: 1})] == ["drift", "gone"]
    assert series.read_values({VALUE.key: 4}) == []


def test_a_value_written_again_replaces_itself(series: SeriesStore) -> None:
    series.write_values([VALUE, replace(VALUE, value=0.7)])
    assert series.read_values(WINDOW) == [replace(VALUE, value=0.7)]
    series.write_values([VALUE])
    assert series.read_values(WINDOW) == [VALUE]


def test_values_of_given_windows_are_read_in_order_and_of_no_other(series: SeriesStore) -> None:
    points = [
        replace(VALUE, endpoint_id=endpoint, application_name=app, start_us=start, name=name)
        for endpoint in "ef"
        for app in "ab"
        for start in (10, 20)
        for name in "xy"
    ]
    series.write_values(points[::-1])
    wanted = [WindowKey("e", "a", 10), WindowKey("f", "b", 20), WindowKey("g", "a", 10)]
    expected = [point for point in points if point.key in wanted]
    assert series.read_values(dict.fromkeys(wanted, 2)) == expected
    assert series.read_values(dict.fromkeys(wanted, 2), ["y", "z"]) == expected[1::2]
    many = [*wanted, *(WindowKey("e", "a", start) for start in range(1_000, 3_000))]
    assert series.read_values(dict.fromkeys(many, 2)) == expected
    others = [*wanted, *(WindowKey(f"e{number}", "a", 10) for number in range(2_000))]
    assert series.read_values(dict.fromkeys(others, 2)) == expected


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused_by_name(series: SeriesStore, number: float) -> None:
    with pytest.raises(RejectedError, match=r"drift.*app.*finite.*(nan|inf)"):
        series.write_values([replace(VALUE, name="fine"), replace(VALUE, value=number)])
    with pytest.raises(RejectedError, match="estimated_predictions"):
        series.write_traffic(BATCH, [replace(POINT, estimated_predictions=number)])
    with pytest.raises(RejectedError, match=r"age.*app.*finite.*(nan|inf)"):
        series.write_features([replace(FEATURES, features={"age": FeatureNumbers(number, 1, 0)})])
    assert series.read_values(WINDOW) == series.read_features(WINDOW) == []
    assert series.read_traffic(["e"], *EVER) == []


@pytest.mark.parametrize("moment_us", [-1, LATEST_US + 1, 2**62])
def test_a_time_that_not_every_database_can_write_down_is_refused(
    series: SeriesStore, moment_us: int
) -> None:
    with pytest.raises(RejectedError, match=f"drift.*1970 to 9999.*{moment_us}"):
        series.write_values([replace(VALUE, end_us=moment_us)])
    with pytest.raises(RejectedError, match=f"1970 to 9999.*{moment_us}"):
        series.write_traffic(BATCH, [replace(POINT, start_us=moment_us)])
    with pytest.raises(RejectedError, match=f"1970 to 9999.*{moment_us}"):
        series.write_features([replace(FEATURES, key=FEATURES.key._replace(start_us=moment_us))])


@pytest.mark.parametrize("moment_us", [0, 1, 999_999, 1_000_000, 1_700_000_000_123_456, LATEST_US])
def test_a_time_is_kept_to_the_microsecond(series: SeriesStore, moment_us: int) -> None:
    point = replace(VALUE, start_us=moment_us, end_us=moment_us)
    series.write_values([point])
    assert series.read_values({point.key: 2}) == [point]


def test_names_may_be_any_text(series: SeriesStore) -> None:
    point = replace(VALUE, name="größe'; DROP TABLE series_values; --", extra_data='{"名":"\U0001f600"}')
    series.write_values([point])
    assert series.read_values(WINDOW) == [point]


# --- features


def test_features_of_a_window_keep_their_numbers(series: SeriesStore) -> None:
    features = {
        "age": NUMBERS,
        "größe": FeatureNumbers(None, 0, 20),
        "kind": FeatureNumbers(1e-12, 2**40, 0, share=1.0),
    }
    series.write_features([replace(FEATURES, features=features)])
    assert series.read_features(WINDOW) == [replace(FEATURES, features=features)]
    some = {"age": NUMBERS}
    assert series.read_features(WINDOW, ["age", "none"]) == [replace(FEATURES, features=some)]


def test_features_of_each_revision_are_read_alone(series: SeriesStore) -> None:
    newer = replace(FEATURES, revision=3, features={"age": replace(NUMBERS, score=0.5)})
    series.write_features([newer, FEATURES])
    assert series.read_features(WINDOW) == [FEATURES]
    assert series.read_features({VALUE.key: 3}) == [newer]
    assert series.read_features({VALUE.key: 4}) == []


# --- age


def test_pruning_forgets_what_is_older_and_keeps_the_rest(series: SeriesStore) -> None:
    points = [replace(POINT, endpoint_id=e, start_us=m * MINUTE) for e in "ab" for m in (1, 2, 3)]
    series.write_traffic(BATCH, points)
    values = [replace(VALUE, start_us=m * MINUTE) for m in (1, 2, 3)]
    windows = dict.fromkeys([value.key for value in values], 2)
    series.write_values(values)
    series.write_features([replace(FEATURES, key=key) for key in windows])
    series.prune(2 * MINUTE)
    assert [point.start_us // MINUTE for point in series.read_traffic(["a", "b"], *EVER)] == [2, 3, 2, 3]
    assert [point.start_us // MINUTE for point in series.read_values(windows)] == [2, 3]
    assert [each.key.start_us // MINUTE for each in series.read_features(windows)] == [2, 3]
    series.prune(-1)
    assert len(series.read_values(windows)) == 2


def test_pruning_finds_every_endpoint_and_app_with_something_old(series: SeriesStore) -> None:
    keys = [
        WindowKey(endpoint, app, minute * MINUTE)
        for endpoint in ("e1", "e2", "e3")
        for app in ("a", "b", "c")
        for minute in (1, 2)
        if (endpoint, app, minute) not in {("e1", "a", 1), ("e2", "c", 1)} and endpoint + app != "e3b"
    ]
    series.write_values([ValuePoint(*key, LATEST_US, "n", 1.0, 1) for key in keys])
    series.write_features([replace(FEATURES, key=key) for key in keys])
    series.prune(2 * MINUTE)
    stays = [key for key in keys if key.start_us == 2 * MINUTE]
    assert [point.key for point in series.read_values(dict.fromkeys(keys, 1))] == stays
    assert [each.key for each in series.read_features(dict.fromkeys(keys, 2))] == stays


def test_an_endpoint_is_forgotten_and_the_others_stay(series: SeriesStore) -> None:
    for endpoint in "ef":
        series.write_traffic(BATCH, [replace(POINT, endpoint_id=endpoint)])
        series.write_values([replace(VALUE, endpoint_id=endpoint)])
        series.write_features([replace(FEATURES, key=FEATURES.key._replace(endpoint_id=endpoint))])
    series.forget("e")
    series.forget("nobody")
    both = dict.fromkeys([VALUE.key._replace(endpoint_id=endpoint) for endpoint in "ef"], 2)
    assert [point.endpoint_id for point in series.read_traffic(["e", "f"], *EVER)] == ["f"]
    assert [point.endpoint_id for point in series.read_values(both)] == ["f"]
    assert [each.key.endpoint_id for each in series.read_features(both)] == ["f"]
