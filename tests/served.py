"""Two served models: what one is asked looks like its training set, what the other is asked has drifted."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from chain import APP, FAR_US, MINUTE_US, QUICK
from modelmon.apps import HistogramDataDriftApplication
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.views.windows import list_windows
from modelmon.windows import WindowState
from project_support import make

SHIFTS = {"same": 0.0, "drifted": 3.0}
MINUTES, REQUESTS, ROWS = 4, 20, 5  # per minute: requests, and rows in each

Found = dict[tuple[str, int], tuple[float, int | None]]
"""(model, minute) to value and status of `general_drift`."""


class Served:
    """Requests carry their own time: they lie in whole minutes, an hour ago."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        project = make(folder, **QUICK, **settings)
        project.enable_model_monitoring(apps=["histogram-data-drift"])
        self.folder = folder
        self.settings = Settings.load(folder)
        self._start_us = (time.time_ns() // 1000 // MINUTE_US - 60) * MINUTE_US
        self._rng = np.random.default_rng(5)
        self._training = self._table(self._rng.normal(size=(2000, 2)))
        self._asked = {
            (model, minute): self._rng.normal(shift, size=(REQUESTS * ROWS, 2))
            for model, shift in SHIFTS.items()
            for minute in range(MINUTES)
        }
        serving = project.set_function("model.py", name="serving")
        for model in SHIFTS:
            logged = project.log_model(model, body=b"1", training_set=self._training, label_column="late")
            serving.add_model(model, model_path=logged.uri, class_name="Sum")
        serving.set_tracking(tracking_policy={"client_time": True}).deploy()

    def ask(self, url: str) -> None:
        """Send every request, in the order of their times, and look at each answer."""
        client = httpx.Client(base_url=url, timeout=60)
        for minute in range(MINUTES):
            for number in range(REQUESTS):
                for model in SHIFTS:
                    rows = self._asked[model, minute][number * ROWS : (number + 1) * ROWS]
                    body = {"inputs": rows.tolist(), "timestamp": self._when(minute, number)}
                    answer = client.post(f"/v2/models/{model}/infer", json=body)
                    assert answer.status_code == 200, answer.text
                    assert np.allclose(answer.json()["outputs"], rows.sum(axis=1))
        client.close()

    def results(self) -> Found:
        """What the stores hold, once every window is answered; empty before."""
        database, series = open_records(self.settings), open_series(self.settings)
        with database.read() as connection:
            names = {
                each.endpoint_id: model for model in SHIFTS for each in endpoints.find(connection, name=model)
            }
            windows = [
                window
                for endpoint_id in names
                for window in list_windows(connection, self.settings, endpoint_id, APP).windows
            ]
        points = list(read_all_values(database, series, names, 0, FAR_US, APP))
        database.close()
        series.close()
        judged = [window for window in windows if window.state is WindowState.DONE]
        if len(judged) < max(len(windows), MINUTES * len(SHIFTS)):
            return {}
        return {
            (names[point.endpoint_id], (point.start_us - self._start_us) // MINUTE_US): (
                point.value,
                point.status,
            )
            for point in points
            if point.name == "general_drift"
        }

    def evaluated(self) -> dict[tuple[str, int], float]:
        """`general_drift` of the same rows, computed without any of the functions."""
        values = {}
        for place, rows in self._asked.items():
            outputs = HistogramDataDriftApplication.evaluate(
                sample_data=self._table(rows), reference_data=self._training, label_names=["late"],
                settings=self.settings,
            )  # fmt: skip
            values[place] = next(each.value for each in outputs if each.name == "general_drift")
        return values

    def _table(self, rows: np.ndarray) -> pa.Table:
        return pa.table({"a": rows[:, 0], "b": rows[:, 1], "late": rows.sum(axis=1)})

    def _when(self, minute: int, number: int) -> str:
        begin = datetime.fromtimestamp(self._start_us / 1e6, UTC)
        return (begin + timedelta(minutes=minute, seconds=60 * number / REQUESTS)).isoformat()
