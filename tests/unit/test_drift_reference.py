"""What the drift app compares a window with beside the training set: like windows, and recent ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from modelmon.apps import DriftApplication
from modelmon.apps.base import judge
from modelmon.apps.context import MonitoringApplicationContext
from modelmon.errors import ConfigError
from modelmon.ledger.past_windows import past_windows
from modelmon.ledger.records import records_at
from modelmon.model import Endpoint, Window
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stats import (
    Profile,
    cell_counts,
    like_starts,
    pack_counts,
    profile,
    recent_starts,
    unpack_counts,
)
from modelmon.testing import run_app

DAY, WEEK = 86_400, 604_800
START = datetime(2025, 3, 3, tzinfo=UTC)
ROWS = 150


def rows(number: int, day: int, shift: float = 0.0) -> pd.DataFrame:
    """Rows of a day in a week that has a wave of two sigma."""
    random = np.random.default_rng(1000 + day)
    level = 2 * np.sin(day * 2 * np.pi / 7) + shift
    return pd.DataFrame({"x": random.standard_normal(number) + level, "c": random.choice(["a", "b"], number)})


@pytest.fixture(scope="module")
def made() -> Profile:
    days = [rows(ROWS, day).assign(when=START.timestamp() + day * DAY) for day in range(-70, 0)]
    return profile(pd.concat(days, ignore_index=True), time_column="when", window_seconds=(DAY,))


@dataclass
class Bed:
    """The app over days in any order, with what it has kept."""

    database: Database
    made: Profile
    app: DriftApplication = field(default_factory=lambda: DriftApplication(0.01, reference="season"))
    endpoint: Endpoint = field(default_factory=lambda: Endpoint("e", "p", "model", profile_hash="cells"))
    settings: Settings = field(default_factory=lambda: Settings(project="p"))
    sums: Any = None

    def day(
        self,
        day: int,
        *,
        shift: float = 0.0,
        revision: int = 1,
        hours: int = 24,
        number: int = ROWS,
        **more: Any,
    ) -> dict[str, Any]:
        """What the app finds of this day, by name."""
        start = START + timedelta(days=day)
        context = MonitoringApplicationContext(
            "drift", self.endpoint, Window(start, start + timedelta(hours=hours)),
            lambda: rows(number, day, shift), self.settings,
            window_revision=revision, database=self.database, profile=lambda: self.made, **more,
        )  # fmt: skip
        found = {each.name: each for each in judge(self.app, context)}
        self.sums = context.sums
        return found

    def days(self, number: int, first: int = 0) -> list[Any]:
        return [self.day(day)["drift"] for day in range(first, first + number)]

    def kept(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(past_windows).order_by(past_windows.c.start_us)))


@pytest.fixture
def bed(tmp_path: Path, made: Profile) -> Iterator[Bed]:
    database = records_at(f"sqlite:///{tmp_path}/records.db", durability="process")
    yield Bed(database, made)
    database.close()


@pytest.fixture(scope="module")
def six_weeks(tmp_path_factory: pytest.TempPathFactory, made: Profile) -> tuple[Path, list[Any]]:
    """A database in which 42 days were judged, and what came of them."""
    path = tmp_path_factory.mktemp("weeks") / "records.db"
    database = records_at(f"sqlite:///{path}", durability="process")
    found = Bed(database, made).days(42)
    database.close()
    return path, found


@pytest.fixture
def seasoned(six_weeks: tuple[Path, list[Any]], tmp_path: Path, made: Profile) -> Iterator[Bed]:
    copied = shutil.copy(six_weeks[0], tmp_path / "records.db")
    database = records_at(f"sqlite:///{copied}", durability="process")
    yield Bed(database, made)
    database.close()


def state(result: Any) -> str | None:
    found = result.extra_data.get("state")
    assert found is None or result.status.value == -1
    return found


@pytest.mark.slow
def test_the_first_weeks_are_learning_and_then_a_wave_is_no_drift_and_a_shift_is(
    six_weeks: tuple[Path, list[Any]], seasoned: Bed
) -> None:
    found = six_weeks[1]
    assert {state(each) for each in found[:22]} == {"learning"}
    assert {state(each) for each in found[28:]} == {None}
    assert {each.status.name for each in found[28:]} == {"no_detection"}
    assert found[-1].extra_data["calibration"]["how"] == "by time"
    assert found[-1].extra_data["reference"] == "season"
    assert "4 windows without an alarm, 600 rows" in found[-1].extra_data["compared"]
    shifted = seasoned.day(42, shift=1.2)
    assert shifted["drift"].status.name == "detected"
    assert shifted["drift_from_training"].value < 1, "against all days of the week it is nothing"


@pytest.mark.slow
def test_a_window_that_alarmed_is_in_no_later_reference(seasoned: Bed) -> None:
    seasoned.day(42, shift=3)
    assert "3 windows" in seasoned.day(49)["drift"].extra_data["compared"]


@pytest.mark.slow
def test_a_change_that_stays_is_told_for_three_weeks_and_then_learned(seasoned: Bed) -> None:
    found = [seasoned.day(day, shift=2)["drift"] for day in range(42, 71)]
    assert {each.status.value for each in found[:20]} <= {1, 2}
    assert found[0].status.name == "detected"
    assert {state(each) for each in found[21:]} == {"learning"}
    assert "no window without an alarm" in found[-1].extra_data["compared"]
    assert "a change that stays alarms for three weeks" in found[0].extra_data["blind"]


def test_a_window_judged_again_counts_as_its_newest_revision_has_it(bed: Bed) -> None:
    bed.day(0, revision=2)
    (before,) = bed.kept()
    bed.day(0, revision=1, shift=2)
    assert bed.kept() == [before]
    bed.day(0, revision=3, shift=2)
    assert bed.kept()[0].counts != before.counts
    assert bed.kept()[0].revision == 3


def test_windows_of_another_length_or_of_other_cells_are_not_compared(seasoned: Bed) -> None:
    assert state(seasoned.day(42, hours=12)["drift"]) == "learning"
    seasoned.endpoint = replace(seasoned.endpoint, profile_hash="other cells")
    assert state(seasoned.day(42)["drift"]) == "learning"


def test_a_gap_leaves_the_windows_that_are_there(seasoned: Bed) -> None:
    found = seasoned.day(49)["drift"]
    assert state(found) is None
    assert "3 windows" in found.extra_data["compared"]


def test_few_rows_and_a_part_of_a_window_are_not_kept(bed: Bed) -> None:
    bed.day(0, number=20)
    assert state(bed.day(1, window_incomplete=2)["drift"]) == "incomplete"
    bed.day(2, window_incomplete=6)
    assert bed.kept() == []


def test_what_no_window_can_be_compared_with_goes(bed: Bed) -> None:
    for day in (0, 30, 40):
        bed.day(day)
    assert len(bed.kept()) == 2


@pytest.mark.slow
def test_recent_windows_take_a_trend_along_and_have_no_slow_drift(bed: Bed) -> None:
    bed.app = DriftApplication(0.01, reference="recent")
    found = [bed.day(day, shift=0.002 * day)["drift"] for day in range(50)]
    assert {state(each) for each in found[:20]} == {"learning"}
    assert {each.status.name for each in found[36:]} == {"no_detection"}
    assert bed.sums is None
    assert "slow changes" in found[-1].extra_data["blind"]
    assert found[-1].extra_data["budget"]["window"] == 0.01, "all of it"
    assert bed.day(50, shift=12)["drift"].status.value >= 1


def test_slow_drift_goes_on_from_the_training_set_beside_a_season(bed: Bed) -> None:
    found = bed.day(0)["drift"]
    assert state(found) == "learning"
    assert (bed.sums.reference, bed.sums.budget) == ("cells", 0.005)


def test_the_setting_chooses_and_the_argument_wins(bed: Bed) -> None:
    bed.settings = Settings.load(Path("/"), {}, project="p", drift_reference="recent")
    bed.app = DriftApplication(0.01)
    assert bed.day(0)["drift"].extra_data["reference"] == "recent"
    bed.app = DriftApplication(0.01, reference="training")
    found = bed.day(0)
    extra = found["drift"].extra_data
    assert (extra["reference"], extra["compared"], "blind" in extra) == (
        "training",
        "the training set",
        False,
    )
    assert "drift_from_training" not in found


def test_offline_no_past_window_is_known(made: Profile) -> None:
    training = pd.concat(
        [rows(ROWS, day).assign(when=START.timestamp() + day * DAY) for day in range(-70, 0)]
    )
    found = run_app(DriftApplication(reference="season"), rows(ROWS, 1), training)
    assert found.result("drift").extra_data["state"] == "learning"
    assert found.metric("drift_from_training").value >= 0


def test_a_reference_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"got 'seasons'; did you mean season\?"):
        DriftApplication(reference="seasons")
    with pytest.raises(ConfigError, match="must be training, season or recent, got 7"):
        DriftApplication(reference=7)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="drift_reference"):
        Settings.load(Path("/"), {}, project="p", drift_reference="last year")


# --- which windows are asked for, and how they are kept


@pytest.mark.parametrize("seconds", [600, 3600, 7200, DAY, WEEK])
def test_like_windows_are_of_the_same_time_of_the_week_and_few(seconds: int) -> None:
    now = 20 * WEEK
    starts = like_starts(now, seconds)
    assert {now - WEEK * week for week in (1, 2, 3, 4)} <= set(starts)
    assert len(set(starts)) == len(starts) <= 4 * 96
    assert all(now - 4 * WEEK <= start < now and (now - start) % seconds == 0 for start in starts)


def test_windows_that_never_return_have_no_like_ones() -> None:
    assert like_starts(20 * WEEK, 25 * 3600) == []
    assert like_starts(20 * WEEK, 9 * 3600) == [17 * WEEK]
    assert like_starts(20 * WEEK, 2 * WEEK) == [18 * WEEK, 16 * WEEK]


@pytest.mark.parametrize("seconds", [600, 1800, 3600, DAY, WEEK])
def test_recent_windows_are_of_all_times_of_the_week(seconds: int) -> None:
    now = 20 * WEEK
    starts = recent_starts(now, seconds)
    assert all(now - 35 * DAY <= start < now - 7 * DAY for start in starts)
    assert len(starts) <= 810
    phases = {start % WEEK for start in starts}
    assert len(phases) == min(len(starts), WEEK // seconds)


def test_counts_are_kept_to_the_last_row(made: Profile) -> None:
    counts = cell_counts(rows(500, 3), made)
    for times in (1, 300, 10**6, 10**12):
        packed = pack_counts(counts * times, made)
        assert (unpack_counts(packed, made) == counts * times).all()
    assert len(pack_counts(counts, made)) < 120


@pytest.mark.parametrize("packed", [b"", b"\x01", b"\x03abc", b"\x01x\x9c"])
def test_damaged_counts_are_refused(made: Profile, packed: bytes) -> None:
    with pytest.raises(ConfigError, match="counts of a past window"):
        unpack_counts(packed, made)
    with pytest.raises(ConfigError, match="this profile has"):
        unpack_counts(pack_counts(np.zeros((1, 5)), profile(pd.DataFrame({"c": ["a", "b"]}))), made)
