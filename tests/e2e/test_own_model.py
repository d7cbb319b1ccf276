"""The tutorial on a model of one's own, followed word for word."""

from __future__ import annotations

import re

import pytest

from reader import ROOT, Reader, blocks

PAGE = (ROOT / "docs/tutorials/your-own-model.md").read_text(encoding="utf-8")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first test waits for all the commands


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("own"))
    try:
        for block in blocks(PAGE):
            reader.follow(block)
            if "python deploy.py" in block.text:
                reader.seen["again"] = reader.run("python deploy.py")  # "as often as you like"
            if "python replay.py" in block.text:
                reader.seen["found"] = reader.status_with("data-drift-suspected")
                reader.seen["endpoint"] = reader.run("modelmon endpoint churn")
    finally:
        reader.end()
    return reader


def test_deploying_says_what_the_page_shows(reader: Reader) -> None:
    (shown,) = re.findall(r"^```\n(Made project .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert reader.seen["python deploy.py"] == shown.replace("/home/ann/churn", str(reader.folder))


def test_deploying_again_goes_on_and_deploys_serving_once(reader: Reader) -> None:
    assert "is enabled already" in reader.seen["again"]
    assert reader.seen["again"].count("Deployed serving") == 1


def test_the_replay_raises_an_incident_that_both_terminals_show(reader: Reader) -> None:
    assert "The last answer: [" in reader.seen["python replay.py"]
    line = next(line for line in reader.seen["found"].splitlines() if line.startswith("churn  "))
    assert re.match(
        r"churn +suspected +spent \d+\.\d\d, (slow_)?drift of drift( \(stale\))? +2,400 +\d\d:\d\d UTC$", line
    )
    assert re.search(r"data-drift-suspected: churn, spent \d+\.\d\d, (slow_)?drift", reader.seen["found"])
    assert "data-drift-suspected (medium): churn" in reader.told
    assert "(spent)" in reader.told


def test_the_endpoint_is_shown_with_what_changed(reader: Reader) -> None:
    shown = reader.seen["endpoint"]
    assert re.search(r"^ spent +[01]\.\d\d +[▁▂▃▄▅▆▇█·]+ +[▁▂▃▄▅▆▇█·]+ +[\d.]+ → [\d.]+", shown, re.MULTILINE)
    assert "Predictions among them: churned." in shown


def test_a_new_script_asks_it(reader: Reader) -> None:
    assert "'outputs': [1, 0]" in reader.seen["python ask.py"]
    assert re.match(r"churn at .* UTC: 1 endpoint", reader.seen["modelmon status --endpoint churn"])
