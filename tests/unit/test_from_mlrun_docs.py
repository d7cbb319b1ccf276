"""docs/how-to/come-from-mlrun.md: every row's code runs, or says what the row says."""

from __future__ import annotations

import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import modelmon
from modelmon.apps.offline import offline_context
from modelmon.errors import ConfigError
from project_support import APP, MODEL, write

PAGE = (Path(__file__).parents[2] / "docs/how-to/come-from-mlrun.md").read_text(encoding="utf-8")
CALLS = PAGE.partition("## Both in one environment")[0]
ROW = re.compile(r"^\| (`.+`) \| (yes|no) \| (.*?) ?\|$", re.MULTILINE)


def rows() -> list[tuple[list[str], str, str]]:
    """The codes of each row, yes or no, and what the row says of it."""
    return [(re.findall(r"`([^`]+)`", codes), here, told) for codes, here, told in ROW.findall(CALLS)]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the page says that there is, in a folder with a model and an app."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path / "model.py", MODEL)
    write(tmp_path / "app.py", APP)
    frame = pd.DataFrame({"visits": [1.0, 9.0] * 60, "spent": [5.0, 2.0] * 60, "churned": [1, 0] * 60})
    model = LogisticRegression().fit(frame[["visits", "spent"]], frame["churned"])
    yield {
        "modelmon": modelmon,
        "frame": frame,
        "pickled": pickle.dumps(model),
        "context": offline_context("rows", frame, frame),
        "figure": SimpleNamespace(to_html=lambda: "<html></html>"),
        "app": importlib.import_module("app"),
    }
    monkeypatch.delitem(importlib.sys.modules, "app")  # type: ignore[attr-defined]


def run(code: str, names: dict[str, Any]) -> str:
    """Run one cell's code; what it says when it is refused, "" when it is not."""
    try:
        exec(code, names)
    except ConfigError as error:
        return str(error)
    return ""


def plain(text: str) -> str:
    return text.replace("`", "").replace("\\|", "|")


@pytest.mark.slow
def test_every_row_runs_or_says_what_the_page_says(names: dict[str, Any]) -> None:
    wrong = []
    for codes, here, told in rows():
        for code in codes:
            said = run(code, names)
            if here == "yes" and said:
                wrong.append(f"{code} should run, and says: {said}")
            if here == "no" and plain(told) not in plain(said):
                wrong.append(f"{code} says {said!r}, and the page {told!r}")
    assert not wrong, "\n".join(wrong)


def test_the_page_has_rows_of_both_kinds() -> None:
    kinds = [here for _, here, _ in rows()]
    assert kinds.count("yes") > 30
    assert kinds.count("no") > 30
    assert len(ROW.findall(CALLS)) == len(re.findall(r"^\| `", CALLS, re.MULTILINE))
