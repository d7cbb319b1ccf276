"""`modelmon health` and `GET /health` of the whole chain, as it runs, stops and is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from chain import APP, ENDPOINT, FUNCTIONS, Chain
from deploying import HTTP, eventually, workers_of
from modelmon.cli import app
from modelmon.project.invoking import invoke

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def asked(chain: Chain, *names: str) -> tuple[int, dict[str, Any]]:
    """Exit code of `modelmon health`, and function to what is said of it."""
    result = CliRunner().invoke(app, ["health", *names, "--json", "--project-dir", str(chain.project)])
    functions = json.loads(result.stdout)["functions"]
    return result.exit_code, {function["function"]: function for function in functions}


def add_http_trigger(chain: Chain, name: str) -> None:
    path = chain.project / ".modelmon" / "functions" / name / "function.yaml"
    document = yaml.safe_load(path.read_text())
    document["spec"]["triggers"]["health"] = HTTP
    path.write_text(yaml.safe_dump(document))


def reading_worker(chain: Chain, name: str) -> int:
    """The process id of the worker that reads the function's stream."""
    workers = workers_of(chain.project, name)
    return next(worker["pid"] for worker in workers if worker["trigger"] != "health")


def test_every_function_says_how_it_is_from_its_start_to_its_end(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project", heartbeat_seconds=0.2, unavailable_max_wait_seconds=0.2)
    add_http_trigger(chain, "modelmon-stream")
    code, functions = asked(chain)
    assert (code, set(functions)) == (1, {*FUNCTIONS, "modelmon-notifier"})
    assert {function["state"] for function in functions.values()} == {"not running"}
    with chain.running():
        chain.publish(chain.events(200))
        eventually(lambda: asked(chain)[0] == 0, within=60)
        eventually(lambda: sum(each["committed"] for each in positions(chain)) >= 200, within=60)
        stream = asked(chain, "modelmon-stream")[1]["modelmon-stream"]
        assert all(
            each["delivered"] >= each["acknowledged"] for each in stream["partitions"] if each["delivered"]
        )
        answered = invoke(chain.settings, "modelmon-stream", "/health")
        assert (answered["state"], answered["function"]) == ("ready", "modelmon-stream")

        killed = reading_worker(chain, "modelmon-stream")
        os.kill(killed, signal.SIGSTOP)  # as if its machine were gone
        try:
            eventually(
                lambda: asked(chain, "modelmon-stream")[1]["modelmon-stream"]["state"] == "not running",
                within=60,
            )
            assert asked(chain, "modelmon-writer", APP)[0] == 0
        finally:
            os.kill(killed, signal.SIGKILL)
        eventually(lambda: asked(chain)[0] == 0, within=60)
    code, functions = asked(chain)
    assert (code, {function["state"] for function in functions.values()}) == (1, {"not running"})
    result = CliRunner().invoke(app, ["health", "--project-dir", str(chain.project)])
    assert "not running" in result.stdout
    assert ENDPOINT not in result.stdout


def positions(chain: Chain) -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = asked(chain, "modelmon-stream")[1]["modelmon-stream"]["partitions"]
    return partitions


def test_an_unknown_function_is_named(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project")
    result = CliRunner().invoke(app, ["health", "modelmon-steam", "--project-dir", str(chain.project)])
    assert result.exit_code != 0
    assert "modelmon-steam" in str(result.exception)
