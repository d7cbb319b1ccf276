"""A drill: a model drifts at night, on the embedded platform, with a real SMTP and a real HTTP server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chain import QUICK
from deploying import eventually
from modelmon.local import Runner
from modelmon.model import MINUTE_US, wall_clock_us
from modelmon.model_monitoring.alerts import set_alerts
from modelmon.project import Project
from modelmon.streams import open_stream
from receivers import MailServer, WebServer, mail_server, web_server
from streaming import event
from unit.challenging_support import endpoint_of, serve, served, served_project, shown

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning"),  # the server is on loopback
]

ROWS, WITHIN = 80, 240.0
PASSWORD = "a-password-of-a-drill"
JOB = """
from modelmon.nuclio import job_handlers
from modelmon.retraining import JobContext


def retrain(context: JobContext) -> None:
    rows = context.samples(actuals=True)
    known = rows[rows[context.actual].notna()]
    past = known.iloc[: len(known) // 2]
    limit = float(past["x"][past[context.actual] == 1].min())
    frame = past[["timestamp", "x", context.actual]].assign(late=(past["x"] > limit).astype(int))
    context.log_challenger(
        body=str(limit), model_file="limit.txt", training_set=frame, label_column=context.actual,
        time_column="timestamp",
    )


init_context, handler = job_handlers(retrain)
"""


class Drill:
    """A served model with a past whose truth is known, a job that retrains it, and two who are told."""

    def __init__(self, folder: Path, web: WebServer, mail: MailServer) -> None:
        self.web, self.mail = web, mail
        self.project: Project = served_project(folder, **QUICK)
        self.project.enable_model_monitoring(apps=["histogram-data-drift"])
        serve(self.project)
        (folder / "retrain.py").write_text(JOB, encoding="utf-8")
        self.project.set_job("retrain", "retrain.py").deploy()
        set_alerts(self.project.settings, self._alerts())
        settings = self.project.settings
        self.stream = open_stream(settings.events_url, settings.events_partitions, settings)
        self.start_us = wall_clock_us() // MINUTE_US * MINUTE_US - 15 * MINUTE_US
        self.random = np.random.default_rng(3)

    def _alerts(self) -> str:
        return f"""
format: 1
channels:
  oncall: {{kind: slack, url: '${{env:DRILL_SLACK}}', per_second: 100}}
  team:
    kind: mail
    server: {self.mail.address}
    user: ann
    password: ${{env:DRILL_PASSWORD}}
    sender: modelmon@example.com
    to: team@example.com
    per_second: 100
send: {{group_wait: 1s, group_interval: 0}}
actions:
  again: {{kind: retrain, job: retrain}}
rules:
  - name: delay-drifts
    match: {{apps: histogram-data-drift, results: feature_drift}}
    action: again
  - {{name: result-status, enabled: false}}
"""

    def minute(self, number: int, upto: float) -> None:
        """The traffic of one minute: its feature lies between 0 and this, in training between 0 and 1."""
        found = endpoint_of(self.project)
        events = []
        for place in range(ROWS):
            x = float(self.random.random() * upto)
            at_us = self.start_us + number * MINUTE_US + place * (MINUTE_US // ROWS)
            body = event(
                [[x]], [[int(x > 0.8)]], endpoint_id=found.endpoint_id, endpoint_name=found.name,
                function_uri="flights/serving", request_id=f"{number}-{place}", when_us=at_us,
                input_names=("x",), output_names=("late",),
            )  # fmt: skip
            events.append((found.endpoint_id, body))
        self.stream.publish(events)

    def command(self, *arguments: str) -> Any:
        command = [
            sys.executable,
            "-m",
            "modelmon",
            *arguments,
            "--project-dir",
            str(self.project.context),
            "--json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def told(self) -> list[str]:
        """What Slack was told, in order: the title of each message."""
        return [got.json["blocks"][0]["text"]["text"] for got in self.web.got]

    def until_told(self, number: int) -> None:
        eventually(lambda: min(len(self.web.got), len(self.mail.mails)) >= number, within=WITHIN)


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    with web_server() as web, mail_server("ann", PASSWORD) as mail:
        monkeypatch.setenv("DRILL_SLACK", f"{web.address}/services/T1/B2/the-key-of-a-drill")
        monkeypatch.setenv("DRILL_PASSWORD", PASSWORD)
        made = Drill(tmp_path, web, mail)
        yield made
        made.stream.close()


def test_a_night_on_call(drill: Drill) -> None:
    with Runner(drill.project.context, tell=lambda level, text: None) as runner:
        runner.wait_until_ready(WITHIN)
        drill.minute(0, upto=1.0)
        drill.minute(1, upto=0.45)
        drill.minute(2, upto=0.45)
        drill.until_told(1)
        (line,) = [block for block in drill.web.got[0].json["blocks"] if block["type"] == "section"]
        assert "x 0.5" in line["text"]["text"]
        assert f"rows {ROWS}" in line["text"]["text"]
        assert "x 0.5" in str(drill.mail.mails[0].get_body(("plain",)))

        drill.command("incidents", "ack", "1", "--note", "I look at it")
        (known,) = drill.command("incidents", "list", "--open")["incidents"]
        assert "acknowledged" in json.dumps(known)

        drill.until_told(2)  # that the job has made a challenger: also while somebody is at the incident
        (waits,) = [block for block in drill.web.got[1].json["blocks"] if block["type"] == "section"]
        assert "The challenger is better" in waits["text"]["text"]
        assert "champion delay" in waits["text"]["text"]
        assert shown(drill.project).state == "awaiting review"

        drill.minute(3, upto=0.02)
        drill.minute(4, upto=0.02)
        drill.until_told(3)
        assert served(drill.project).model_path == "models/delay/limit.txt"
        drill.command("challenger", "approve", "1", "--comment", "better on the same rows")
        eventually(lambda: served(drill.project).model_path == "models/delay-2/limit.txt", within=WITHIN)

        for number in (5, 6, 7):
            drill.minute(number, upto=1.0)
        drill.until_told(4)
        runner.wait_until_idle(WITHIN)
    assert drill.told() == [
        "delay: data drift suspected", "delay: a challenger waits for a review",
        "delay: data drift detected, worse", "delay: data drift resolved",
    ]  # fmt: skip
    assert len(drill.mail.mails) == 4
    logs = drill.project.context / ".modelmon"
    secrets = (PASSWORD.encode(), b"the-key-of-a-drill")
    for path in filter(Path.is_file, logs.rglob("*")):
        assert not any(secret in path.read_bytes() for secret in secrets), path
