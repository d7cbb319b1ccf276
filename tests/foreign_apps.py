"""The examples with libraries of others, deployed as they stand, and what they try to reach."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from chain import ENDPOINT, MINUTE_US, Chain
from modelmon.errors import UnavailableError
from modelmon.function_spec.requirements import FILE, read_requirements
from modelmon.local.environments import environment_of, hold
from modelmon.local.needs import Needs
from modelmon.project import get_or_create_project
from modelmon.wire import ServingEvent, write_event

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("evidently", "nannyml", "river")
ROWS, MINUTES, SHIFT = 900, 3, 4.0
WATCH = """
import json, os, sys
def _watch(event, arguments):
    if event == "socket.getaddrinfo":
        place = str(arguments[0])
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        place = str(arguments[1][0])
    elif event == "subprocess.Popen" and str(arguments[0]) == sys.executable:
        place = str(arguments[1])  # a Python of its own, which nobody watches
    else:
        return
    if place not in ("127.0.0.1", "localhost", "::1", "None"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(json.dumps(place) + "\\n")
        raise OSError(f"{place}: nothing leaves this machine in a test")
sys.addaudithook(_watch)
"""
"""Notes each place that is looked up or connected to, and each Python that is started; lets nobody out."""


class Shifted(Chain):
    """A chain of three windows; from the middle of the last one on `amount` is higher."""

    def _event(self, index: int, when_us: int) -> bytes:
        late = when_us >= self.start_us + (MINUTES * MINUTE_US * 5) // 6
        row = [float(self._rng.normal()) + SHIFT * late, int(self._rng.integers(0, 3))]
        return write_event(
            ServingEvent(
                endpoint_id=ENDPOINT, endpoint_name="model", function_uri="chain/serving",
                model_class="Model", version="", request_id=f"r{index}", when_us=when_us, latency_us=100,
                inputs=[row], outputs=[[float(self._rng.random())]], effective_sample_count=1,
            )
        )  # fmt: skip

    def reference(self) -> pa.Table:
        return pa.table({"amount": self._rng.normal(size=2000), "kind": self._rng.integers(0, 3, 2000)})


def environment_made(folder: Path, log: Path) -> str:
    """The interpreter of an example's environment; skips, by name, where nothing can be installed."""
    needs = Needs(("apps",), read_requirements(folder / FILE))
    try:
        held = hold(environment_of(needs), lambda text: None, log, lambda: False)
    except UnavailableError as error:
        pytest.skip(f"{', '.join(needs.own)} can't be installed here: {error}")
    held.close()
    return held.python


def deploy_example(chain: Chain, name: str, watched: Path, reference: pa.Table | None = None) -> None:
    """The example's folder as it stands, with its training set beside it and a watch over where it goes."""
    copy = chain.project / "apps" / name
    shutil.copytree(EXAMPLES / name, copy)
    if reference is not None:
        pyarrow.parquet.write_table(reference, copy / "reference.parquet")
    (copy / "watch.py").write_text(WATCH)
    main = (copy / "main.py").read_text()
    first = "from __future__ import annotations\n"
    assert first in main
    (copy / "main.py").write_text(main.replace(first, f"{first}import watch\n"))
    project = get_or_create_project("chain", context=chain.project)
    app = project.set_model_monitoring_function(name, func=str(copy))
    app.set_envs({"WATCHED": str(watched)})
    app.deploy()


def reached(watched: Path) -> list[str]:
    return [json.loads(line) for line in watched.read_text().splitlines()] if watched.is_file() else []
