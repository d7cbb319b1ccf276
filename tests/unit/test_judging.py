"""Windows that are asked for again: past ones of a new app, failed ones after a fix."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

import ledger_rows
from modelmon.cli import app
from modelmon.errors import ConfigError
from modelmon.ledger import registry, schema
from modelmon.model import from_us, to_us
from modelmon.model_monitoring import judging
from modelmon.model_monitoring.judging import Asked, judge_windows
from modelmon.stores.samples import open_samples
from modelmon.upkeep import asking
from modelmon.upkeep.pruning import prune
from modelmon.views.encoding import to_json
from unit.kept_support import MINUTE_US, KeptChain
from unit.window_support import E1, E2, GRACE, T0, at, done, failed, result, waits

FAR = float("inf")


class Past(KeptChain):
    """Asked for windows again."""

    def judge(self, first: float, last: float, *names: str, app: str = "app") -> Asked:
        return judge_windows(self.settings, app, from_us(at(first)), from_us(at(last)), names or None)

    def answer(self, app: str = "app", with_=done) -> list[tuple[str, int, int]]:
        """Endpoint, minute and revision of what the app was sent and has answered."""
        events = self.app_events(app)
        for event in events:
            self.report(with_(event))
        return [
            (each.endpoint_id, (to_us(each.window.start) - T0) // MINUTE_US, each.window_revision)
            for each in events
        ]


@pytest.fixture
def chain(tmp_path):
    chain = Past(tmp_path)
    yield chain
    chain.close()


def asked_for(windows: int, new: int = 0, app: str = "app", to: int | None = None) -> Asked:
    """Windows of E1 from T0 on."""
    return Asked(app, windows, new, 1, 0, from_us(T0), from_us(at(to or 10 * windows)))


def hour(chain: Past, endpoint_id: str = E1) -> None:
    """Seven windows, six of them closed and judged: 0, 10, … 50."""
    chain.serve(*[at(minute) for minute in range(62)], now=at(62), endpoint_id=endpoint_id)
    chain.tick(at(62))
    chain.answer()


def test_a_new_app_is_asked_for_past_windows(chain):
    hour(chain)
    chain.register("new")
    chain.tick(at(62))
    assert chain.answer("new") == []
    assert chain.judge(0, 60, app="new") == asked_for(6, new=6, app="new")
    now = at(10_000_000)  # the wall clock of the call is today's
    chain.tick(now)
    assert chain.answer("new") == [(E1, minute, 1) for minute in range(0, 60, 10)]
    assert chain.answer() == []
    chain.tick(now + GRACE * 1_000_000)
    assert chain.answer("new") == []
    assert chain.traffic().late == 0


def test_a_window_is_asked_for_as_a_whole_when_the_time_reaches_into_it(chain):
    hour(chain)
    assert chain.judge(19, 31).windows == 3
    assert chain.judge(20, 30).windows == 1


@pytest.mark.slow
def test_a_failed_window_is_judged_after_the_fix_and_its_incident_is_withdrawn(chain):
    chain.serve(at(0), at(11), now=at(11))
    for second in range(100):
        chain.tick(at(11, second))
        chain.answer(with_=failed)
    assert chain.windows()[0].check_us is None
    assert [(each.rule, each.reason) for each in chain.incidents()] == [("app-failed", "")]
    assert chain.judge(0, 10) == asked_for(1)
    chain.tick(at(10_000_000))
    assert chain.answer() == [(E1, 0, 2)]
    assert [each.reason for each in chain.incidents()] == ["withdrawn"]


def test_a_window_that_is_judged_again_replaces_its_verdict_and_is_sent_once(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    (event,) = chain.app_events()
    chain.report(result(event, 2, 0.9), done(event))
    for _ in range(3):  # asked for three times before the controller looks
        chain.judge(0, 10)
    chain.tick(at(10_000_000))
    (again,) = chain.app_events()
    assert again.window_revision == 4
    chain.report(result(again, 0, 0.2), done(again))
    chain.report(result(event, 2, 0.9), done(event))  # the old one, delivered once more
    assert [(each.value, each.revision) for each in chain.values()] == [(0.2, 4)]
    chain.tick(at(10_000_001))
    assert chain.app_events() == []


def test_rows_that_come_while_a_window_is_asked_for_are_in_its_last_revision(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain.answer()
    chain.judge(0, 10)
    now = at(10_000_000)
    chain.serve(at(5), now=now)
    chain.tick(now)
    chain.tick(now + GRACE * 1_000_000)
    assert [each for each in chain.answer() if each[1] == 0] == [(E1, 0, 3)]
    assert chain.windows()[0].late == 1


def test_a_window_that_has_not_closed_is_judged_when_it_has(chain):
    chain.serve(at(0), now=at(0))
    chain.tick(at(0))
    chain.judge(0, 10)
    chain.tick(at(5))
    assert chain.answer() == []


def test_a_window_whose_app_waits_is_asked_for_at_once(chain):
    chain.serve(at(0), at(11), now=at(11))
    chain.tick(at(11))
    chain.answer(with_=waits)
    chain.judge(0, 10)
    chain.tick(at(10_000_000))
    assert chain.answer() == [(E1, 0, 2)]


def test_endpoints_are_chosen_by_name_and_by_id(chain):
    for endpoint_id in (E1, E2):
        hour(chain, endpoint_id)
    assert chain.judge(0, 10).endpoints == 2
    assert chain.judge(0, 10, E1).endpoints == chain.judge(0, 10, f"{E2}-name").endpoints == 1
    assert chain.judge(0, 10, E1, f"{E1}-name", E2).windows == 2


def test_minutes_without_rows_ask_for_nothing(chain):
    chain.serve(at(0), at(25), now=at(26))
    chain.tick(at(26))
    with chain.database.write() as connection:
        connection.execute(delete(schema.files))
        row = {  # as compaction leaves it: one file over the hour
            "path": "c.parquet", "endpoint_id": E1, "hour_us": at(0) - at(0) % 3_600_000_000,
            "min_us": at(0), "max_us": at(25), "rows": 2, "size_bytes": 1,
        }  # fmt: skip
        connection.execute(schema.files.insert().values(row))
    assert chain.judge(0, 30) == asked_for(2, to=30)
    assert chain.judge(10, 20) == Asked("app", windows=0, new=0, endpoints=0, without_rows=0)


def test_windows_whose_rows_are_kept_no_longer_are_told_and_keep_their_verdict(chain):
    """Retention takes files first; series that are there a little longer do not bring rows back."""
    hour(chain)
    before = chain.read(ledger_rows.all_windows)
    with chain.database.write() as connection:
        connection.execute(delete(schema.files))
    assert chain.judge(0, 60) == Asked("app", windows=0, new=0, endpoints=0, without_rows=6)
    assert chain.read(ledger_rows.all_windows) == before


def test_it_says_from_when_to_when_there_are_windows_with_rows(chain):
    hour(chain)
    chain.serve(at(200), now=at(200))
    prune(chain.database, open_samples(chain.settings), chain.series, at(100), FAR)
    asked = chain.judge(0, 10_000)
    assert (asked.first, asked.last) == (from_us(at(200)), from_us(at(210)))


def test_a_period_of_many_months_is_read_in_parts(chain, monkeypatch):
    monkeypatch.setattr(asking, "READ_US", 7 * MINUTE_US)
    monkeypatch.setattr(asking, "WRITTEN", 4)
    hour(chain)
    chain.register("new")
    assert chain.judge(0, 60, app="new").new == 6


def test_too_many_windows_are_refused_before_anything_is_asked(chain, monkeypatch):
    monkeypatch.setattr(judging, "MOST_WINDOWS", 5)
    hour(chain)
    with pytest.raises(ConfigError, match=r"more than 5 windows lie between .* ask for a shorter time"):
        chain.judge(0, 60)
    assert {each.wanted for each in chain.windows()} == {1}
    assert chain.judge(0, 50).windows == 5


def test_an_endpoint_that_names_its_apps_is_left_to_them(chain):
    hour(chain)
    chain.endpoint(E2, policy={"monitoring_applications": ["other"]})
    hour(chain, E2)
    assert chain.judge(0, 60).endpoints == 1
    with pytest.raises(ConfigError, match="endpoint 'endpoint-2-name' is not judged by app 'app'"):
        chain.judge(0, 60, E2)


@pytest.mark.parametrize(
    ("app_name", "start", "end", "names", "words"),
    [
        (
            "nobody",
            "2023-11-14",
            None,
            None,
            "no app 'nobody' judges windows in this project; there are: app",
        ),
        (
            "app",
            "2023-11-14",
            None,
            ["nobody"],
            "no endpoint 'nobody' in this project; there are: endpoint-1-",
        ),
        ("app", "yesterday", None, None, "start: 'yesterday' is no time"),
        ("app", None, None, None, "start: missing"),
        (
            "app",
            "2023-11-14",
            "2023-11-13",
            None,
            "the end must come after the start 2023-11-14, got 2023-11-13",
        ),
        ("app", "2999-01-01", None, None, "the end must come after the start 2999-01-01, got now"),
    ],
)
def test_what_can_not_be_asked_for_is_one_line(chain, app_name, start, end, names, words):
    hour(chain)
    with pytest.raises(ConfigError) as caught:
        judge_windows(chain.settings, app_name, start, end, names)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        (at(65), [60]),  # the rows came before the app was registered, and none will come after
        (at(60, GRACE - 1), [50, 60]),  # the window before has ended and is not due yet
        (at(60, GRACE + 1), [60]),
        (at(70, GRACE + 1), []),
    ],
)
def test_a_new_app_is_asked_for_the_windows_that_are_open(chain, monkeypatch, now, starts):
    hour(chain)
    monkeypatch.setattr(judging, "wall_clock_us", lambda: now)
    chain.register("new")
    before = chain.windows()
    for _ in range(2):  # deployed twice
        assert judging.ask_for_open_windows(chain.settings, "new")
        assert judging.ask_for_open_windows(chain.settings, "app")
    found = chain.windows("new")
    assert [((each.start_us - T0) // MINUTE_US, each.wanted) for each in found] == [(s, 1) for s in starts]
    assert chain.windows() == before
    chain.settle(at(90))
    assert [minute for _, minute, _ in chain.answer("new")] == starts


def test_without_rows_there_is_nothing_that_a_new_app_could_be_asked_for(chain):
    assert not judging.ask_for_open_windows(chain.settings, "app")
    chain.endpoint(E1)
    assert not judging.ask_for_open_windows(chain.settings, "app")


def test_of_many_endpoints_the_first_are_named_and_of_a_typing_error_the_nearest(chain):
    for number in range(20):
        chain.endpoint(f"e{number:02}")
    with pytest.raises(ConfigError, match=r"there are: e00-name, .*, e11-name and 8 more$"):
        chain.judge(0, 10, "zzz")
    with pytest.raises(ConfigError, match="no endpoint 'e07-nmae' in this project; did you mean e07-name"):
        chain.judge(0, 10, "e07-nmae")


def test_an_app_that_was_removed_is_not_asked(chain):
    chain.unregister("app")
    with pytest.raises(ConfigError, match="there are: none; deploy one first"):
        chain.judge(0, 10)


def test_a_period_of_the_projects_own_is_the_grid_of_a_new_app(chain):
    with chain.database.write() as connection:
        registry.set_value(connection, "base_period", 30)
    chain.serve(*[at(minute) for minute in range(61)], now=at(61))
    chain.register("new")
    assert chain.judge(0, 60, app="new").windows == 3
    assert {each.end_us - each.start_us for each in chain.windows("new")} == {30 * MINUTE_US}


# --- the command


def command(chain: Past, *arguments: str):
    folder = str(chain.settings.project_dir)
    return CliRunner().invoke(app, ["judge", *arguments, "--project-dir", folder])


@pytest.fixture
def project(chain, tmp_path):
    lines = {
        "project": "flights", "records_url": chain.settings.records_url, "base_period": 10,
        "stream_path": chain.settings.stream_path,
    }  # fmt: skip
    (tmp_path / "modelmon.yaml").write_text(json.dumps(lines))
    hour(chain)
    return chain


def test_the_command_says_what_was_asked_for(project):
    project.register("new")
    ended = command(project, "--app", "new", "--from", "2023-11-14T22:20", "--to", "2023-11-14 23:20")
    assert ended.exit_code == 0, ended.output
    assert (
        "new is asked for 6 windows of 1 endpoint, from 2023-11-14 22:20 to 2023-11-14 23:20 UTC, "
        "6 of them for the first time.\n"
    ) in ended.output
    again = command(project, "--app", "new", "--from", "2023-11-14", "--endpoint", E1, "--json")
    assert json.loads(again.output) == to_json(asked_for(7, new=1, app="new"))


def test_the_command_says_that_there_is_nothing_to_judge(project):
    ended = command(project, "--app", "app", "--from", "2020-01-01", "--to", "2020-01-02")
    assert ended.output == "Nothing to ask app for: no rows in that time.\n"


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_the_command_names_the_option_that_is_no_time(project, option):
    ended = command(project, "--app", "app", "--from", "2023-11-14", option, "22:20")
    assert isinstance(ended.exception, ConfigError)
    assert str(ended.exception).startswith(f"{option}: '22:20' is no time; write it in UTC as ")
