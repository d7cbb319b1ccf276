"""No function of ours reaches anything but this machine, unless its own code does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from deploying import HTTP, deploy, make_project
from foreign_apps import EXAMPLES, WATCH, environment_made, reached
from modelmon.function_spec.telemetry import NO_TELEMETRY
from modelmon.local import Runner
from small_wheels import environments as environments

pytestmark = pytest.mark.e2e

NANNYML = """
import nannyml, pandas as pd
rows = pd.DataFrame({"a": [float(n) for n in range(100)]})
nannyml.UnivariateDriftCalculator(column_names=["a"], chunk_number=2).fit(rows)
import segment.analytics
segment.analytics.flush()
"""
EVIDENTLY = """
from evidently.telemetry import event_logger
event_logger.send_event("test", "test")
"""
VARIABLES = """
    import os
    def handler(context, event):
        return dict(os.environ)
"""


def test_a_function_gets_what_turns_telemetry_off_whatever_the_shell_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its own function.yaml says otherwise."""
    monkeypatch.delenv("NML_DISABLE_USAGE_LOGGING", raising=False)
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    project = make_project(tmp_path / "project")
    deploy(project, "plain", VARIABLES, {"http": HTTP})
    deploy(project, "told", VARIABLES, {"http": HTTP}, HF_HUB_DISABLE_TELEMETRY="0")
    with Runner(project) as runner:
        runner.wait_until_ready()
        plain, told = (httpx.get(f"http://{runner.address(name)}/").json() for name in ("plain", "told"))
    assert NO_TELEMETRY.items() <= plain.items()
    assert told["HF_HUB_DISABLE_TELEMETRY"] == "0"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("environments")
@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("nannyml", NANNYML, "api.segment.io"), ("evidently", EVIDENTLY, "35.232.253.5")],
    ids=["nannyml", "evidently"],
)
def test_a_library_that_would_tell_its_makers_tells_them_nothing(
    tmp_path: Path, environments: Path, name: str, code: str, told: str
) -> None:
    """Without the variables it tries to, which is how we know that the watch would see it."""
    python = environment_made(EXAMPLES / name, tmp_path / "uv.log")
    plain = {each: value for each, value in os.environ.items() if each not in NO_TELEMETRY}
    found = {}
    for state, variables in (("off", NO_TELEMETRY), ("on", {})):
        watched = tmp_path / state
        environment = {**plain, **variables, "WATCHED": str(watched), "HOME": str(tmp_path)}
        command = [python, "-P", "-c", WATCH + code]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=300)
        assert state == "on" or done.returncode == 0, done.stderr
        found[state] = reached(watched)
    assert found["off"] == []
    assert any(told in each for each in found["on"]), found
