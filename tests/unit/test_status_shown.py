"""`modelmon status` in the terminal and as JSON, of endpoints of every sort."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from sqlalchemy import update

from json_paths import keys, unexplained
from modelmon import wire
from modelmon.cli import main, output, status
from modelmon.ledger import batches, endpoints
from modelmon.ledger.schema import endpoints as endpoints_table
from modelmon.model import Endpoint
from unit.window_support import Chain, at, done, failed, result

SPEC = "project: flights\napp_attempts: 1\ngrace_seconds: 30\n"
NAMES = {"e0": "wind-farm", "e1": "broken", "e2": "silent", "e3": "quiet"}
FUNCTIONS = {"e0": "web", "e1": "scoring", "e2": "web", "e3": "scoring"}
NOW = at(22)


class Project:
    """Four endpoints that the app `drift` judges, one of them `mine` as well, each with two windows."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        (folder / "modelmon.yaml").write_text(SPEC)
        (folder / ".modelmon").mkdir()
        records = f"sqlite:///{folder}/.modelmon/records.db"
        self.chain = Chain(folder, records_url=records, app_attempts=1)
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.setattr(output.console, "width", 200)
        self.set_now(NOW)

    def set_now(self, now_us: int) -> None:
        self._monkeypatch.setattr(time, "time_ns", lambda: now_us * 1_000)

    def play(self, first: int = 2, feature: str = "wind") -> None:
        """`first`: what `drift` finds in the first window of the wind farm; in the second it is drift."""
        chain = self.chain
        chain.unregister("app")
        for app in ("drift", "mine"):
            chain.register(app)
        with chain.database.write() as connection:
            for endpoint_id, name in NAMES.items():
                apps = ["drift", "mine"] if endpoint_id == "e0" else ["drift"]
                record = Endpoint(
                    endpoint_id, "flights", name, function_name=FUNCTIONS[endpoint_id],
                    policy={"monitoring_applications": apps},
                )  # fmt: skip
                endpoints.put(connection, record, at(0))
        for endpoint_id in ("e0", "e1", "e3"):
            chain.serve(*[at(minute) for minute in range(22)], now=at(21), endpoint_id=endpoint_id)
        chain.serve(at(1), now=at(21), endpoint_id="e2")
        chain.tick(at(21))
        self._judge(first, feature)

    def _judge(self, first: int, feature: str) -> None:
        for number, event in enumerate(self._events("drift", "e0")):
            evidence = json.dumps({"feature": feature})
            drift = result(event, (first, 2)[number], 0.875, "feature_drift", extra_data=evidence)
            old = result(event, (1, 0)[number], 0.6, "old", extra_data='{"feature":"rain"}')
            self.chain.report(drift, old, done(event), now=at(21))
        for event in self._events("drift", "e1"):
            self.chain.report(failed(event, "KeyError: 'no [such] thing'"), now=at(21))
        for event in self._events("drift", "e3"):
            self.chain.report(
                result(event, 0, 0.1, "feature_drift", extra_data="{}"), done(event), now=at(21)
            )
        for event in self._events("mine", "e0"):
            self.chain.report(result(event, 0, 0.9, "accuracy", extra_data="{}"), done(event), now=at(21))

    def _events(self, app: str, endpoint_id: str) -> list[wire.AppEvent]:
        events = self.chain.app_events(app, read=False)
        return [event for event in events if event.endpoint_id == endpoint_id]

    def rename(self, names: dict[str, dict[str, str]]) -> None:
        with self.chain.database.write() as connection:
            for endpoint_id, values in names.items():
                same = endpoints_table.c.endpoint_id == endpoint_id
                connection.execute(update(endpoints_table).where(same).values(**values))

    def status(self, *arguments: str, code: int = 0) -> str:
        self._monkeypatch.setattr(sys, "argv", ["modelmon", "status", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        assert int(ended.value.code or 0) == code, captured.err
        return captured.out if code == 0 else captured.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self.status("--json", *arguments))


@pytest.fixture
def bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Project]:
    project = Project(tmp_path, monkeypatch, capsys)
    yield project
    project.chain.close()


@pytest.fixture
def project(bare: Project) -> Project:
    bare.play()
    return bare


