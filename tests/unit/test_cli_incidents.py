"""`modelmon incidents`: what is open, what ended, and the history of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import modelmon
from api_client import ApiClient
from command_line import called
from made_pages import text_of
from modelmon.cli import output
from modelmon.cli.showing import cut
from modelmon.errors import ConfigError
from modelmon.ledger.alert_files import set_file
from modelmon.model import from_us, to_us
from modelmon.model_monitoring.alerts import set_alerts
from modelmon.views.incident_lists import (
    EndedPlace,
    IncidentQuery,
    OpenPlace,
    ended_incidents,
    list_incidents,
    open_incidents,
)
from modelmon.views.incidents import histograms_of
from unit.window_support import E1, E2, Chain, at, done, failed, result, stats


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    (tmp_path / "modelmon.yaml").write_text("project: flights\n")
    (tmp_path / ".modelmon").mkdir()
    chain = Chain(tmp_path, records_url=f"sqlite:///{tmp_path}/.modelmon/records.db")
    yield chain
    chain.close()


@pytest.fixture
def incidents(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(output.console, "width", 100)

    return partial(called, monkeypatch, capsys, "incidents")


def judge(chain: Chain, *statuses: int, endpoint_id: str = E1) -> None:
    """Let the app say this of the endpoint's windows of ten minutes, one after the other."""
    chain.serve(
        *[at(10 * number + 1) for number in range(len(statuses) + 1)],
        now=at(10 * len(statuses) + 1), endpoint_id=endpoint_id,
    )  # fmt: skip
    chain.tick(at(10 * len(statuses) + 1))
    for event, status in zip(chain.app_events(), statuses, strict=True):
        found = '{"feature":"wind"}' if status else "{}"
        drift = result(event, status, 0.5 + status / 5, "feature_drift", extra_data=found)
        chain.report(drift, stats(event, {"wind": {"hist": [status]}}), done(event), now=event_end(event))


def event_end(event: Any) -> int:
    return round(event.window.end.timestamp() * 1e6)


def test_a_project_without_any_says_so(incidents: Any) -> None:
    assert incidents("list") == "No incident.\n"
    assert incidents("list", "--json") == {"incidents": [], "after": ""}


def test_open_ones_are_listed_before_those_that_ended(chain: Chain, incidents: Any) -> None:
    judge(chain, 1, 2, 0, 2)
    assert incidents("list").splitlines() == [
        f"  data-drift-detected: {E1}-name, wind 0.90, feature_drift",
        "    incident 2: raised, 1 window from 2023-11-14 22:50 UTC, app app",
        f"  data-drift-detected: {E1}-name, wind 0.90, feature_drift",
        "    incident 1: resolved (calm), 2 windows from 2023-11-14 22:20 to 2023-11-14 22:30 UTC, "
        "1 detected from 2023-11-14 22:30 UTC on, app app",
    ]
    assert [each["incident_id"] for each in incidents("list", "--open", "--json")["incidents"]] == [2]


def test_those_of_an_endpoint_are_chosen_by_its_name(chain: Chain, incidents: Any) -> None:
    judge(chain, 1)
    judge(chain, 2, endpoint_id=E2)
    found = incidents("list", "--endpoint", f"{E2}-name", "--json")["incidents"]
    assert [each["endpoint_id"] for each in found] == [E2]
    assert incidents("list", "--endpoint", "nobody", code=2).startswith(
        "error: endpoint: there is no 'nobody'"
    )


def test_one_is_shown_with_its_history_and_its_windows(chain: Chain, incidents: Any) -> None:
    judge(chain, 1, 2, 0)
    found = incidents("show", "1", "--json")
    assert found["incident"]["state"] == "resolved"
    assert [(each["before"], each["after"], each["status"], each["why"]) for each in found["events"]] == [
        ("", "raised", "suspected", ""),
        ("raised", "escalated", "detected", ""),
        ("escalated", "resolved", "detected", "calm"),
    ]
    assert [(each["said"], each["result_value"], each["rows"]) for each in found["windows"]] == [
        ("detected", 0.9, 100), ("suspected", 0.7, 100),
    ]  # fmt: skip
    shown = incidents("show", "1")
    lines = [line.split() for line in shown.splitlines()]
    assert ["escalated", "detected", "2023-11-14", "22:30"] in [line[2:] for line in lines]
    assert ["2023-11-14", "22:20", "2023-11-14", "22:30", "suspected", "0.7", "100"] in lines


