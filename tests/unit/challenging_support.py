"""A project whose model says yes too late, and challengers of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.serving import read_spec
from modelmon.views.challengers import Challenger, one_challenger
from project_support import make, write
from streaming import NOW_US, event, written
from wire_actuals import actuals

DAY = 86_400_000_000
DAYS, ROWS = 12, 40
CODE = """
    from pathlib import Path

    from modelmon import V2ModelServer


    class Above(V2ModelServer):
        def load(self):
            path, _ = self.get_model()
            self.limit = float(Path(path).read_text()) + float(self.get_param("more", 0))

        def predict(self, request):
            return [int((row[0] or 0) > self.limit) for row in request["inputs"]]
"""


def served_project(folder: Path, **settings: Any) -> Project:
    """A model that says yes above 0.8 is served; since the first day yes is right above 0.5."""
    project = make(folder, **settings)
    write(folder / "above.py", CODE)
    serving = project.set_function("above.py", name="serving")
    serving.add_model("delay", model_path=log(project, "delay", 0.8).uri, class_name="Above")
    serving.set_tracking()
    project.deploy_function(serving)
    return project


def log(project: Project, key: str, limit: float, *, timed: bool = True, **more: Any) -> Any:
    """Trained before the first day that is served, if it is said when."""
    x = np.linspace(0, 1, 50)
    at = [from_us(NOW_US - 2 * DAYS * DAY + minute * 60_000_000) for minute in range(50)]
    frame = pa.table({"x": x, "late": (x > limit).astype(int), **({"at": at} if timed else {})})
    return project.log_model(
        key, body=str(limit), model_file="limit.txt", training_set=frame, label_column="late",
        task="binary", prediction="late", positive=1, **more,
    )  # fmt: skip


def serve(project: Project) -> None:
    """Days of requests, answered by the champion, and what came true of them: through the stream function."""
    random, bodies = np.random.default_rng(0), []
    fields: dict[str, Any] = {
        "endpoint_id": endpoint_of(project).endpoint_id, "endpoint_name": "delay",
        "function_uri": "flights/serving", "input_names": ("x",), "output_names": ("late",),
    }  # fmt: skip
    for day in range(DAYS):
        x, name = random.random(ROWS).tolist(), f"day-{day}"
        bodies.append(event(
            [[each] for each in x], [[int(each > 0.8)] for each in x], request_id=name,
            when_us=NOW_US + (day - DAYS) * DAY, **fields,
        ))  # fmt: skip
        truth = {"late": [int(each > 0.5) for each in x]}
        bodies.append(
            actuals(truth, (name,) * ROWS, rows=list(range(ROWS)), endpoint_id=fields["endpoint_id"])
        )
    written(project.context, *bodies).close()


def endpoint_of(project: Project) -> Endpoint:
    (found,) = project.list_model_endpoints()
    return found


def shown(project: Project, number: int = 1) -> Challenger:
    with opened(project.settings) as database, database.read() as connection:
        return one_challenger(connection, project.settings, number)


def served(project: Project) -> Any:
    (model,) = read_spec(project.context / ".modelmon" / "functions" / "serving").models
    return model