def test_each_endpoint_is_one_line_the_worst_first(project: Project) -> None:
    lines = project.status().splitlines()
    assert lines[0].endswith("UTC: 4 endpoints: 1 detected, 1 failed, 1 no data, 1 no detection")
    table = lines[lines.index("") + 1 :][:5]
    assert [re.split(r"\s{2,}", line) for line in table] == [
        ["endpoint", "state", "why", "rows", "last request"],
        ["wind-farm", "detected", "wind 0.88, feature_drift of drift", "22", "22:41 UTC"],
        ["broken", "failed", "KeyError: 'no [such] thing'", "22", "22:41 UTC"],
        ["silent", "no data", "since 2023-11-14 22:21 UTC", "1", "22:21 UTC"],
        ["quiet", "no detection", "feature_drift 0.10", "22", "22:41 UTC"],
    ]


def test_the_last_request_is_the_newest_one_also_where_it_failed(project: Project) -> None:
    counts = batches.EndpointCounts("e2", errors=1, last_error="ValueError: x", last_error_us=at(21, 30))
    project.chain._commit(batches.Derived(counts=[counts]), at(22))
    (silent,) = (line for line in project.status().splitlines() if line.startswith("silent  "))
    assert "none answered since 2023-11-14 22:21 UTC: ValueError: x" in silent
    assert silent.endswith("22:41 UTC")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a-model-of-quite-some-length/version-000", "kurz", "模型/一"])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_names_are_whole_in_every_terminal_and_an_endpoint_stays_one_line(
    bare: Project, monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    bare.play(feature="a reason " * 30)
    bare.rename({endpoint_id: {"name": f"{name}-{endpoint_id}"} for endpoint_id in NAMES})
    terminal = Console(width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "console", terminal)
    monkeypatch.setattr(status, "console", terminal)
    lines = bare.status().splitlines()
    named = [line for line in lines if re.match(rf"{name}-e\d +(detected|failed|no )", line)]
    assert len(named) == 4
    assert "a reason" in named[0]
    assert "…" in named[0]
    if cell_len(name) <= width - 60:  # else the terminal breaks the line, no name
        assert max(map(cell_len, named)) <= width


def test_incidents_name_the_feature_and_say_how_they_go_on(project: Project) -> None:
    shown = project.status()
    assert "data-drift-detected: wind-farm, wind 0.88, feature_drift\n    " in shown
    assert re.search(r": raised, 2 windows from 2023-11-14 22:20 to 2023-11-14 22:30 UTC, app drift\n", shown)
    assert "mm-app-failed: broken, KeyError: 'no [such] thing'" in shown
    assert shown.index("Open incidents") < shown.index("Incidents that ended") < shown.index("rain 0.60")
    assert "resolved (calm), 1 window from 2023-11-14 22:20 UTC, app drift\n" in shown


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--state", "detected", "--state", "no-data"], ["wind-farm", "silent"]),
        (["--endpoint", "*n*"], ["wind-farm", "broken", "silent"]),
        (["--endpoint", "e3", "--state", "no detection"], ["quiet"]),
        (["--function", "web"], ["wind-farm", "silent"]),
        (["--app", "mine", "--endpoint", "wind-farm"], ["wind-farm"]),
    ],
)
def test_filters_choose_endpoints_and_what_belongs_to_them(
    project: Project, arguments: list[str], names: list[str]
) -> None:
    found = project.json(*arguments)
    assert {entry["endpoint_name"] for entry in found["endpoints"]} == set(names)
    assert (found["totals"]["endpoints"], found["totals"]["matching"]) == (4, len(names))
    for part in ("incidents", "results", "metrics"):
        assert {each["endpoint_name"] for each in found[part]} <= set(names)
    shown = project.status(*arguments)
    assert [name in shown for name in NAMES.values()] == [name in names for name in NAMES.values()]


def test_of_one_app_an_endpoint_is_as_that_app_sees_it(project: Project) -> None:
    found = project.json("--app", "mine", "--endpoint", "wind-farm")
    (entry,) = found["endpoints"]
    assert (entry["state"], entry["why"]) == ("no detection", "accuracy 0.90")
    assert {each["application_name"] for each in found["results"]} == {"mine"}
    assert found["incidents"] == []


