"""The README, followed word for word in a fresh folder: its files, its commands, in its order.

Not done as it stands: what `reader.py` names; `nuctl`, which a stand-in plays.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import nuctl_stand_in
from modelmon.testing import run_app
from modelmon.wheel import pack_wheel
from reader import ROOT, Block, Reader
from reader import blocks as reader_blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN, APP, NUCLIO = "Your own model in a minute", "Write an app", "Deploy to Nuclio"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first test waits for all the commands


def blocks(section: str) -> list[Block]:
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    return reader_blocks(text)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("readme"))
    try:
        for block in blocks(OWN):
            reader.follow(block)
        reader.seen["found"] = reader.status_with("data-drift-suspected")
    finally:
        reader.end()
    return reader


def test_deploying_says_what_happened_and_what_comes_next(reader: Reader) -> None:
    told = reader.seen["python churn.py"].splitlines()
    assert told[0] == f"Made project churn in {reader.folder}."
    assert "Monitoring of project churn is enabled, in windows of 10 minutes." in told
    assert told[-2:] == [
        "Deployed serving with the model churn.",
        f"Next, in a second terminal: modelmon up --project-dir {reader.folder}",
    ]


def test_the_replay_raises_an_incident_that_both_terminals_show(reader: Reader) -> None:
    line = next(line for line in reader.seen["found"].splitlines() if line.startswith("churn  "))
    assert re.match(
        r"churn +suspected +spent \d+\.\d\d, (slow_)?drift of drift( \(stale\))? +2,400 +\d\d:\d\d UTC$", line
    )
    assert re.search(r"data-drift-suspected: churn, spent \d+\.\d\d, (slow_)?drift", reader.seen["found"])
    assert "data-drift-suspected (medium): churn" in reader.told
    assert "app histogram-data-drift" not in reader.seen["found"] + reader.told
    assert "(spent)" in reader.told


def test_the_terminal_of_modelmon_up_has_the_address_of_the_page(reader: Reader) -> None:
    assert re.search(r"modelmon-api at http://127\.0\.0\.1:\d+ \(the page\)", reader.told)


def test_the_app_counts_the_rows() -> None:
    (app,) = [block.text for block in blocks(APP) if block.language == "python"]
    names: dict[str, type] = {}
    exec(app, names)
    frame = pd.DataFrame({"visits": range(500)})
    assert run_app(names["RowsPerWindow"](), frame).metric("rows").value == len(frame)


def test_a_folder_beside_it_goes_to_nuclio(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)
    nuclio = Reader(reader.folder)
    nuclio.environ["MODELMON_NUCLIO_WHEEL"] = str(pack_wheel(tmp_path))
    nuclio.instead_of_kafka = f"sqlite:///{tmp_path}/streams"
    for block in blocks(NUCLIO):
        nuclio.follow(block)
    assert "0 errors, 0 warnings" in nuclio.seen["modelmon check --platform local"]
    deployed = [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]
    everything = [*nuctl_stand_in.ORDER[:-1], "serving"]
    assert sorted(deployed[: len(everything)]) == sorted(everything)  # churn.py
    assert deployed[len(everything) :] == everything  # modelmon deploy


def test_it_is_one_screen_and_the_demo() -> None:
    assert len(README.splitlines()) <= 160
