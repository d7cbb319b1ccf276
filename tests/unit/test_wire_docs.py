"""docs/reference/wire.md names every field, and its examples are read as it says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from modelmon.wire import RejectedItem, read_app_event, read_message, read_report, write_app_event
from modelmon.wire.decoding import RawEvent, RawPublisher, RawRequest, RawResponse

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "wire.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
EXAMPLES = [(kind, text.encode()) for language, kind, text in BLOCKS if language == "json"]


@pytest.mark.parametrize(("kind", "body"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_is_read_without_a_rejection(kind: str, body: bytes) -> None:
    if kind == "app-event":
        assert msgspec.json.decode(write_app_event(read_app_event(body))) == msgspec.json.decode(body)
        return
    items = {"events": read_message, "report": read_report}[kind](body)
    assert items
    assert [item for item in items if isinstance(item, RejectedItem)] == []


def test_the_python_example_runs() -> None:
    (code,) = [text for language, _, text in BLOCKS if language == "python"]
    exec(code, {})


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(RawEvent, ""), (RawRequest, "request."), (RawResponse, "resp."), (RawPublisher, "publisher.")],
)
def test_every_field_that_is_read_is_named(kind: type[msgspec.Struct], prefix: str) -> None:
    for field in msgspec.structs.fields(kind):
        assert f"`{prefix}{field.encode_name}`" in TEXT, field.encode_name
