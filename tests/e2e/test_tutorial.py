"""Pages followed word for word: the first tutorial, and how a model served elsewhere is monitored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reader import ROOT, Reader, blocks

PAGE = (ROOT / "docs/tutorials/first-incident.md").read_text(encoding="utf-8")
ELSEWHERE = (ROOT / "docs/how-to/monitor-a-model-served-elsewhere.md").read_text(encoding="utf-8")
AWAITED = {
    "python traffic.py 3": "no data",
    "python traffic.py 2 seconds": "Open incidents",
    "python traffic.py 1": "resolved (calm)",
}
# The traffic begins now: windows cut it elsewhere at each minute, and scores differ in the last digits.
NEARLY_ALL = r"(?:1\.00|0\.9[5-9])"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    try:
        for block in blocks(PAGE):
            reader.follow(block)
            for command, word in AWAITED.items():
                if command in block.text:
                    reader.seen[f"{command}, then"] = reader.status_with(word)
    finally:
        reader.end()
    return reader


def test_good_traffic_raises_nothing(reader: Reader) -> None:
    assert "ncident" not in reader.seen["python traffic.py 3, then"]


def test_the_wrong_unit_raises_an_incident_a_result_of_the_feature_that_has_it(reader: Reader) -> None:
    shown = reader.seen["python traffic.py 2 seconds, then"]
    assert re.search(
        r"^delay +suspected +delay_minutes \d+\.\d\d, (slow_)?drift of drift", shown, re.MULTILINE
    )
    incidents = re.findall(
        r"data-drift-suspected: delay, delay_minutes \d+\.\d\d, (\w+)$", shown, re.MULTILINE
    )
    assert "drift" in incidents
    assert len(incidents) == len(set(incidents))
    assert set(incidents) <= {"drift", "slow_drift"}
    assert "data-drift-suspected (medium): delay" in reader.told


def test_good_traffic_ends_it(reader: Reader) -> None:
    shown = reader.seen["python traffic.py 1, then"]
    assert re.search(r"^delay +no detection", shown, re.MULTILINE)
    assert "Open incidents" not in shown


def test_what_the_page_shows_of_the_features_is_what_the_reader_sees(reader: Reader) -> None:
    shown = reader.seen["modelmon endpoint delay"]
    assert re.search(
        rf"^ delay_minutes +{NEARLY_ALL} +[▁▂▃▄▅▆▇█·]{{10}} +[▁▂▃▄▅▆▇█·]{{10}} +15\.8 → ", shown, re.MULTILINE
    )


def test_a_model_served_elsewhere_is_monitored_as_the_page_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks(ELSEWHERE):
        reader.follow(block)
    assert re.search(r"^delay +no data +since .* +3,000 +", reader.seen["modelmon status"], re.MULTILINE)
    assert "Its id: 1c7e129f6c3a6f4845194965fac6362e" in reader.seen["python register.py"]


def test_the_page_has_an_address_to_open(reader: Reader) -> None:
    shown = reader.seen["modelmon functions"]
    assert re.search(r"^ *modelmon-api .*127\.0\.0\.1:\d+", shown, re.MULTILINE), shown
