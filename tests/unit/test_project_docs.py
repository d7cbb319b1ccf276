"""docs/reference/sdk.md names every public method, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from modelmon.project import Project, ServingFunction
from modelmon.serving import ModelSpec, ServingSpec, Tracking

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "sdk.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [Project, ServingFunction])
def test_every_public_method_is_named(kind: type) -> None:
    for name, member in vars(kind).items():
        if callable(member) and not name.startswith("_"):
            assert f"`{name}`" in TEXT, name


@pytest.mark.parametrize("kind", [ServingSpec, ModelSpec, Tracking])
def test_every_field_of_the_spec_is_named(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in TEXT, field.encode_name


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
