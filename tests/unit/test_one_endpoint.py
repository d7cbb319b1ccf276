"""`modelmon endpoint`: one endpoint, its history, its features before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from command_line import printed
from json_paths import keys, unexplained
from modelmon.cli import output
from modelmon.ledger.schema import traffic
from modelmon.model import BatchRange, TrafficPoint
from modelmon.model_monitoring.endpoints import called
from unit.window_support import E1, E2, Chain, at, done, failed, metric, result, stats

NUMBERS = {"count": 90, "mean": 4.5, "hist": [[60, 30], [0.0, 5.0, 10.0]], "kind": "numeric", "missing": 10}
MOVED = {"count": 100, "mean": 7.5, "hist": [[10, 90], [0.0, 5.0, 10.0]], "kind": "numeric", "missing": 0}
CITIES = {
    "count": 100,
    "categories": {"A": 70, "B": 20, "C": 10},
    "others": 0,
    "kind": "categorical",
    "missing": 0,
}
MORE_B = {
    "count": 100,
    "categories": {"A": 20, "B": 45, "C": 35},
    "others": 0,
    "kind": "categorical",
    "missing": 0,
}
WHEN = {"count": 100, "kind": "other", "missing": 0}
REFERENCE = {"wind": NUMBERS, "city": CITIES, "when": WHEN, "late": CITIES}
SAMPLE = {**REFERENCE, "wind": MOVED, "city": MORE_B}
MEASURES = {"tvd_mean": 0.1, "wind": {"score": 0.25}, "city": {"score": 0.75}, "late": {"score": 0.01}}


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    chain = Chain(tmp_path, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db")
    chain.endpoint(E1, feature_stats=REFERENCE, label_names=("late",), function_name="serving")
    yield chain
    chain.close()


@pytest.fixture
def shown(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output.console, "width", 80)

    return partial(printed, monkeypatch, capsys, "endpoint")


def judge(chain: Chain) -> None:
    """Four windows of ten minutes, the last one with drift; then one the app fails on, and one that waits."""
    chain.serve(*[at(minute) for minute in range(0, 54, 2)], now=at(54))
    chain.tick(at(54))
    *good, bad = chain.app_events()
    for event in good:
        status, value = (2, 0.75) if event is good[-1] else (0, 0.1)
        given = [stats(event, SAMPLE), stats(event, MEASURES, "drift_measures")]
        chain.report(result(event, status, value), metric(event, 120.0), *given, done(event))
    chain.report(failed(bad, "KeyError: 'wind'"))


def test_history_has_a_point_for_each_window_the_oldest_first(
    chain: Chain, shown: Callable[..., str]
) -> None:
    judge(chain)
    drift, rows = json.loads(shown(f"{E1}-name", "--json"))["history"]
    assert [drift["name"], drift["kind"], rows["name"], rows["kind"]] == ["drift", 0, "rows", None]
    assert [point["value"] for point in drift["points"]] == [0.1, 0.1, 0.1, 0.75]
    assert [point["status"] for point in drift["points"]] == [0, 0, 0, 2]
    starts = [point["start"] for point in drift["points"]]
    assert starts == sorted(starts)


def test_traffic_is_shown_from_the_first_window_on(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    points = [
        TrafficPoint(
            E1, at(minute), 3, 3, latency_count=3, latency_us_sum=3_000, latency_us_max=1_500,
            latency_us_histogram=(0,) * 10 + (2, 1),
        )
        for minute in range(-10, 53)
    ]  # fmt: skip
    chain.series.write_traffic(BatchRange("s", 0, 0, 0), points)
    traffic = json.loads(shown(E1, "--json"))["traffic"]
    assert traffic[0]["start"] == "2023-11-14 22:20:00.000000+00:00"
    assert sum(bucket["requests"] for bucket in traffic) == 3 * 53
    assert traffic[0]["latency"]["highest_ms"] == 1.5
    text = shown(E1)
    assert "Traffic from 2023-11-14 22:20 UTC" in text
    assert "159 requests; 95 of 100 within 1.5 ms at worst" in text


def test_only_so_many_windows_back_are_read(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    found = json.loads(shown(E1, "--json", "--windows", "3"))
    assert [window["state"] for window in found["windows"]] == ["waiting", "retrying", "done"]
    assert [len(each["points"]) for each in found["history"]] == [1, 1]


def test_features_are_compared_with_their_reference_the_most_changed_first(
    chain: Chain, shown: Callable[..., str]
) -> None:
    judge(chain)
    features = json.loads(shown(E1, "--json"))["features"]
    assert [(each["feature"], each["score"]) for each in features] == [
        ("city", 0.75), ("wind", 0.25), ("late", 0.01), ("when", None),
    ]  # fmt: skip
    assert [each["is_prediction"] for each in features] == [False, False, True, False]
    assert (features[1]["reference"], features[1]["sample"]) == (NUMBERS, MOVED)


def test_a_person_sees_what_changed_in_each_feature(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    text = shown(E1)
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert lines["wind"].split(maxsplit=4)[1:4] == ["0.25", "·▆▃·", "·▁█·"]
    assert "4.5 → 7.5" in lines["wind"]
    assert "10% → 0%" in lines["wind"]
    assert "A 70% → 20%" in lines["city"]
    assert lines["when"].split() == ["when", "–", "–", "–", "–", "0%"]
    assert "Predictions among them: late." in text
    assert "detected" in text.splitlines()[0]
    assert "data-drift-detected" in text
    assert "KeyError: 'wind'" in text
    assert max(map(len, text.splitlines())) <= 85


def test_an_endpoint_without_anything_is_shown_too(chain: Chain, shown: Callable[..., str]) -> None:
    text = shown(E1)
    assert text.startswith(f"{E1}-name: no data, no request yet\n")
    assert "Windows: none yet" in text


def test_a_name_that_nothing_has_is_refused_with_the_nearest(chain: Chain, shown: Callable[..., str]) -> None:
    said = shown("endpoint-1-nam", code=2)
    assert said == "error: endpoint: there is no 'endpoint-1-nam'; did you mean endpoint-1-name?\n"


def test_a_name_that_two_have_is_refused_with_their_ids(chain: Chain, shown: Callable[..., str]) -> None:
    chain.endpoint(E2, function_name="other")
    with chain.database.write() as connection:
        connection.exec_driver_sql("update endpoints set name = 'same'")
    said = shown("same", code=2)
    assert said == f"error: endpoint: 2 are called 'same'; give the id of one: {E1} (serving), {E2} (other)\n"
    for name in (E2, "same (other)", f"same ({E2})"):  # the last two are how lists tell them apart
        assert json.loads(shown(name, "--json"))["endpoint"]["function_name"] == "other"
    with chain.database.read() as connection:
        assert called(connection, "same (other)").endpoint_id == E2
    assert shown("same (nobody)", code=2).startswith("error: endpoint: there is no 'same (nobody)'")


def test_who_sent_nothing_that_could_be_read_takes_no_name_from_others(
    chain: Chain, shown: Callable[..., str]
) -> None:
    chain.endpoint(E2, discovered=True)
    with chain.database.write() as connection:
        connection.exec_driver_sql("update endpoints set name = 'same'")
        row = {"stored": 0, "errors": 0, "late": 0, "missing": 0, "committed_us": 0, "last_error": ""}
        connection.execute(traffic.insert(), [row | {"endpoint_id": E2, "received": 1, "rejected": 1}])
    assert json.loads(shown("same", "--json"))["endpoint"]["endpoint_id"] == E1
    with chain.database.write() as connection:
        assert called(connection, "same").endpoint_id == E1
        connection.execute(traffic.update().values(received=2, stored=1))
    assert "2 are called 'same'" in shown("same", code=2)


def test_every_key_that_is_printed_is_explained(chain: Chain, shown: Callable[..., str]) -> None:
    judge(chain)
    printed = json.loads(shown(E1, "--json"))
    assert len(keys(printed)) > 50
    assert unexplained(printed) == set()