def test_a_page_goes_on_where_the_one_before_ended_and_says_how_many_there_are(project: Project) -> None:
    first = project.json("--limit", "3")
    assert [each["endpoint_name"] for each in first["endpoints"]] == ["wind-farm", "broken", "silent"]
    assert first["totals"] == {
        "endpoints": 4, "matching": 4, "after": "e2", "values_after": "", "incidents_complete": True,
        "by_state": {"detected": 1, "failed": 1, "no data": 1, "no detection": 1},
    }  # fmt: skip
    last = project.json("--limit", "3", "--after", "e2")
    assert [each["endpoint_name"] for each in last["endpoints"]] == ["quiet"]
    assert last["totals"]["after"] == ""
    shown = project.status("--limit", "3")
    assert "3 of 4 are shown. The next: `modelmon status --after e2`" in shown
    assert "4 endpoints: 1 detected, 1 failed, 1 no data, 1 no detection" in shown


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["broken", "quiet", "silent", "wind-farm"]),
        ("received", ["broken", "quiet", "wind-farm", "silent"]),
        ("last-request", ["wind-farm", "broken", "quiet", "silent"]),
    ],
)
def test_endpoints_are_sorted_as_asked(project: Project, order: str, names: list[str]) -> None:
    assert [each["endpoint_name"] for each in project.json("--sort", order)["endpoints"]] == names


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--state", "detekted"], "state: there is no 'detekted'; did you mean detected?"),
        (["--endpoint", "wind-fram"], "endpoint: there is no 'wind-fram'; did you mean wind-farm?"),
        (
            ["--state", "zzz"],
            "state: there is no 'zzz'; there are: being deleted, detected, failed, incomplete, no data, no "
            "detection, no verdict, suspected, unavailable, waiting, warming up",
        ),
        (["--app", "zzz"], "app: there is no 'zzz'; there are: drift, mine"),
        (["--function", "zzz"], "function: there is no 'zzz'; there are: scoring, web"),
        (["--sort", "worst"], "sort: there is no 'worst'; there are: last_request, name, received, trouble"),
        (["--after", "e9"], "after: there is no endpoint with the id 'e9'; begin without it"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(
    project: Project, arguments: list[str], reason: str
) -> None:
    assert project.status(*arguments, code=2) == f"error: {reason}\n"


def test_an_app_that_has_judged_nothing_yet_can_be_chosen(project: Project) -> None:
    project.chain.register("new")
    (entry,) = project.json("--app", "new", "--endpoint", "quiet")["endpoints"]
    assert (entry["state"], entry["why"]) == ("waiting", "for its first window")


def test_models_of_one_name_are_told_apart(project: Project) -> None:
    functions = {"e0": "a", "e1": "b", "e2": "", "e3": "b"}
    project.rename({each: {"name": "m", "function_name": name} for each, name in functions.items()})
    counts = [batches.EndpointCounts(each, errors=1) for each in NAMES]
    project.chain._commit(batches.Derived(counts=counts), at(22))
    shown = project.status()
    told = {line.split("  ")[0] for line in shown.splitlines() if re.match(r"m \(\w+\)  ", line)}
    assert told == {"m (a)", "m (e1)", "m (e2)", "m (e3)"}
    assert "data-drift-detected: m (a), wind 0.88" in shown
    assert "Not stored of m (a): 1 error; received" in shown


def test_a_partial_window_is_promised_with_the_rows_that_it_takes(bare: Project) -> None:
    bare.chain.endpoint("e4")
    bare.chain.serve(at(15), at(16), now=at(16), endpoint_id="e4")
    bare.chain.tick(at(16))
    bare.set_now(at(17))
    shown = " ".join(bare.status().split())
    assert "or this one, as partial, if it holds 50 rows and silence follows." in shown


def test_of_endpoints_that_fell_silent_the_last_verdicts_are_told(project: Project) -> None:
    project.set_now(at(100))
    found = project.json("--endpoint", "quiet")
    assert found["endpoints"][0]["state"] == "no data"
    (last,) = found["last_verdicts"]
    assert (last["endpoint_id"], last["last"]["value"], last["last"]["status"]) == ("e3", 0.1, 0)
    assert (last["last"]["start"], last["since"]) == ("2023-11-14 22:30:00.000000+00:00", None)
    shown = project.status("--endpoint", "quiet")
    told = "  quiet: no detection, feature_drift 0.10, window from 2023-11-14 22:30 UTC\n"
    assert f"Last verdicts\n{told}" in shown


def test_every_key_that_is_printed_is_explained(project: Project) -> None:
    project.set_now(at(100))
    printed = project.json("--since", "2020-01-01")
    assert len(keys(printed)) > 50
    assert printed["last_verdicts"]
    assert unexplained(printed) == set()
