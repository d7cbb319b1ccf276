"""data-skew behind the real stream function: one verdict on the first days, refined look by look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.streaming import ENDPOINT, NOW_US, Bed, feed, run

from modelmon import wire
from modelmon.apps import DataSkewApplication, ResultStatusApp
from modelmon.apps import served_rows as served_module
from modelmon.apps.base import judge
from modelmon.apps.stage import AppStage
from modelmon.errors import ConfigError
from modelmon.ledger import profiles
from modelmon.model import DAY_US, Window, to_us
from modelmon.settings import Settings
from modelmon.stats import describe, profile, profile_to_json
from modelmon.testing import run_app
from modelmon.views.result_evidence import evidence_of

HOUR = timedelta(hours=1)
START = datetime.fromtimestamp(NOW_US // 1_000_000, UTC).replace(minute=0, second=0)
APP = "data-skew"
QUIET = "the first days are over"


def rows(many: int, seed: int, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = {"age": random.normal(40, 10, many), "city": random.choice(["Rome", "Oslo", "Bonn"], many)}
    return pd.DataFrame({**made, **columns})


TIMES = pd.date_range("2023-01-01", periods=60_000, freq="min", tz="UTC")
TRAINING = rows(60_000, 1)


@cache
def reference() -> str:
    return profile_to_json(profile(TRAINING.assign(when=TIMES), time_column="when"))


class Project:
    """An endpoint that is asked, hour by hour, and the app that is asked about each of its hours."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.bed = Bed(folder, **settings)
        self.bed.clock_us += 30 * DAY_US
        self.app = DataSkewApplication(alarm_budget="1 a month")
        self.sent = 0
        with self.bed.records.write() as connection:
            kept = profiles.keep(connection, reference(), 1)
        self.bed.register(feature_names=("age", "city"), feature_stats=describe(TRAINING), profile_hash=kept)

    def serve(self, frame: pd.DataFrame, hour: int) -> None:
        """Requests of these rows, spread evenly over the hour."""
        step = HOUR / len(frame)
        bodies = [
            self._event(row, START + hour * HOUR + place * step)
            for place, row in enumerate(frame.astype(object).to_dict("records"))
        ]
        run(feed(self.bed, self.bed.publish(*bodies)))

    def _event(self, row: dict[str, Any], at: datetime) -> bytes:
        self.sent += 1
        inputs = {name: None if value != value else value for name, value in row.items()}
        return json.dumps(
            {
                "model": "model", "endpoint_id": ENDPOINT, "function_uri": "flights/serving",
                "class": "Model", "microsec": 5, "when": f"{at}",
                "request": {"id": f"r{self.sent}", "inputs": [inputs]},
                "resp": {"outputs": [0.5]},
            }
        ).encode()  # fmt: skip

    def judged(self, hour: int, revision: int = 1, incomplete: int = 0) -> Any:
        """What the app's stage says of the hour."""
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        event = wire.AppEvent(
            endpoint_id=ENDPOINT, endpoint_name="model", application_name=APP, window=window,
            window_revision=revision, project="flights", window_incomplete=incomplete,
        )  # fmt: skip
        stage = AppStage(self.app, self.bed.settings, self.bed._acknowledge, APP)
        with self.bed.records.read() as connection:
            from modelmon.ledger import endpoints

            endpoint = endpoints.get(connection, ENDPOINT)
        assert endpoint is not None
        context = stage._context(event, endpoint, _Rows(lambda: stage._read(event)))
        (found,) = judge(self.app, context)
        run(stage.close())
        return found


class _Rows:
    def __init__(self, read: Any) -> None:
        self.read = read


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    made.bed.close()


def test_rows_of_all_windows_so_far_are_compared_together_at_each_look(project: Project) -> None:
    for hour in range(4):
        project.serve(rows(100, hour), hour)
    found = [project.judged(hour) for hour in range(4)]
    assert [each.extra_data["rows"] for each in found] == [100, 200, 200, 400]
    assert {each.status for each in found} == {ResultStatusApp.no_detection}
    assert found[3].extra_data["since"] == START.isoformat()
    assert found[3].extra_data["until"] == (START + 4 * HOUR).isoformat()
    assert found[3].extra_data["budget"]["look"] == pytest.approx(2 / 730.5, rel=0.01)


def test_a_unit_and_an_encoding_that_differ_from_the_beginning_are_named(project: Project) -> None:
    moved = rows(100, 5).replace({"city": {"Rome": "ROME"}})
    project.serve(moved.assign(age=moved["age"] * 3.6), 0)
    found = project.judged(0)
    assert found.status == ResultStatusApp.detected
    assert found.value > 1
    (city, *_) = found.extra_data["findings"]["city"]
    (age, *_) = found.extra_data["findings"]["age"]
    assert city.startswith("`city` not among the known categories ")
    assert city.endswith("the same from the beginning, in this window 'ROME'")
    assert "the same from the beginning, as if multiplied by about 3." in age
    assert found.extra_data["onsets"] == {"age": "constant", "city": "constant"}
    assert found.extra_data["next"].startswith("look for another unit")


def test_what_began_later_is_drift_and_no_skew(project: Project) -> None:
    for hour in range(4):
        project.serve(rows(100, hour, **({"city": "new"} if hour == 3 else {})), hour)
    found = project.judged(3)
    assert 0 <= found.value < 1
    assert found.status == ResultStatusApp.no_detection
    assert "not from the beginning: 0 %, then 50 %" in found.extra_data["findings"]["city"][0]
    assert found.extra_data["next"].startswith("`city` changed later: that is drift, ")


