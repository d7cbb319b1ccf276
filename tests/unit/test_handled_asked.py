"""What people do about incidents: by command, by REST, from another machine; who it was is kept."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api_client import ApiClient, addresses
from made_project import Made, Shape, make
from modelmon.client.remote_project import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger.access import create_token, list_deeds
from modelmon.ledger.records import open_records
from modelmon.project import Project, get_or_create_project
from unit.test_client import through
from unit.test_false_alarms_asked import HOSTILE, SAME, UNTIL_US, run

BASE = "/api/v1/projects/made"
ME = getpass.getuser()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path / "project", Shape(UNTIL_US, endpoints=2, features=2, days=1))


@pytest.fixture
def client(made: Made) -> Iterator[ApiClient]:
    client = ApiClient(made.settings)
    yield client
    client.close()


@pytest.fixture(params=["here", "another machine"])
def project(made: Made, client: ApiClient, request: pytest.FixtureRequest) -> Project | RemoteProject:
    if request.param == "here":
        return get_or_create_project("made", context=made.settings.project_dir)
    return RemoteProject("made", "http://127.0.0.1", transport=through(client))


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(
        tmp_path_factory.mktemp("unchanged") / "project", Shape(UNTIL_US, endpoints=1, features=1, days=1)
    )


@pytest.fixture(scope="module")
def asked(unchanged: Made) -> Iterator[list[Project | RemoteProject]]:
    """The same project from here and from another machine; nothing that is asked of it changes it."""
    client = ApiClient(unchanged.settings)
    yield [
        get_or_create_project("made", context=unchanged.settings.project_dir),
        RemoteProject("made", "http://127.0.0.1", transport=through(client)),
    ]
    client.close()


def open_one(project: Project | RemoteProject) -> int:
    return project.list_incidents(only_open=True).incidents[0].incident_id


def deeds_of(made: Made) -> list[tuple[str, str]]:
    records = open_records(made.settings)
    with records.read() as connection:
        found, _ = list_deeds(connection, 50)
    records.close()
    return [(each.who, each.what) for each in found[::-1]]


def test_somebody_is_at_it_notes_and_ends_it(project: Project | RemoteProject, made: Made) -> None:
    number = open_one(project)
    until = datetime.now(UTC) + timedelta(hours=3)
    at_it = project.acknowledge_incident(number, "looking", until=until).acknowledged
    assert at_it is not None
    assert (at_it.who, at_it.note, at_it.until) == (ME, "looking", until)
    assert project.list_incidents().incidents[0].acknowledged == at_it
    longer = project.acknowledge_incident(number, until="1d").acknowledged
    assert longer is not None
    assert longer.until is not None
    assert longer.until > until
    assert project.acknowledge_incident(number, until=timedelta(hours=1)).acknowledged is not None
    assert project.give_incident_back(number).acknowledged is None
    project.note_incident(number, "ä note")
    ended = project.resolve_incident(number, "mended")
    assert (ended.state, ended.reason) == ("resolved", "reset")
    assert deeds_of(made) == [
        *[(ME, "acknowledged an incident")] * 3, (ME, "gave an incident back"),
        (ME, "noted something of an incident"),
        (ME, "ended an incident by hand"),
    ]  # fmt: skip


def test_the_history_says_who_did_what(client: ApiClient) -> None:
    remote = RemoteProject("made", "http://127.0.0.1", transport=through(client))
    number = open_one(remote)
    before = len(client.get(f"{BASE}/incidents/{number}/events").json())
    remote.acknowledge_incident(number, "looking")
    remote.resolve_incident(number, "mended")
    remote.note_incident(number, "it was the feed")
    events = client.get(f"{BASE}/incidents/{number}/events").json()[before:]
    assert [(each["after"], each["why"]) for each in events] == [
        ("acknowledged", f"{ME}: looking"), ("ended by hand", f"{ME}: mended"), ("resolved", "reset"),
        ("noted", f"{ME}: it was the feed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "given", "said"),
    [
        ("acknowledge_incident", {"until": "yesterday"}, "until"),
        ("acknowledge_incident", {"until": "500d"}, "until: '500d' is too long: 366d at most"),
        ("acknowledge_incident", {"until": "2001-01-01"}, "moment to come"),
        ("acknowledge_incident", {"until": timedelta(days=4000)}, "a year from now at most"),
        ("acknowledge_incident", {"note": "a\0b"}, "zero bytes"),
        ("acknowledge_incident", {"note": "x" * 2001}, "at most 2,000"),
        ("give_incident_back", {}, "nothing to give back"),
        ("note_incident", {"note": "  "}, "is empty"),
        ("silence", {"until": "2h"}, "says nothing of what it hits"),
        ("silence", {"until": None, "endpoints": "a"}, "until"),
        ("silence", {"until": "2h", "endpoints": ""}, "name or pattern"),
        ("silence", {"until": "2h", "kinds": "data_drift"}, "data-drift"),
        ("silence", {"until": "2h", "incident_id": 99}, "no incident 99"),
        ("preview_silence", {}, "says nothing of what it hits"),
        ("end_silence", {"silence_id": 7}, "no silence 7"),
        ("retry_action_run", {"run_id": "x"}, "there is no 'x'"),
        ("list_action_runs", {"limit": 0}, "from 1 to 500"),
    ],
)
def test_what_cannot_be_says_why_and_changes_nothing(
    asked: list[Project | RemoteProject], unchanged: Made, call: str, given: dict[str, Any], said: str
) -> None:
    for project in asked:
        number = {"incident_id": open_one(project)} if "incident" in call else {}
        with pytest.raises(ConfigError, match=said):
            getattr(project, call)(**number, **given)
        refused = [what for _, what in deeds_of(unchanged) if "/" not in what]
        assert refused == []
        assert project.list_silences() == []
        assert project.list_incidents().incidents[0].acknowledged is None


def test_only_what_is_open_is_handled(project: Project | RemoteProject) -> None:
    number = open_one(project)
    project.resolve_incident(number)
    for call in (project.acknowledge_incident, project.give_incident_back, project.resolve_incident):
        with pytest.raises(ConfigError, match=r"is resolved \(reset\): only one that is open"):
            call(number)
        with pytest.raises(ConfigError, match="there is no incident"):
            call(99)


def test_a_silence_is_filled_from_an_incident_tried_listed_and_ended(
    project: Project | RemoteProject,
) -> None:
    found = project.list_incidents(only_open=True).incidents[0]
    tried = project.preview_silence(incident_id=found.incident_id)
    assert [each.incident_id for each in tried.incidents] == [found.incident_id]
    assert (tried.open_incidents, tried.complete) == (1, True)
    assert project.list_silences() == []
    made = project.silence("2h", "mending", incident_id=found.incident_id)
    assert (made.who, made.match, made.holds) == (ME, tried.match, True)
    assert made.match.endpoints == (found.endpoint_name,)
    assert project.list_incidents().incidents[0].silenced.startswith(f"by {ME} until ")
    assert project.list_silences() == [made]
    ended = project.end_silence(made.silence_id)
    assert (ended.holds, ended.ended is None) == (False, False)
    assert project.list_incidents().incidents[0].silenced == ""
    with pytest.raises(ConfigError, match="no silence 1 that holds"):
        project.end_silence(made.silence_id)


def test_a_name_with_a_star_is_silenced_alone() -> None:
    from modelmon.alerting.rules import Match, Subject
    from modelmon.model_monitoring.silencing import _exactly

    match = Match(endpoints=_exactly("model[*]"))
    assert match.fits(Subject("model[*]"))
    assert not match.fits(Subject("model[7]"))


def test_whoever_may_only_look_changes_nothing(made: Made) -> None:
    records = open_records(made.settings)
    with records.write() as connection:
        token = create_token(connection, "ann", "viewer", UNTIL_US, None)
        strong = create_token(connection, "bob", "operator", UNTIL_US, None)
    records.close()
    folder = Path(made.settings.project_dir or "")
    (folder / "modelmon.yaml").write_text("project: made\nbase_period: 60\nauth: token\n")
    client = ApiClient(type(made.settings).load(folder))
    asks = [
        ("POST", "incidents/1/acknowledge"), ("DELETE", "incidents/1/acknowledge"),
        ("POST", "incidents/1/notes"), ("POST", "incidents/1/resolve"), ("POST", "silences"),
        ("POST", "silences/preview"), ("DELETE", "silences/1"), ("POST", "action-runs/x/retry"),
    ]  # fmt: skip
    for method, path in asks:
        found = client.request(
            method, f"{BASE}/{path}", json={}, headers={"Authorization": f"Bearer {token}"}
        )
        assert (found.status_code, path) == (403, path)
    body = {"endpoints": ["*"], "until": "1h"}
    added = client.request(
        "POST", f"{BASE}/silences", json=body, headers={"Authorization": f"Bearer {strong}"}
    )
    assert (added.status_code, added.json()["who"]) == (200, "bob")
    client.close()


def test_by_command(made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        return run(made, monkeypatch, capsys, *arguments, code=code)

    number = str(json.loads(ask("list", "--open", "--json"))["incidents"][0]["incident_id"])
    assert ask("ack", number, "--until", "2h", "--note", "on it").startswith(
        f"Incident {number} is acknowledged by {ME}, "
    )
    assert f"acknowledged by {ME}" in ask("list")
    assert ask("note", number, "the feed was down").startswith("It stands in the history")
    assert ask("give-back", number) == f"Nobody is at incident {number} any more.\n"
    assert "It would hit 1 incident that is open" in ask("silence", "--incident", number, "--preview")
    assert "until: say how long" in ask("silence", "--incident", number, code=2)
    assert "it hits 1 incident that is open" in ask("silence", "--incident", number, "--until", "4h")
    assert f"silenced by {ME} until" in ask("show", number)
    assert json.loads(ask("silences", "--json"))["silences"][0]["holds"] is True
    assert ask("end-silence", "1") == "Silence 1 is over.\n"
    assert "over" in ask("silences")
    assert "label: must be a name with a pattern" in ask("silence", "--label", "team", code=2)
    assert ask("resolve", number, "--note", "mended") == f"Incident {number} is resolved.\n"
    assert "only one that is open" in ask("resolve", number, code=2)
    said = [each["why"] for each in json.loads(ask("show", number, "--json"))["events"]]
    assert [each for each in said if ME in each][1:] == [f"{ME}: the feed was down", ME, f"{ME}: mended"]


def test_by_the_buttons_of_the_page_and_by_its_form_alone(made: Made, client: ApiClient) -> None:
    remote = RemoteProject("made", "http://127.0.0.1", transport=through(client))
    place = f"/projects/made/incidents/{open_one(remote)}"
    token = addresses(client.get(place).text, ['name="form_token" value='])[0]

    def press(what: str, form_token: str = token, **fields: str) -> Any:
        form = {"form_token": form_token, "do": what, **fields}
        return client.request("POST", f"{place}/handle", data=form, headers=SAME)

    assert press("acknowledge", "no").status_code == 403
    assert press("explode").status_code == 400
    done = press("acknowledge", note=HOSTILE, until="4h")
    assert (done.status_code, done.headers["location"]) == (303, f"{place}#people")
    page = client.get(place).text
    assert f"<strong>{ME}</strong> is at it since" in page
    assert (HOSTILE in page, "&lt;script&gt;alert(1)" in page) == (False, True)
    assert f"{ME} is at it" in client.get("/projects/made/incidents").text
    assert press("give back").status_code == 303
    assert "Nobody is at it." in client.get(place).text
    assert (press("note").status_code, press("note", note="a word").status_code) == (400, 303)
    assert press("resolve", note="mended").status_code == 303
    page = client.get(place).text
    assert ("It is over</button>" in page, "I am at it" in page, "a word" in page) == (False, False, True)


def test_a_silence_is_seen_on_the_page_before_it_is_made(made: Made, client: ApiClient) -> None:
    remote = RemoteProject("made", "http://127.0.0.1", transport=through(client))
    number = open_one(remote)
    page = client.get(f"/projects/made/silences?incident={number}").text
    assert "1 of the incidents that are open is hit: endpoints model-0000" in page
    token = addresses(page, ['name="form_token" value='])[0]
    assert remote.list_silences() == []
    form = {"form_token": token, "endpoints": "model-*", "label": "", "until": "4h", "note": HOSTILE}
    sent = client.request("POST", "/projects/made/silences", data=form, headers=SAME)
    assert (sent.status_code, sent.headers["location"]) == (303, "/projects/made/silences")
    page = client.get("/projects/made/silences").text
    assert (HOSTILE in page, "<strong>holds</strong>" in page) == (False, True)
    assert f"Silenced by {ME} until" in client.get(f"/projects/made/incidents/{number}").text
    (end,) = {each for each in addresses(page, ["action="]) if each.endswith("/end")}
    assert client.request("POST", end, data={"form_token": token}, headers=SAME).status_code == 303
    assert remote.list_silences()[0].holds is False


@pytest.mark.parametrize("query", ["incident=99", "incident=x", "label=team", "kinds=odd"])
def test_what_no_silence_can_hit_is_said_on_the_page(client: ApiClient, query: str) -> None:
    found = client.get(f"/projects/made/silences?{query}")
    assert (found.status_code, 'role="alert"' in found.text, "Silence</button>" in found.text) == (
        200, True, False,
    )  # fmt: skip
