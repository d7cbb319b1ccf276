"""False alarms as people mark them: by command, by REST, from another machine, on the page."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_client import ApiClient, addresses
from command_line import printed
from made_project import HOUR, Made, Shape, make
from modelmon.client.remote_project import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger.access import create_token, list_deeds
from modelmon.ledger.records import open_records
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.false_alarms import mark_false_alarm
from modelmon.project import get_or_create_project
from unit.test_client import through

UNTIL_US = 1_767_225_600_000_000
BASE = "/api/v1/projects/made/incidents"
SAME = {"Sec-Fetch-Site": "same-origin"}
HOSTILE = "<script>alert(1)</script>\"'& ä"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path / "project", Shape(UNTIL_US, endpoints=2, features=2, days=1))


@pytest.fixture
def client(made: Made) -> Iterator[ApiClient]:
    client = ApiClient(made.settings)
    yield client
    client.close()


def deeds_of(made: Made) -> list[tuple[str, str, str]]:
    records = open_records(made.settings)
    with records.read() as connection:
        found, _ = list_deeds(connection, 50)
    records.close()
    return [(each.who, each.what, each.outcome) for each in found if "false" in each.what]


def run(made: Made, monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str, code: int = 0) -> str:
    where = ["--project-dir", str(made.settings.project_dir)]
    return printed(monkeypatch, capsys, "incidents", *arguments, *where, code=code)


def test_by_command(made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        return run(made, monkeypatch, capsys, *arguments, code=code)

    assert ask("false-alarm", "1", "--note", "a holiday") == (
        "Incident 1 is marked as a false alarm; it is resolved (false alarm).\n"
    )
    assert f"marked as a false alarm by {getpass.getuser()}" in ask("show", "1")
    assert "a holiday" in ask("show", "1")
    assert "resolved (false alarm)" in ask("list")
    assert json.loads(ask("show", "1", "--json"))["incident"]["false_alarm"]["note"] == "a holiday"
    told = json.loads(ask("budget", "--json"))
    assert (told["others"], told["others_marked_false"], told["asked"]) == (2, 1, "1 a month")
    assert ask("budget").startswith("Asked: 1 a month an endpoint; raised: 0 in 30 days, ")
    assert ask("false-alarm", "1", "--undo").startswith("Incident 1 is no false alarm any more; it is ")
    assert "nothing to undo" in ask("false-alarm", "1", "--undo", code=2)
    assert "there is no incident 99" in ask("false-alarm", "99", code=2)
    assert "for a mark" in ask("false-alarm", "1", "--undo", "--note", "x", code=2)
    assert [who for who, *_ in deeds_of(made)] == [getpass.getuser()] * 2


@pytest.mark.slow
def test_by_rest_and_whoever_may_not_changes_nothing(made: Made) -> None:
    records = open_records(made.settings)
    with records.write() as connection:
        tokens = {
            role: create_token(connection, f"{role} of ann", role, UNTIL_US, None)
            for role in ("viewer", "operator")
        }
    records.close()
    folder = Path(made.settings.project_dir or "")
    (folder / "modelmon.yaml").write_text("project: made\nbase_period: 60\nauth: token\n")
    client = ApiClient(type(made.settings).load(folder))
    path = f"{BASE}/1/false-alarm"
    as_viewer, as_operator = ({"Authorization": f"Bearer {token}"} for token in tokens.values())
    assert client.request("POST", path, json={}).status_code == 401
    assert client.request("POST", path, json={}, headers=as_viewer).status_code == 403
    assert client.get(f"{BASE}/1", headers=as_viewer).json()["incident"]["false_alarm"] is None
    found = client.request("POST", path, json={"note": HOSTILE}, headers=as_operator)
    assert found.status_code == 200, found.text
    assert (found.json()["reason"], found.json()["false_alarm"]["who"]) == ("false alarm", "operator of ann")
    shown = client.get("/projects/made/incidents/1", headers=as_viewer).text
    assert HOSTILE not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "Take that back" not in shown
    back = client.request("DELETE", path, headers=as_operator)
    assert (back.status_code, back.json()["false_alarm"]) == (200, None)
    assert [(who, outcome) for who, what, outcome in deeds_of(made) if "a false alarm" in what] == [
        ("operator of ann", ""), ("operator of ann", HOSTILE),
    ]  # fmt: skip
    client.close()


@pytest.mark.parametrize(
    ("method", "number", "body", "status", "said"),
    [
        ("POST", "99", {}, 404, "no incident"),
        ("POST", "x", {}, 404, "no incident"),
        ("POST", str(10**30), {}, 404, "no incident"),
        ("DELETE", "1", None, 400, "nothing to undo"),
        ("POST", "1", {"notes": "x"}, 400, "notes"),
        ("POST", "1", {"note": 1}, 400, "note"),
        ("POST", "1", {"note": "a\0b"}, 400, "zero bytes"),
        ("POST", "1", {"note": "x" * 2001}, 400, "at most 2,000"),
    ],
)
def test_what_rest_refuses_says_why_and_changes_nothing(
    client: ApiClient, method: str, number: str, body: Any, status: int, said: str
) -> None:
    before = client.get(f"{BASE}/1").json()
    given = {} if body is None else {"json": body}
    found = client.request(method, f"{BASE}/{number}/false-alarm", **given)
    assert (found.status_code, said in found.text) == (status, True), found.text
    assert client.get(f"{BASE}/1").json() == before


def test_rest_counts_what_the_view_counts(client: ApiClient) -> None:
    client.request("POST", f"{BASE}/1/false-alarm", json={})
    found = client.get(f"{BASE}/budget").json()
    assert (found["asked"], found["others"], found["others_marked_false"]) == ("1 a month", 2, 1)
    assert client.get(f"{BASE}/budget?days=0").status_code == 400
    assert client.get(f"{BASE}/budget?endpoint=nobody").json()["others"] == 0
    overview = client.get(f"/projects/made/endpoints/{0:032x}").text
    assert "outside the budget 1, 1 marked false" in overview


def test_from_another_machine_it_is_as_here(made: Made, client: ApiClient) -> None:
    remote = RemoteProject("made", "http://127.0.0.1", transport=through(client))
    here = get_or_create_project("made", context=made.settings.project_dir)
    there = remote.mark_false_alarm(1, "a holiday")
    assert there == here.list_incidents().incidents[-1] == remote.list_incidents().incidents[-1]
    assert there.false_alarm is not None
    assert there.false_alarm.who == getpass.getuser()
    assert here.mark_false_alarm(1, undo=True).false_alarm is None
    for project in (here, remote):
        with pytest.raises(ConfigError, match="nothing to undo"):
            project.mark_false_alarm(1, undo=True)
        with pytest.raises(ConfigError, match=r"number of an incident, got '1/\.\./2'"):
            project.mark_false_alarm("1/../2")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="there is no incident"):
            project.mark_false_alarm(99)


def test_the_button_with_its_comment_and_back_by_its_form_alone(made: Made, client: ApiClient) -> None:
    place = "/projects/made/incidents/1"
    page = client.get(place).text
    (action,) = {each for each in addresses(page, ["action="]) if each.endswith("/false-alarm")}
    token = addresses(page, ['name="form_token" value='])[0]
    guessed = client.request("POST", action, data={"form_token": "no", "note": "x"}, headers=SAME)
    assert guessed.status_code == 403
    sent = client.request("POST", action, data={"form_token": token, "note": HOSTILE}, headers=SAME)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{place}#false-alarm")
    page = client.get(place).text
    assert f"Marked as a false alarm by {getpass.getuser()}" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "This was a false alarm" not in page
    assert "1 marked false" in client.get("/projects/made/incidents?show=resolved").text
    undo = {"form_token": token, "undo": "yes", "note": "ignored"}
    assert client.request("POST", action, data=undo, headers=SAME).status_code == 303
    assert "This was a false alarm" in client.get(place).text
    twice = client.request("POST", action, data=undo, headers=SAME)
    assert (twice.status_code, "nothing to undo" in twice.text) == (400, True)


def test_who_it_was_is_never_nobody(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    found = mark_false_alarm(made.settings, 1)
    assert found.false_alarm is not None
    assert found.false_alarm.who.startswith("user ")
    assert found.false_alarm.at.timestamp() * 1e6 <= wall_clock_us() + HOUR