def test_the_value_is_of_what_was_there_from_the_beginning_alone(project: Project) -> None:
    for hour in range(4):
        frame = rows(100, hour, **({"city": "new"} if hour == 3 else {}))
        project.serve(frame.assign(age=frame["age"] * 3.6), hour)
    found = project.judged(3)
    assert found.status == ResultStatusApp.detected
    assert found.extra_data["onsets"] == {"age": "constant", "city": "later"}
    assert found.extra_data["next"].startswith("look for another unit")


def test_a_late_event_has_its_window_looked_at_anew(project: Project) -> None:
    project.serve(rows(100, 1), 0)
    assert project.judged(0).extra_data["rows"] == 100
    project.serve(rows(60, 2, city="new"), 0)
    assert project.judged(0).extra_data["rows"] == 100
    again = project.judged(0, revision=2)
    assert (again.extra_data["rows"], again.status) == (160, ResultStatusApp.detected)
    assert project.judged(0).extra_data["rows"] == 160


def test_after_the_first_days_it_is_quiet_and_says_so(project: Project) -> None:
    project.serve(rows(60, 1), 0)
    project.serve(rows(60, 2, city="new"), 168)
    assert project.judged(168).extra_data["state"] == QUIET
    assert project.judged(168).status == ResultStatusApp.irrelevant
    assert evidence_of(project.judged(168).extra_data).next.endswith("the next ones begin with a new model")


@pytest.mark.parametrize("what", ["model", "reference"])
def test_a_new_model_or_reference_begins_anew(project: Project, what: str) -> None:
    project.serve(rows(100, 1), 0)
    project.serve(rows(100, 2, city="new"), 200)
    at_us = to_us(START + 200 * HOUR)
    from modelmon.ledger import endpoints

    with project.bed.records.write() as connection:
        endpoint = endpoints.get(connection, ENDPOINT)
        assert endpoint is not None
        stats = describe(rows(500, 9))
        changed = {"model": {"version": "2"}, "reference": {"feature_stats": stats}}[what]
        endpoints.put(connection, replace(endpoint, **changed), at_us)
    found = project.judged(200)
    assert (found.extra_data["rows"], found.status) == (100, ResultStatusApp.detected)
    assert found.extra_data["since"] == (START + 200 * HOUR).isoformat()


def test_without_a_reference_there_is_no_verdict(project: Project) -> None:
    project.serve(rows(60, 1), 0)
    project.bed.register(feature_names=("age", "city"))
    found = project.judged(0)
    assert (found.status, found.extra_data["state"]) == (ResultStatusApp.irrelevant, "no reference")


@pytest.mark.parametrize(
    ("many", "incomplete", "state"), [(20, 0, "warming up"), (60, 1, "incomplete"), (60, 0, None)]
)
def test_few_rows_and_half_of_a_window_are_no_verdict(
    project: Project, many: int, incomplete: int, state: str | None
) -> None:
    project.serve(rows(many, 1), 0)
    found = project.judged(0, incomplete=incomplete)
    assert found.extra_data.get("state") == state
    assert (found.status == ResultStatusApp.irrelevant) == (state is not None)


def test_of_very_many_rows_parts_of_the_span_are_read_always_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.serve(rows(640, 1), 0)
    monkeypatch.setattr(served_module, "MOST_ROWS", 160)
    first = project.judged(0).extra_data["rows"]
    assert 100 < first < 220
    project.app = DataSkewApplication(alarm_budget="1 a month")
    assert project.judged(0).extra_data["rows"] == first


def test_a_training_set_without_times_is_suspected_at_most() -> None:
    live = rows(200, 2, city="new")
    found = run_app(DataSkewApplication(), live, TRAINING, start=START, end=START + HOUR).result("data_skew")
    assert found.status == ResultStatusApp.potential_detection
    assert "until the training set has a time column" in found.extra_data["next"]


def test_rows_at_hand_are_told_apart_by_their_times() -> None:
    city = ["Rome"] * 100 + ["new"] * 100
    live = rows(200, 2, city=city, timestamp=pd.date_range(START, periods=200, freq="9s"))
    found = run_app(DataSkewApplication(), live, TRAINING, start=START, end=START + HOUR).result("data_skew")
    assert found.extra_data["onsets"]["city"] == "not known"  # all 200 lie in the first half of the hour
    later = run_app(DataSkewApplication(), live, TRAINING).result("data_skew")
    assert later.extra_data["onsets"]["city"] == "later"


def test_no_value_of_a_private_column_is_named() -> None:
    live = rows(200, 2, city="secret-name")
    settings = Settings(project="p", private="city")
    found = run_app(DataSkewApplication(), live, TRAINING, settings=settings).result("data_skew")
    assert found.extra_data["onsets"]["city"] == "constant"
    assert "secret-name" not in json.dumps(found.extra_data)


@pytest.mark.parametrize(
    "arguments",
    [
        {"days": 0}, {"days": 61}, {"days": "7"}, {"days": True}, {"floor": -1}, {"floor": True},
        {"alarm_budget": "often"}, {"min_rows": -1},
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing_are_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        DataSkewApplication(**arguments)


def test_every_verdict_tells_what_it_stands_on(project: Project) -> None:
    project.serve(rows(100, 1), 0)
    told = evidence_of(project.judged(0).extra_data)
    assert told.compared.startswith("all 100 rows from 2023-11-14 22:00 UTC to 2023-11-14 23:00 UTC with ")
    assert told.why.startswith("1 is the least that alarms: a look spends what the window ")
    assert told.power
    assert told.calibration == "by time, 1,000 stretches"
    assert told.next == "the next look ends 2023-11-15 00:00 UTC"
