"""The report that an app keeps of its window: what it has just said, once, with what was known before."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from made_pages import text_of
from modelmon.apps import (
    HistogramDataDriftApplication,
    ModelMonitoringApplicationBase,
    ModelMonitoringApplicationResult,
    ResultKindApp,
    ResultStatusApp,
)
from modelmon.errors import ConfigError
from modelmon.ledger import schema
from modelmon.model import ValuePoint, Window, from_us, to_us
from modelmon.pages.report import GENERATOR
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.testing import run_app
from unit.test_apps_stage import APP, END, START, Project, event, project

__all__ = ["project"]
NUMBERS = np.random.default_rng(1).normal(size=2_000)
REFERENCE = pd.DataFrame({"gust": NUMBERS, "rain": NUMBERS, "<b>": NUMBERS})
DRIFTED = REFERENCE.assign(gust=NUMBERS + 9)


def pages_in(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.rglob("*.html"))]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(artifacts_path=str(tmp_path / "artifacts"), drift_report="bad")


def test_it_says_what_the_app_has_just_found(settings: Settings, tmp_path: Path) -> None:
    run_app(HistogramDataDriftApplication(), DRIFTED, REFERENCE, settings=settings)
    (page,) = pages_in(tmp_path)
    words = text_of(page)
    assert GENERATOR in page
    assert "◆ detected" in words
    assert "gust changed most" in words
    assert "2,000 rows" in words
    assert page.count('class="chart overlay"') == 2 * 3
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize(("wanted", "calm", "bad"), [("none", 0, 0), ("bad", 0, 1), ("all", 1, 1)])
def test_the_drift_app_keeps_reports_of_the_windows_that_are_asked_for(
    tmp_path: Path, wanted: str, calm: int, bad: int
) -> None:
    for name, sample, many in (("calm", REFERENCE, calm), ("bad", DRIFTED, bad)):
        settings = Settings(artifacts_path=str(tmp_path / name), drift_report=wanted)
        run_app(HistogramDataDriftApplication(), sample, REFERENCE, settings=settings)
        assert len(pages_in(tmp_path / name)) == many


def test_private_columns_are_not_in_it(settings: Settings, tmp_path: Path) -> None:
    run_app(HistogramDataDriftApplication(), DRIFTED, REFERENCE, settings=settings.changed(private="gust"))
    (page,) = pages_in(tmp_path)
    assert "gust" not in page
    assert "rain" in page


@pytest.mark.slow
def test_of_many_features_it_holds_those_that_changed_most(settings: Settings, tmp_path: Path) -> None:
    many = pd.DataFrame({f"f{number:03}": NUMBERS for number in range(260)})
    run_app(HistogramDataDriftApplication(), many.assign(f259=NUMBERS + 9), many, settings=settings)
    (page,) = pages_in(tmp_path)
    assert "f259 changed most" in page
    assert "60 more features changed less" in page
    assert len(page.encode()) < 600_000


@pytest.mark.slow
def test_however_long_the_names_are_it_is_bounded(settings: Settings, tmp_path: Path) -> None:
    numbers = np.random.default_rng(2)
    names = np.array([f"a category of a long name, {number} <&> of many" for number in range(60)])
    reference = pd.DataFrame({f"{number} {'x' * 240}": numbers.choice(names, 500) for number in range(220)})
    run_app(
        HistogramDataDriftApplication(), reference.iloc[::-1], reference,
        settings=settings.changed(drift_report="all"),
    )  # fmt: skip
    (page,) = pages_in(tmp_path)
    assert len(page.encode()) < 600_000
    assert "170 more features changed less" in page


class Many(ModelMonitoringApplicationBase):
    """A thousand results."""

    def do_tracking(self, monitoring_context: Any) -> Any:
        monitoring_context.log_report()
        found = {f"r{number}": ResultStatusApp.detected if number == 700 else ResultStatusApp.no_detection
                 for number in range(1_000)}  # fmt: skip
        return [
            ModelMonitoringApplicationResult(name, 0.5, ResultKindApp.data_drift, status)
            for name, status in found.items()
        ]


def test_of_many_results_it_has_the_worst(project: Project) -> None:
    project.judge(Many())
    (page,) = pages_in(Path(project.settings.artifacts_path))
    assert page.count('class="chart timeline"') == 30
    assert "r700" in page
    assert "r999" not in page


def test_a_partial_window_is_suspected_at_most_in_its_report_too(settings: Settings, tmp_path: Path) -> None:
    run_app(HistogramDataDriftApplication(), DRIFTED, REFERENCE, settings=settings, window_incomplete=5)
    (page,) = pages_in(tmp_path)
    assert "▲ suspected" in text_of(page)
    assert "◆ detected" not in text_of(page)


class Reporting(ModelMonitoringApplicationBase):
    """A result of its own, without statistics of features."""

    def __init__(self, value: float = 0.9, fails: bool = False) -> None:
        self.value = value
        self.fails = fails

    def do_tracking(self, monitoring_context: Any) -> Any:
        kept = monitoring_context.log_report("mine", tag="v1")
        assert kept.path.endswith("mine-e1.html")
        if self.fails:
            raise ValueError("after it")
        extra = {"potential_threshold": 0.5, "detected_threshold": 0.7}
        return ModelMonitoringApplicationResult(
            "accuracy_loss", self.value, ResultKindApp.concept_drift, ResultStatusApp.detected, extra
        )


def test_live_it_is_kept_once_with_the_result_and_has_the_windows_before(project: Project) -> None:
    before = Window(from_us(to_us(START) - 600_000_000), START)
    project.count_windows()
    with project.database.write() as connection:
        mine = connection.execute(select(schema.windows)).one()._asdict() | {"answered": 1, "outcome": "done"}
        connection.execute(schema.windows.update().values(answered=1, outcome="done"))
        place = {"start_us": to_us(before.start), "end_us": to_us(before.end)}
        connection.execute(schema.windows.insert().values({**mine, **place}))
    with open_series_of(project) as series:
        for start, end in ((before.start, before.end), (START, END)):
            key = ("e1", APP, to_us(start), to_us(end))
            series.write_values([ValuePoint(*key, "accuracy_loss", 0.25, 1, 1, 0, "{}")])
    reports = project.judge(Reporting(), *[event(window_revision=2)] * 2)  # delivered twice
    for report in reports:
        answer = report[-1].content
        (note,) = answer.artifacts  # type: ignore[union-attr]
        assert (note.name, note.tag) == ("mine.html", "v1")
        (page,) = pages_in(Path(project.settings.artifacts_path))
        assert note.size_bytes == len(page.encode())
    words = text_of(page)
    assert "◆ detected: accuracy_loss 0.9 ≥ 0.7" in words
    assert "The endpoint stands now" not in words
    assert page.count('class="chart timeline"') == 1
    assert "last 0.9, mean 0.575, max 0.9, 2 windows" in words  # this window as it is said now


class open_series_of:
    def __init__(self, project: Project) -> None:
        self._series = open_series(project.settings)

    def __enter__(self) -> Any:
        return self._series

    def __exit__(self, *_: object) -> None:
        self._series.close()


def test_an_attempt_that_fails_keeps_none(project: Project) -> None:
    (report,) = project.judge(Reporting(fails=True))
    assert report[-1].content.artifacts == ()  # type: ignore[union-attr]
    assert pages_in(Path(project.settings.artifacts_path)) == []


def test_without_jinja2_the_app_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigError, match="jinja2, which is not installed: pip install"):
        run_app(HistogramDataDriftApplication(), DRIFTED, REFERENCE, settings=settings)


def test_its_record_says_what_it_is(settings: Settings, tmp_path: Path) -> None:
    run_app(HistogramDataDriftApplication(), DRIFTED, REFERENCE, settings=settings)
    (record,) = tmp_path.rglob("*.meta.json")
    said = json.loads(record.read_text())
    assert said["key"] == "report"
    assert re.fullmatch(r"HistogramDataDriftApplication", said["labels"]["app-name"])
