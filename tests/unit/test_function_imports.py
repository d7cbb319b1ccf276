"""Each function works with what its image installs, and nothing else of what a developer has."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from modelmon.deploying.packages import layers_of
from modelmon.deploying.plan import make_plan
from modelmon.function_spec.folders import template
from modelmon.settings import Settings

pytestmark = pytest.mark.slow  # each imports a whole function in a process of its own

WITHOUT = """
import sys

absent = set(sys.argv[1].split(","))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r} in the image", name=name)


sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[2])
import main
"""
JOB = """
import modelmon.stages.job
import modelmon.retraining.__main__
"""
API = """
from modelmon.settings import Settings
main.make_function(Settings.load(project="churn", project_dir="/tmp", environ={}))
import modelmon.project.deciding
"""
FUNCTIONS = {  # template folder: the function's name, and what it imports later
    "writer": ("modelmon-writer", ""), "stream": ("modelmon-stream", ""),
    "controller": ("modelmon-controller", ""), "serving": ("serving", ""), "api": ("modelmon-api", API),
    "exporter": ("modelmon-exporter", ""),
    "notifier": ("modelmon-notifier", "import httpx, apprise"), "apps/drift": ("drift", ""),
    "apps/model_performance": ("model-performance", ""), "jobs/_template": ("retrain", JOB),
}  # fmt: skip


def called(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(lines: list[str]) -> set[str]:
    """The distributions that these requirements install, those that they need included."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        each = waiting.pop()
        for extra in ("", *each.extras):
            if (called(each.name), extra) in found:
                continue
            found.add((called(each.name), extra))
            further = map(Requirement, metadata.requires(each.name) or ())
            waiting += [one for one in further if one.marker is None or one.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_a_function_imports_what_its_image_brings(folder: str) -> None:
    name, later = FUNCTIONS[folder]
    plan = make_plan(Settings().changed(project="churn", stream_path="kafka://a:1"), "local")
    layers = layers_of(name, plan, metadata.requires("modelmon") or (), is_app="/" in folder)
    there = brought([line for layer in layers for line in layer.lines]) | {"modelmon"}
    modules = metadata.packages_distributions()
    absent = sorted(module for module, of in modules.items() if not {*map(called, of)} & there)
    assert "pytest" in absent
    command = [sys.executable, "-c", WITHOUT + later, ",".join(absent), str(template(folder))]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path("/"))
    assert ended.returncode == 0, ended.stderr
