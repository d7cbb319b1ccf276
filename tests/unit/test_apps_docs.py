"""docs/how-to/write-an-app.md and the template: what they show runs, and they name what there is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.stats import DISTANCES
from modelmon.testing import run_app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/write-an-app.md").read_text(encoding="utf-8")


def main_of(folder: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"main_of_{folder}", ROOT / "functions/apps" / folder / "main.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_examples_of_the_page_run() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(code, "docs/how-to/write-an-app.md", "exec"), {"__name__": "docs"})


@pytest.mark.parametrize("name", sorted(DISTANCES))
def test_every_distance_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE


def test_everything_the_context_offers_is_on_the_page() -> None:
    offered = {name for name in dir(MonitoringApplicationContext) if not name.startswith("_")}
    assert {name for name in offered if f"`{name}" not in PAGE} == set()


def test_the_template_is_an_app_that_judges() -> None:
    app = main_of("_template").SlowAnswers(limit_ms=1.0)
    assert isinstance(app, ModelMonitoringApplicationBase)
    calm, slow = pd.DataFrame({"latency": [500] * 20}), pd.DataFrame({"latency": [1500] * 20})
    assert run_app(app, calm).assert_status("latency_p95_ms", "no_detection").value == 0.5
    run_app(app, slow).assert_status("latency_p95_ms", "detected")


@pytest.mark.parametrize("folder", ["histogram_drift", "_template"])
def test_a_folder_has_nuclios_two_names(folder: str) -> None:
    main = main_of(folder)
    assert callable(main.init_context)
    assert callable(main.handler)