RUNBOOK = """
format: 1
rules: [{name: result-status, runbook: 'https://wiki.example/drift'}]
"""


def test_what_was_found_what_to_do_and_the_runbook_are_shown_with_an_incident(
    chain: Chain, incidents: Any
) -> None:
    with chain.database.write() as connection:
        set_file(connection, RUNBOOK, "ann", at(0))
    chain.serve(at(1), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    extra = '{"found": "`wind` level +0.4 sigma", "why": "1 a month", "next": "Look at the sensor."}'
    chain.report(result(event, 2, 0.9, "drift", extra_data=extra), done(event), now=event_end(event))
    shown = incidents("show", "1").splitlines()
    for line in (
        "found: `wind` level +0.4 sigma", "next: Look at the sensor.", "rule: result-status",
        "runbook: https://wiki.example/drift",
    ):  # fmt: skip
        assert f"    {line}" in shown
    client = ApiClient(chain.settings)
    page = client.get("/projects/flights/incidents/1").text
    client.close()
    assert '<a href="https://wiki.example/drift" rel="noreferrer">' in page
    for words in ("level +0.4 sigma", "Next Look at the sensor.", "Rule result-status"):
        assert words in text_of(page)


def test_the_histograms_of_the_windows_that_raised_and_escalated_can_be_read(chain: Chain) -> None:
    judge(chain, 1, 2, 2)
    with chain.database.read() as connection:
        read = [histograms_of(connection, chain.settings, 1, from_us(at(10 * number))) for number in range(3)]
        assert histograms_of(connection, chain.settings, 2, from_us(at(0))) == {}
    assert read == [
        {"current_stats": {"wind": {"hist": [1]}}}, {"current_stats": {"wind": {"hist": [2]}}}, {},
    ]  # fmt: skip


def test_one_that_a_person_ends_is_resolved_and_told_of(chain: Chain, incidents: Any) -> None:
    judge(chain, 2)
    assert incidents("resolve", "1") == "Incident 1 is resolved.\n"
    assert incidents("resolve", "1", code=2) == (
        "error: incident 1 is resolved (reset): only one that is open can be handled\n"
    )
    assert [(fact.kind, fact.body["reason"]) for fact in chain.facts()] == [
        ("incident-raised", ""), ("incident-resolved", "reset"),
    ]  # fmt: skip


def test_what_is_pending_is_left_alone(chain: Chain, incidents: Any) -> None:
    chain.serve(at(1), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(failed(event))
    assert incidents("resolve", "1", code=2) == (
        "error: incident 1 is pending: only one that is open can be handled\n"
    )


@pytest.mark.parametrize("command", ["show", "resolve"])
def test_a_number_that_there_is_not_is_an_error(incidents: Any, command: str) -> None:
    assert incidents(command, "7", code=2) == (
        "error: there is no incident 7; `modelmon incidents list` shows which there are\n"
    )


def test_a_list_goes_on_where_a_page_ended(chain: Chain, incidents: Any) -> None:
    set_alerts(chain.settings, "format: 1\nrules: [{name: result-status, flapping: off}]\n")
    judge(chain, 2, 0, 2, 0, 2, 0)
    judge(chain, 1, endpoint_id=E2)
    pages, after = [], []
    while True:
        page = incidents("list", "--limit", "2", "--json", *after)
        pages.append([each["incident_id"] for each in page["incidents"]])
        if not page["after"]:
            break
        after = ["--after", page["after"]]
    assert pages == [[4, 3], [2, 1]]
    place = f"ended-{at(40)}-3"
    assert f"The next: `modelmon incidents list --after {place}`." in incidents("list", "--limit", "2")
    assert incidents("list", "--open", "--after", "open-1-4") == "No more incidents.\n"
    assert incidents("list", "--after", "7", code=2) == (
        "error: after: '7' is not what a page ended with, as in 'open-2-12'\n"
    )


def test_one_that_ends_between_two_pages_takes_none_along(chain: Chain, incidents: Any) -> None:
    judge(chain, 2, 0)
    judge(chain, 2, endpoint_id=E2)
    judge(chain, 1, endpoint_id="endpoint-3")
    first = incidents("list", "--limit", "1", "--json")
    assert [each["incident_id"] for each in first["incidents"]] == [2]
    incidents("resolve", "2")
    rest = incidents("list", "--after", first["after"], "--json")
    assert {each["incident_id"] for each in rest["incidents"]} >= {1, 3}


def test_pages_follow_each_other_without_a_gap(chain: Chain) -> None:
    set_alerts(chain.settings, "format: 1\nrules: [{name: result-status, flapping: off}]\n")
    judge(chain, 2, 0, 2, 0, 2, 0)
    judge(chain, 1, endpoint_id=E2)
    with chain.database.read() as connection:
        pages, last = [], None
        while page := ended_incidents(connection, chain.settings, before=last, limit=2):
            pages.append([each.incident_id for each in page])
            last = EndedPlace(to_us(page[-1].last), page[-1].incident_id)
        assert pages == [[3, 2], [1]]


def test_pages_of_what_is_open_have_the_worst_first_and_each_once(chain: Chain, incidents: Any) -> None:
    for number, said in enumerate([1, 2, 1, 2, 1], 1):
        judge(chain, said, endpoint_id=f"endpoint-{number}")
    with chain.database.read() as connection:
        every = open_incidents(connection, chain.settings)
        assert [each.incident_id for each in every] == [4, 2, 5, 3, 1]
        found, after = [], ""
        while page := list_incidents(connection, chain.settings, IncidentQuery(limit=2, after=after)):
            found.append([each.incident_id for each in page.incidents])
            if not (after := page.after):
                break
        assert found == [[4, 2], [5, 3], [1]]
        past = open_incidents(connection, chain.settings, before=OpenPlace(2, 4))
        assert [each.incident_id for each in past] == [2, 5, 3, 1]
        assert open_incidents(connection, chain.settings, before=OpenPlace(1, 1)) == []


def test_an_app_that_fails_is_among_the_worst(chain: Chain, incidents: Any) -> None:
    chain.serve(at(1), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    for _ in range(3):
        chain.report(failed(event))
    judge(chain, 1, endpoint_id=E2)
    found = incidents("list", "--json")["incidents"]
    assert [each["severity"] for each in found] == ["high", "medium"]


def test_the_sdk_reads_the_same_pages(chain: Chain, tmp_path: Path) -> None:
    judge(chain, 2, 0, 2)
    judge(chain, 1, endpoint_id=E2)
    project = modelmon.load_project(tmp_path)
    first = project.list_incidents(limit=2)
    assert [(each.incident_id, each.state) for each in first.incidents] == [(2, "raised"), (3, "raised")]
    last = project.list_incidents(limit=2, after=first.after)
    assert ([each.incident_id for each in last.incidents], last.after) == ([1], "")
    assert [each.incident_id for each in project.list_incidents(f"{E2}-name").incidents] == [3]
    assert [each.incident_id for each in project.list_incidents(E1, "app", only_open=True).incidents] == [2]
    assert project.list_incidents(applications=["another"]).incidents == ()
    with pytest.raises(ConfigError, match="there is no 'nobody'"):
        project.list_incidents("nobody")
    with pytest.raises(ConfigError, match="limit: a page has at least one incident, got 0"):
        project.list_incidents(limit=0)


def test_of_the_open_ones_detected_stand_before_suspected(chain: Chain, incidents: Any) -> None:
    judge(chain, 2)
    judge(chain, 1, endpoint_id=E2)
    shown = incidents("list")
    assert shown.index("incident 1: ") < shown.index("incident 2: ")


def test_a_long_reason_is_cut_in_a_list_and_short_ones_are_not() -> None:
    assert cut("x" * 300) == "x" * 119 + "…"
    assert cut("x" * 120) == "x" * 120
