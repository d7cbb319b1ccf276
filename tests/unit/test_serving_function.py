"""functions/serving as Nuclio calls it, and docs/reference/serving.md as it is written."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nuclio_sdk import Context, Event, Logger, Platform

from modelmon.serving import ModelSpec, ServingSpec, tracking_of, write_spec
from unit.serving_support import any_stream, events_on

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "serving.md").read_text(encoding="utf-8")
MODEL = """
from modelmon import V2ModelServer

class Sum(V2ModelServer):
    def predict(self, request):
        return [sum(row) for row in request["inputs"]]
"""


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers


def deployed(folder: Path, stream: str) -> Any:
    """The module of a deployed serving function."""
    shutil.copy(ROOT / "functions" / "serving" / "main.py", folder)
    (folder / "sums.py").write_text(MODEL)
    models = [ModelSpec(key="m", class_name="Sum")]
    write_spec(
        folder, ServingSpec(project="p", function_name="f", models=models, tracking=tracking_of(stream))
    )
    spec = importlib.util.spec_from_file_location("deployed_main", folder / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_function_answers_logs_and_publishes_what_it_holds_at_sigterm(tmp_path: Path) -> None:
    stream = any_stream()
    module = deployed(tmp_path, stream)

    async def run() -> list[Any]:
        context = Context(Logger("INFO"), Platform("test"))
        await module.init_context(context)
        bodies: list[Any] = [{"inputs": [[1, 2]]}, b'{"inputs": [[1, 2]]}', b"{"]
        headers = {"Content-Type": "application/json"}
        path = "/v2/models/m/infer"
        events = [Event(body=body, method="POST", path=path, headers=headers) for body in bodies]
        answers = [await module.handler(context, event) for event in events]
        await context.platform._on_signal("termination")
        return answers

    answers = asyncio.run(run())
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert [json.loads(answer.body)["outputs"] for answer in answers[:2]] == [[3], [3]]
    assert answers[0].content_type == "application/json"
    assert [type(event).__name__ for event in events_on(stream)] == [
        "ServingEvent",
        "ServingEvent",
        "ErrorEvent",
    ]


def test_the_python_of_the_page_runs() -> None:
    namespace: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, namespace)
    assert namespace["answer"]["model_name"] == "double"


def test_the_document_of_the_page_has_every_field() -> None:
    [text] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    spec = msgspec.json.decode(text, type=ServingSpec)
    assert json.loads(text) == msgspec.to_builtins(spec)


def test_the_page_names_every_hook_and_argument() -> None:
    from inspect import signature

    from modelmon.serving import V2ModelServer

    for name in vars(V2ModelServer):
        if not name.startswith("_"):
            assert f"{name}(" in PAGE, name
    for name in signature(tracking_of).parameters:
        assert f"| `{name}` |" in PAGE, name
