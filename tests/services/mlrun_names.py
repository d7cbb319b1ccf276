"""Prints as JSON what MLRun has: parameters of calls, public names of objects. Runs under MLRun's Python."""

from __future__ import annotations

import inspect
import json
from typing import Any

import mlrun
from mlrun.model_monitoring.applications import ModelMonitoringApplicationBase, MonitoringApplicationContext
from mlrun.projects.project import MlrunProject
from mlrun.runtimes.nuclio.serving import ServingRuntime

CALLS = {
    "get_or_create_project": mlrun.get_or_create_project,
    "load_project": mlrun.load_project,
    "code_to_function": mlrun.code_to_function,
    "new_function": mlrun.new_function,
    "import_function": mlrun.import_function,
    "app.evaluate": ModelMonitoringApplicationBase.evaluate,
    "context.log_artifact": MonitoringApplicationContext.log_artifact,
    "context.log_dataset": MonitoringApplicationContext.log_dataset,
}
KINDS = {
    "project": MlrunProject,
    "function": ServingRuntime,
    "app": ModelMonitoringApplicationBase,
    "context": MonitoringApplicationContext,
}


def parameters(call: Any) -> list[str]:
    """Of named parameters the names."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in inspect.signature(call).parameters.values() if each.kind in named]


calls = {name: parameters(call) for name, call in CALLS.items()}
names = {kind: [name for name in dir(of) if not name.startswith("_")] for kind, of in KINDS.items()}
for kind in ("project", "function"):
    for name in names[kind]:
        if callable(getattr(KINDS[kind], name)):
            calls[f"{kind}.{name}"] = parameters(getattr(KINDS[kind], name))
print(json.dumps({"calls": calls, "names": names}))
