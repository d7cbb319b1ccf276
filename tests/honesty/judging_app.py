"""The drift app over windows in their order, by its own code, with a ledger of what it has kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import pandas as pd

from modelmon.apps import DriftApplication, ModelMonitoringApplicationResult
from modelmon.apps.base import judge
from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.results import Output
from modelmon.ledger.records import records_at
from modelmon.model import Endpoint, Window
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stats import Profile

HOUR = 3600


@dataclass(frozen=True, slots=True)
class JudgingApp:
    """One app that judges one endpoint, hour by hour; it has kept what it kept."""

    app: DriftApplication
    profile: Profile
    database: Database
    settings: Settings = field(default_factory=lambda: Settings(project="honesty"))

    def drift(self, frame: pd.DataFrame, hour: int, *, revision: int = 1) -> ModelMonitoringApplicationResult:
        """The result `drift` of the window of this hour."""
        (found,) = (each for each in self.outputs(frame, hour, revision=revision) if each.name == "drift")
        assert isinstance(found, ModelMonitoringApplicationResult)
        return found

    def outputs(
        self, frame: pd.DataFrame, hour: int, *, length: int = HOUR, revision: int = 1
    ) -> list[Output]:
        """All that the app finds; a lower revision than the one before is judged and not kept."""
        start = datetime.fromtimestamp(hour * HOUR, UTC)
        endpoint = Endpoint("e", "honesty", "model", profile_hash="known")
        window = Window(start, start + timedelta(seconds=length))
        context = MonitoringApplicationContext(
            "drift", endpoint, window, lambda: frame, self.settings,
            window_revision=revision, database=self.database, profile=lambda: self.profile,
        )  # fmt: skip
        return judge(self.app, context)


@contextmanager
def judging(app: DriftApplication, profile: Profile) -> Iterator[JudgingApp]:
    """The app with a ledger of its own, in a folder that goes."""
    with TemporaryDirectory() as folder:
        database = records_at(f"sqlite:///{folder}/records.db", durability="process")
        try:
            yield JudgingApp(app, profile, database)
        finally:
            database.close()
