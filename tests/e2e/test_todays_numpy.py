"""`modelmon[local]` beside the NumPy, pandas and scikit-learn of today, in an environment without storey."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelmon.wheel import pack_wheel
from small_wheels import environments as environments

from .test_up import event

ROOT = Path(__file__).parents[2]
UV = [sys.executable, "-P", "-m", "uv"]
TODAYS = ("numpy>=2", "pandas>=3", "scikit-learn")
FOR_TESTS = ("pytest", "pytest-timeout", "hypothesis", "scipy", "aiosmtpd")
TESTS = (
    "test_apps_context.py", "test_apps_results.py", "test_drift_app.py", "test_stats_describe.py",
    "test_stats_histogram.py", "test_stores_reading.py",
)  # fmt: skip
"""What touches frames and arrays most."""
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("todays-numpy")]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("today")
    run(*UV, "venv", "--quiet", "--python", sys.executable, "venv", cwd=folder)
    made = folder / "venv" / "bin" / "python"
    local = f"modelmon[local] @ {wheel.as_uri()}"
    run(*UV, "pip", "install", "--quiet", "--python", made, local, *TODAYS, *FOR_TESTS, cwd=folder)
    return made


def test_they_are_installed_together_and_storey_is_not(python: Path) -> None:
    run(*UV, "pip", "check", "--python", python, cwd=python.parent)
    listed = json.loads(run(*UV, "pip", "list", "--format", "json", "--python", python, cwd=python.parent))
    versions = {each["name"]: int(each["version"].partition(".")[0]) for each in listed}
    assert versions["numpy"] >= 2
    assert versions["pandas"] >= 3
    assert "storey" not in versions


def test_frames_and_arrays_are_as_ever(python: Path) -> None:
    files = [ROOT / "tests" / "unit" / name for name in TESTS]
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, cwd=ROOT)


def test_the_stream_function_runs_in_an_environment_of_its_own(
    python: Path, tmp_path: Path, environments: Path
) -> None:
    project = tmp_path / "flights"
    modelmon = python.parent / "modelmon"
    run(modelmon, "init", project, cwd=tmp_path)
    with (project / "modelmon.yaml").open("a") as settings:
        settings.write("base_period: 10\ngrace_seconds: 0\ncontroller_interval_seconds: 0.2\n")
    (project / "recorded.jsonl").write_text("\n".join(map(event, range(120))))
    run(modelmon, "publish", "recorded.jsonl", cwd=project)
    run(modelmon, "up", "--until-idle", "--timeout", "250", cwd=project)
    (endpoint,) = json.loads(run(modelmon, "status", "--json", cwd=project))["endpoints"]
    assert (endpoint["stored"], endpoint["windows"]["done"]) == (120, 2 * 4)
    functions = json.loads(run(modelmon, "functions", "--json", cwd=project))["functions"]
    own = {function["name"]: function["environment"]["own"] for function in functions}
    assert own.pop("modelmon-stream")
    assert set(own.values()) == {False}
    assert len(list(environments.glob("*/"))) == 1
