"""Projects in a folder, with a model to serve and an app to judge it, for tests of the project SDK."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa

from modelmon.project import Project, get_or_create_project

MODEL = """
    from pathlib import Path

    from modelmon import V2ModelServer


    class Sum(V2ModelServer):
        def load(self):
            path, _ = self.get_model()
            self.model = int(Path(path).read_text())

        def predict(self, request):
            return [self.model * sum(row) for row in request["inputs"]]


    class Free(V2ModelServer):
        def predict(self, request):
            return [0 for row in request["inputs"]]
"""

APP = """
    from modelmon.apps import ModelMonitoringApplicationBase, ModelMonitoringApplicationMetric


    class Rows(ModelMonitoringApplicationBase):
        def __init__(self, factor=1):
            self.factor = factor

        def do_tracking(self, monitoring_context):
            return ModelMonitoringApplicationMetric("rows", self.factor * len(monitoring_context.sample_df))


    class Helper:
        pass
"""


def frame() -> pa.Table:
    return pa.table({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"], "late": [0, 1, 1]})


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def make(folder: Path, **settings: Any) -> Project:
    """A project with model.py and rows_app.py beside its modelmon.yaml."""
    project = get_or_create_project("flights", context=folder, **{"durability": "process", **settings})
    write(folder / "model.py", MODEL)
    write(folder / "rows_app.py", APP)
    return project


def again(project: Project) -> Project:
    """Another object for the same folder, as another process would have."""
    return get_or_create_project(project.name, context=project.context)


DEFAULT_APPS = {"histogram-data-drift", "drift", "data-quality", "service", "model-performance"}


def deployed(project: Project) -> set[str]:
    """Names of the function folders that the runner would run."""
    folder = project.context / ".modelmon" / "functions"
    return {path.parent.name for path in folder.glob("[!.]*/function.yaml")}
