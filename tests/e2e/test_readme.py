"""The README, followed word for word in a fresh folder: its files, its commands, in its order.

Not done as it stands: `pip install`, whose extras are looked at; `modelmon up`, which has a terminal of its
own; `nuctl`, which a stand-in plays; Kafka, for which streams of SQLite stand in when deploy.py makes topics.
"""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

import nuctl_stand_in
from modelmon.testing import run_app
from modelmon.wheel import pack_wheel
from reader import Block, Reader
from reader import blocks as reader_blocks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN, APP, NUCLIO = "An incident of your own model, in a minute", "Write an app", "Deploy to Nuclio"


def blocks(section: str) -> list[Block]:
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    return reader_blocks(text)


class Answering(BaseHTTPRequestHandler):
    """What the published port of a container would answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"outputs": [1, 0]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("readme"))
    try:
        for block in blocks(OWN):
            reader.follow(block)
            if "python deploy.py" in block.text:
                reader.seen["again"] = reader.run("python deploy.py")  # "as often as you like"
            if "python replay.py" in block.text:
                reader.seen["found"] = reader.status_with("detected")
                reader.seen["endpoint"] = reader.run("modelmon endpoint churn")
    finally:
        reader.end()
    return reader


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first test waits for all the commands


def test_deploying_says_what_happened_and_what_comes_next(reader: Reader) -> None:
    told = reader.seen["python deploy.py"].splitlines()
    assert told[0] == f"Made project churn in {reader.folder}."
    assert "Monitoring of project churn is enabled, in windows of 10 minutes." in told
    assert told[-2:] == [
        "Deployed serving with the model churn.",
        f"Next, in a second terminal: modelmon up --project-dir {reader.folder}",
    ]


def test_deploying_again_goes_on_and_deploys_serving_once(reader: Reader) -> None:
    assert "is enabled already" in reader.seen["again"]
    assert reader.seen["again"].count("Deployed serving") == 1


def test_the_replay_raises_an_incident_that_both_terminals_show(reader: Reader) -> None:
    assert "The last answer: [" in reader.seen["python replay.py"]
    line = next(line for line in reader.seen["found"].splitlines() if line.startswith("churn  "))
    assert re.match(r"churn +detected +spent 0\.\d\d, feature_drift +2,400 +\d\d:\d\d UTC$", line)
    assert re.search(r"data-drift-detected: churn, spent 0\.\d\d, feature_drift", reader.seen["found"])
    assert "data-drift-detected (high): churn" in reader.told
    assert "(spent)" in reader.told


def test_the_endpoint_is_shown_with_what_changed(reader: Reader) -> None:
    shown = reader.seen["endpoint"]
    assert re.search(r"^ spent +0\.\d\d +[▁▂▃▄▅▆▇█·]+ +[▁▂▃▄▅▆▇█·]+ +[\d.]+ → [\d.]+", shown, re.MULTILINE)
    assert "Predictions among them: churned." in shown


def test_a_new_script_asks_it(reader: Reader) -> None:
    assert "'outputs': [1, 0]" in reader.seen["python ask.py"]
    assert re.match(r"churn at .* UTC: 1 endpoint", reader.seen["modelmon status --endpoint churn"])


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
    with HTTPServer(("127.0.0.1", 0), Answering) as served:
        (notes / "port-serving").write_text(str(served.server_port))
        Thread(target=served.handle_request, daemon=True).start()
        for block in blocks(NUCLIO):
            nuclio.follow(block)
    assert "'outputs': [1, 0]" in nuclio.seen["python ask.py"]
    deployed = [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]
    everything = [*nuctl_stand_in.ORDER[:4], "serving"]
    assert sorted(deployed[:5]) == sorted(everything)  # deploy.py
    assert deployed[5:] == everything  # modelmon deploy
