"""Evidently, NannyML and river as apps: each in its own environment, judging a chain's windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain import ENDPOINT
from deploying import eventually, log_of
from foreign_apps import EXAMPLES, MINUTES, NAMES, ROWS, Shifted, deploy_example, environment_made, reached
from modelmon.ledger.records import open_records
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.views.artifacts import ArtifactQuery, list_artifacts
from modelmon.views.windows import list_windows
from modelmon.windows import WindowState
from small_wheels import environments_below

WITHIN = 300.0
RESULTS = {"evidently": "drifted_columns", "nannyml": "worst_distance", "river": "features_that_changed"}
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("environments"),
]


class Judged:
    """What the three apps said of the same windows."""

    def __init__(self, folder: Path) -> None:
        self.chain = Shifted(folder / "project", minutes=MINUTES)
        self.watched = folder / "watched"
        for name in NAMES:
            environment_made(EXAMPLES / name, folder / "uv.log")
            deploy_example(self.chain, name, self.watched, reference=self.chain.reference())
        self.chain.publish(self.chain.events(ROWS))
        with self.chain.running():
            self.windows: dict[str, Any] = {
                name: eventually(lambda name=name: self._windows(name), self._all, within=WITHIN, every=0.5)
                for name in NAMES
            }
        self.points = self._points()
        self.reached = reached(self.watched)

    def _windows(self, app: str) -> Any:
        database = open_records(self.chain.settings)
        try:
            with database.read() as connection:
                return list_windows(connection, self.chain.settings, ENDPOINT, app).windows
        finally:
            database.close()

    def _all(self, windows: Any) -> bool:
        ended = [each for each in windows if each.state in (WindowState.DONE, WindowState.FAILED)]
        return len(ended) == MINUTES

    def _points(self) -> dict[tuple[str, str], list[Any]]:
        database, series = open_records(self.chain.settings), open_series(self.chain.settings)
        found: dict[tuple[str, str], list[Any]] = {}
        for each in sorted(
            read_all_values(database, series, [ENDPOINT], 0, 2**62), key=lambda point: point.start_us
        ):
            found.setdefault((each.application_name, each.name), []).append(each)
        with database.read() as connection:
            self.artifacts = list_artifacts(connection, ArtifactQuery()).artifacts
        database.close()
        series.close()
        return found


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch:
        environments_below(folder, patch)
        yield Judged(folder)


@pytest.mark.parametrize("name", NAMES)
def test_each_judges_every_window_and_finds_the_one_that_changed(judged: Judged, name: str) -> None:
    windows = judged.windows[name]
    assert {each.state for each in windows} == {WindowState.DONE}, (
        windows,
        log_of(judged.chain.project, name),
    )
    assert [each.status for each in judged.points[name, RESULTS[name]]] == [0, 0, 2]


def test_nothing_of_them_reaches_beyond_this_machine(judged: Judged) -> None:
    assert judged.reached == []


def test_evidentlys_report_is_kept_of_the_window_that_drifted(judged: Judged) -> None:
    (page,) = judged.artifacts
    assert page.application_name == "evidently"
    assert page.media_type == "text/html"
    assert page.start_infer_time == max(each.start_infer_time for each in judged.windows["evidently"])
    kept = Path(judged.chain.settings.location("artifacts_path"), page.path).read_text()
    assert "amount" in kept
    assert "<script" in kept


def test_evidentlys_workspace_has_one_run_a_window(judged: Judged) -> None:
    assert len([*judged.chain.project.glob("evidently-workspace/*/snapshots/*.json")]) == MINUTES
