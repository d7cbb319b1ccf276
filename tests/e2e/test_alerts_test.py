"""`modelmon alerts test` on the embedded platform: what gets there, what does not, and no secret anywhere.

Channels have secrets by every way there is, and those on the other side say them back in their answers. Then
every byte of the project's folder, of what commands, pages and routes say, and of the list of processes is
searched for them.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from standardwebhooks.webhooks import Webhook

from api_client import ApiClient
from deploying import cron_trigger, deploy, eventually, log_of, make_project
from e2e.test_up import ready, up
from modelmon.settings import Settings
from receivers import Answer, Got, MailServer, WebServer, mail_server, web_server

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]  # fmt: skip

NOTIFIER = (Path(__file__).parents[2] / "functions" / "notifier" / "main.py").read_text(encoding="utf-8")
SIGNING = base64.b64encode(b"quite-secret-signing-bytes-4711!").decode()
SECRETS = {
    "HOOK_PATH": "T0SECRET/B0SECRET/xoxhooksecret",
    "MAIL_PASSWORD": "open sesame/4711",
    "SIGNING": f"whsec_{SIGNING}",
    "BEARER": "bearer-of-a-secret-0815",
    "BOT": "apprise-bot-token-secret",
}
IN_FILE = "secret-that-lies-in-a-file-77"


class Project:
    """One that runs, with those who are told."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.folder = make_project(folder / "project", page_url="https://monitoring.example")
        (folder / "mounted").write_text(f"{IN_FILE}\n", encoding="utf-8")
        self.web: WebServer = stack.enter_context(web_server())
        self.mail: MailServer = stack.enter_context(mail_server("ann", SECRETS["MAIL_PASSWORD"]))
        self.env = {**os.environ, **SECRETS}
        self.alerts = folder / "alerts.yaml"
        self.alerts.write_text(f"""
format: 1
channels:
  chat: {{kind: slack, url: "{self.web.address}/services/${{env:HOOK_PATH}}"}}
  team: {{kind: mail, server: "{self.mail.address}", user: ann, password: "${{env:MAIL_PASSWORD}}",
          sender: m@example.com, to: t@example.com}}
  hook: {{kind: webhook, url: "{self.web.address}/hook", secret: "${{env:SIGNING}}",
          headers: {{Authorization: "Bearer ${{env:BEARER}}", X-Key: "${{file:{folder}/mounted}}"}}}}
  other: {{kind: apprise, url: "{self.web.address.replace("http", "json")}/${{env:BOT}}"}}
""", encoding="utf-8")  # fmt: skip
        self.said: list[str] = []

    def modelmon(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "modelmon", *arguments, "--project-dir", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=120)
        self.said.append(done.stdout + done.stderr)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with ExitStack() as stack:
        made = Project(stack, tmp_path)
        deploy(made.folder, "modelmon-notifier", NOTIFIER, {"tick": cron_trigger("200ms")})
        code, said = made.modelmon("alerts", "set", str(made.alerts))
        assert code == 0, said
        stack.enter_context(up(made.folder, env=made.env))
        ready(made.folder, "modelmon-notifier")
        yield made


def parrot(got: Got) -> Answer:
    """Refuses, and says back all that it has got."""
    said = f"no such place: {got.path} {got.headers}"
    return 404, {}, said.encode()


def test_what_was_delivered_is_said_with_its_time_and_what_was_not_with_the_reason(project: Project) -> None:
    code, said = project.modelmon("alerts", "test")
    delivered = re.findall(r"^(\w+): delivered in \d+\.\d s$", said, re.M)
    assert sorted(delivered) == ["chat", "hook", "other", "team"], said
    assert code == 0
    (signed,) = (got for got in project.web.got if got.path == "/hook")
    Webhook(SECRETS["SIGNING"]).verify(signed.body, signed.headers)
    assert (signed.headers["authorization"], signed.headers["x-key"]) == (
        f"Bearer {SECRETS['BEARER']}",
        IN_FILE,
    )
    assert {got.path for got in project.web.got} == {
        f"/services/{SECRETS['HOOK_PATH']}", "/hook", f"/{SECRETS['BOT']}"
    }  # fmt: skip
    assert len(project.mail.mails) == 1
    project.web.decide = parrot
    code, said = project.modelmon("alerts", "test", "hook")
    assert code == 1
    assert said.startswith("hook: not delivered: it answers 404 Not Found no such place: /hook")
    assert project.modelmon("alerts", "test", "nobody")[0] == 2
    assert "did not take 1 message, and none since: it answers 404" in project.modelmon("health")[1]


def test_no_secret_is_in_any_byte_that_anybody_sees(project: Project) -> None:
    project.web.decide = parrot
    project.mail.parrot = True
    assert project.modelmon("alerts", "test")[0] == 1
    processes = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, check=True).stdout
    commands = (
        ["alerts", "messages"], ["alerts", "messages", "--json"], ["alerts", "show"], ["health", "--json"],
        ["alerts", "check", str(project.alerts)], ["functions"],
    )  # fmt: skip
    for command in commands:
        project.modelmon(*command)
    assert "not delivered" in project.said[1]
    seen = {"the processes": processes, "the commands": "".join(project.said).encode()}
    client = ApiClient(Settings.load(project.folder))
    base = "/projects/test"
    for path in (
        f"{base}/messages", f"{base}/incidents", f"{base}/functions", f"{base}/endpoints", "/metrics",
        *(f"/api/v1{base}/{each}" for each in ("messages", "channels", "audit", "functions", "alerts")),
    ):  # fmt: skip
        seen[path] = client.get(path).content
    client.close()
    for file in project.folder.rglob("*"):
        if file.is_file():
            seen[str(file)] = file.read_bytes()
    assert any(each.endswith(".db") for each in seen)
    assert b"404" in seen[f"{base}/messages"]
    for secret in (*SECRETS.values(), IN_FILE, SIGNING):
        for part in {
            secret,
            quote(secret),
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
        }:
            where = [name for name, content in seen.items() if part.encode() in content]
            assert not where, f"{part!r} is seen in {where}"
    eventually(lambda: log_of(project.folder, "modelmon-notifier"), lambda log: "given up" in log)
