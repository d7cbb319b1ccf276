"""The app anomalies: what it learns from the first calm days that were served, and what it then finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.apps import AnomaliesApplication, MonitoringApplicationContext, ResultStatusApp
from modelmon.apps.anomaly_reference import reference_period
from modelmon.apps.base import judge
from modelmon.apps.served_rows import Served, served
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.model import Endpoint, ResultKindApp, Window, to_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.stores.samples import open_samples
from modelmon.testing import run_app
from modelmon.views.result_evidence import evidence_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
LATER = BEGIN + 20 * DAY


def people(many: int, seed: int, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    height = random.normal(170, 10, many)
    weight = height - 100 + random.normal(0, 4, many)
    city = random.choice(["Rome", "Oslo"], many)
    return pd.DataFrame({"height": height, "weight": weight, "city": city} | columns)


def served_hours(start: datetime, end: datetime) -> Iterator[pa.Table]:
    """Some people every hour."""
    seed = (start - BEGIN) // timedelta(minutes=1)
    yield pa.Table.from_pandas(people(max(1, round((end - start) / HOUR * 40)), seed))


LEARNED = AnomaliesApplication(alarm_budget="1 a month", examples=3)
"""What it has learned of all these hours serves several tests."""


class House:
    """An endpoint that has served for as long as a test says; `reads` are the spans that were read."""

    def __init__(self, read: Any = None) -> None:
        self.app = LEARNED if read is None else AnomaliesApplication(alarm_budget="1 a month")
        self.troubles: list[tuple[datetime, datetime]] = []
        self.reads: list[datetime] = []
        self._read = read or served_hours

    def context(
        self, sample: pd.DataFrame, start: datetime, length: timedelta = HOUR, incomplete: int = 0
    ) -> MonitoringApplicationContext:
        def read(first: datetime, last: datetime) -> Iterator[Any]:
            self.reads.append(first)
            return self._read(first, last)

        rows = Served(BEGIN, read, lambda first, last: self.troubles)
        endpoint = Endpoint("e1", "p", "model", feature_names=("height", "weight", "city"))
        return MonitoringApplicationContext(
            "anomalies", endpoint, Window(start, start + length), lambda: pa.Table.from_pandas(sample),
            Settings(project="p"), window_incomplete=incomplete, served=lambda: rows,
        )  # fmt: skip

    def judged(self, sample: pd.DataFrame, start: datetime = LATER, **about: Any) -> Any:
        (found,) = judge(self.app, self.context(sample, start, **about))
        return found


def swapped(many: int, seed: int, part: int = 10) -> pd.DataFrame:
    """A part of them have weights that do not belong to their heights, and are usual weights."""
    frame = people(many, seed)
    frame.loc[: many // part, "weight"] = 140 - frame["weight"]
    return frame


@pytest.mark.slow
def test_rows_whose_values_do_not_belong_together_are_found_and_named() -> None:
    house = House()
    calm, odd = house.judged(people(500, 9_001)), house.judged(swapped(500, 9_002))
    assert (calm.status, odd.status) == (ResultStatusApp.no_detection, ResultStatusApp.detected)
    assert odd.kind == ResultKindApp.mm_app_anomaly
    assert odd.value >= odd.extra_data["detected_threshold"] > calm.value
    assert "not beside the others" in odd.extra_data["causes"]["weight"]["words"]
    (broken,) = odd.extra_data["broken"]
    assert len(broken["examples"]) == 3
    assert {"weight", "height"} <= set(broken["examples"][0])


def test_a_verdict_tells_what_it_stands_on() -> None:
    told = evidence_of(House().judged(people(500, 9_001)).extra_data)
    assert told.found[0].endswith(" % are")
    assert told.compared.endswith("the calm part of 2025-01-01 00:00 UTC to 2025-01-15 00:00 UTC")
    assert "the alarm budget '1 a month' lets 1 of 730 windows alarm falsely" in told.why
    assert told.power[0].endswith("would have been seen with 90 %")
    assert told.calibration == "by time, 252 stretches"
    assert told.budget.endswith("windows may alarm falsely")


@pytest.mark.slow
def test_it_is_learned_once_a_day_while_the_first_days_last_and_then_no_more() -> None:
    house = House(served_hours)
    starts = [BEGIN + 2 * DAY + 3 * HOUR, BEGIN + 2 * DAY + 4 * HOUR, BEGIN + 3 * DAY, LATER, LATER + DAY]
    read = []
    for start in starts:
        house.reads.clear()
        found = house.judged(swapped(300, 9_003, 3), start)
        read.append((len(house.reads), found.status.name))
    suspected, detected = "potential_detection", "detected"
    assert read == [(48, suspected), (0, suspected), (72, suspected), (336, detected), (0, detected)]


def test_on_the_first_day_it_is_learning() -> None:
    found = House().judged(people(300, 1), BEGIN + 23 * HOUR)
    assert (found.status, found.extra_data["state"]) == (ResultStatusApp.irrelevant, "learning")
    assert evidence_of(found.extra_data).next.startswith("wait: usual rows are learned from")
    assert found.extra_data["next"].endswith("; what comes during an incident teaches nothing")


@pytest.mark.slow
def test_what_was_served_during_incidents_teaches_nothing() -> None:
    house = House(served_hours)
    house.troubles = [(BEGIN, BEGIN + DAY)]
    found = house.judged(people(300, 1))
    assert "25 stretches with an incident are left out" in found.extra_data["compared"]
    assert min(house.reads) == BEGIN + 25 * HOUR
    house.troubles = [(BEGIN, BEGIN + 14 * DAY)]
    learning = house.judged(people(300, 1)).extra_data
    assert learning["state"] == "learning"
    assert learning["next"].endswith("; 336 stretches with an incident are left out")


def test_windows_of_a_day_learn_from_shorter_stretches_and_are_suspected_at_most() -> None:
    found = House().judged(swapped(500, 9_004), length=DAY)
    assert found.status == ResultStatusApp.potential_detection
    assert "20 stretches as long as the window are wanted" in found.extra_data["why"]


def test_too_few_rows_to_learn_from_are_no_reference() -> None:
    few = House(lambda start, end: iter([pa.Table.from_pandas(people(1, 1))]))
    assert few.judged(people(300, 1)).extra_data["state"] == "learning"
    none = House(lambda start, end: iter(()))
    assert none.judged(people(300, 1)).extra_data["state"] == "learning"


@pytest.mark.parametrize(("rows", "incomplete", "state"), [(20, 0, "warming up"), (300, 1, "incomplete")])
def test_few_rows_and_half_of_a_window_are_no_verdict(rows: int, incomplete: int, state: str) -> None:
    found = House().judged(swapped(rows, 1), incomplete=incomplete)
    assert (found.status, found.extra_data["state"]) == (ResultStatusApp.irrelevant, state)


def test_a_store_that_is_down_is_waited_for_and_nothing_is_held_of_it() -> None:
    def down(start: datetime, end: datetime) -> Any:
        raise UnavailableError("the samples are down")

    house = House(down)
    with pytest.raises(UnavailableError):
        house.judged(people(300, 1))
    house._read = served_hours
    assert house.judged(people(300, 9_001)).status == ResultStatusApp.no_detection


def test_of_a_private_column_nothing_is_shown() -> None:
    random = np.random.default_rng(1)
    training = people(4_000, 1, secret=random.normal(0, 1, 4_000))
    live = people(300, 2, secret=[777.5] * 300)
    settings = Settings(project="p", private="secret")
    found = run_app(AnomaliesApplication(), live, training, settings=settings).result("anomalies")
    assert found.extra_data["causes"]["secret"]["rows"] == 300
    assert "777.5" not in json.dumps(found.extra_data)
    assert "secret" not in shown_extra(settings, json.dumps(dict(found.extra_data)))


def test_a_reference_without_times_is_suspected_at_most() -> None:
    found = run_app(AnomaliesApplication(), swapped(500, 2), people(4_000, 1)).result("anomalies")
    assert found.status == ResultStatusApp.potential_detection


@pytest.mark.parametrize(
    "arguments",
    [
        {"days": 0}, {"days": 61}, {"examples": -1}, {"examples": 2.0}, {"floor": 0.5}, {"floor": "1 %"},
        {"floor": True}, {"alarm_budget": "never"}, {"min_rows": 1.5},
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing_are_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        AnomaliesApplication(**arguments)


def test_incidents_of_the_data_that_other_apps_found_are_troubled_spans(tmp_path: Path) -> None:
    settings = Settings(project_dir=str(tmp_path), project="p")
    database = open_records(settings)
    rows = [
        ("drift", "drift", 0, 0), ("anomalies", "anomalies", 4, 5), ("service", "error_share", 3, 5),
        ("data-quality", "missing", 4, 5), ("drift", "", 0, 5),
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(incidents.insert(), [_incident(*row) for row in rows])
    read = served(database, open_samples(settings), "e1", Window(LATER, LATER + HOUR), "anomalies")
    assert read.troubled(BEGIN, BEGIN + DAY) == [
        (BEGIN, BEGIN + 2 * HOUR), (BEGIN + 5 * HOUR, BEGIN + 7 * HOUR),
    ]  # fmt: skip
    assert read.troubled(BEGIN + DAY, BEGIN + 2 * DAY) == []
    database.close()


def _incident(app: str, result: str, kind: int, hour: int) -> dict[str, Any]:
    first_us = to_us(BEGIN + hour * HOUR)
    return {
        "rule": "result-status", "endpoint_id": "e1", "application_name": app, "result_name": result,
        "kind": kind, "state": "raised", "reason": "", "status": 2, "first_us": first_us,
        "last_us": to_us(BEGIN + (hour + 2) * HOUR), "windows": 3, "detected": 3, "worst_us": first_us,
        "detail": "{}", "raised_us": 1, "changed_us": 1,
    }  # fmt: skip


def test_the_reference_never_holds_the_window_itself() -> None:
    house = House()
    for hours in (24, 25, 47, 48, 24 * 14, 24 * 30):
        period = reference_period(house.context(people(60, 1), BEGIN + hours * HOUR), 14)
        assert period is not None
        assert period.end <= BEGIN + hours * HOUR
        assert period.end - period.start <= 14 * DAY
    assert replace(period).key == period.key
