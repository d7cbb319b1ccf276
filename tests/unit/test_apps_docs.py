"""The pages on apps and the template: what they show runs, and they name what there is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.stats import DISTANCES
from modelmon.testing import run_app
from reader import blocks

ROOT = Path(__file__).parents[2]
GUIDE, CONTEXT, DRIFT = (
    (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for page in ("how-to/write-an-app", "reference/apps", "reference/histogram-drift-app")
)


def main_of(folder: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"main_of_{folder}", ROOT / "functions/apps" / folder / "main.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.e2e
def test_the_guide_is_followed_from_the_first_file_to_the_deployed_app(tmp_path: Path) -> None:
    for block in [each for each in blocks(GUIDE) if each.language == "python"]:
        (name,) = re.findall(r"^# (\w+\.py)\n", block.text)
        (tmp_path / name).write_text(block.text, encoding="utf-8")
    (shown,) = re.findall(r"^```\n(gaps .*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert run("try_gaps.py", tmp_path) == shown
    assert "1 passed" in run("-m pytest -q -p no:cacheprovider test_gaps.py", tmp_path)
    (deployed,) = re.findall(r"^```\n(Deployed .*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert run("deploy_gaps.py", tmp_path).endswith(deployed)


def run(words: str, folder: Path) -> str:
    line = [sys.executable, *words.split()]
    done = subprocess.run(line, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_examples_of_the_histogram_drift_app_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(block.text for block in blocks(DRIFT) if block.language == "python")
    exec(compile(code, "histogram-drift-app.md", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out == "potential_detection partial\n"


@pytest.mark.parametrize("name", ["drift-app", "data-skew-app", "anomalies-app"])
def test_the_examples_of_apps_with_a_budget_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")
    code, shown = (
        "\n".join(each.text for each in blocks(page) if each.language == kind) for kind in ("python", "")
    )
    exec(compile(code, f"{name}.md", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out.strip() == shown.strip()


@pytest.mark.parametrize("name", sorted(DISTANCES))
def test_every_distance_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in DRIFT


def test_everything_the_context_offers_is_on_the_page() -> None:
    offered = {name for name in dir(MonitoringApplicationContext) if not name.startswith("_")}
    assert {name for name in offered if f"`{name}" not in CONTEXT} == set()


def test_the_template_is_an_app_that_judges() -> None:
    app = main_of("_template").SlowAnswers(limit_ms=1.0)
    assert isinstance(app, ModelMonitoringApplicationBase)
    calm, slow = pd.DataFrame({"latency": [500] * 20}), pd.DataFrame({"latency": [1500] * 20})
    assert run_app(app, calm).assert_status("latency_p95_ms", "no_detection").value == 0.5
    run_app(app, slow).assert_status("latency_p95_ms", "detected")


@pytest.mark.parametrize("folder", ["histogram_drift", "drift", "_template"])
def test_a_folder_has_nuclios_two_names(folder: str) -> None:
    main = main_of(folder)
    assert callable(main.init_context)
    assert callable(main.handler)
