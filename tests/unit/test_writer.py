"""The writer: what is stored of reports, whatever the order they come in and however often."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_rows import newest_stats
from modelmon import wire
from modelmon.errors import UnavailableError
from modelmon.ledger import answers, dead_letters
from modelmon.ledger.reports import Answer, AppReport
from modelmon.model import Message, Window, WindowKey, from_us, to_us
from modelmon.stages.writer import Writer
from modelmon.stages.writer import writer as writer_module
from modelmon.stores.series.sql import SqlSeries
from repeating import examples, times
from series_files import series_in
from unit.window_support import E1, E2, Chain, at, done, failed, metric, result, stats


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    for endpoint_id in (E1, E2):
        chain.endpoint(endpoint_id)
    yield chain
    chain.close()


def window(number: int = 0, revision: int = 1, endpoint_id: str = E1, app: str = "app") -> wire.AppEvent:
    """The app event of the window `number` x 10 minutes after the start."""
    span = Window(from_us(at(10 * number)), from_us(at(10 * number + 10)))
    return wire.AppEvent(endpoint_id, f"{endpoint_id}-name", app, span, revision)


def send(chain: Chain, count: int = 1) -> None:
    """Let the controller make the rows of the first `count` windows."""
    chain.serve(*[at(10 * number) for number in range(count + 1)], now=at(10 * count))
    chain.tick(at(10 * count + 1))


def stored(chain: Chain) -> list[tuple[int, str, float, int]]:
    """Window number, name, value and revision of everything in the series."""
    return [
        ((each.start_us - at(0)) // 600_000_000, each.name, each.value, each.revision)
        for each in chain.values()
    ]


def shown(chain: Chain) -> list[tuple[str, str, int, int]]:
    return [(row.application_name, row.name, row.status, row.revision) for row in chain.verdicts()]


# --- one report


def test_a_report_becomes_results_metrics_stats_and_an_answer(chain):
    send(chain)
    event = window()
    chain.report(
        result(event, 2, 0.9), metric(event, 7.0), stats(event, {"a": {"mean": 1}}), done(event, 41, 3)
    )
    drift, rows = chain.values()
    assert (drift.name, drift.value, drift.kind, drift.status) == ("drift", 0.9, 0, 2)
    assert json.loads(drift.extra_data) == {"worst": "pressure"}
    assert (drift.start_us, drift.end_us, drift.revision) == (at(0), at(10), 1)
    assert (rows.name, rows.value, rows.kind, rows.status) == ("rows", 7.0, None, None)
    assert chain.read(newest_stats) == [("current_stats", {"a": {"mean": 1}}, at(0), at(10))]
    (row,) = chain.windows()[:1]
    assert (row.answered, row.outcome, row.error, row.envelopes, row.rows) == (1, "done", "", 3, 41)


def test_a_failed_window_keeps_its_error(chain):
    send(chain)
    chain.report(failed(window(), "ZeroDivisionError"))
    row = chain.windows()[0]
    assert (row.answered, row.outcome, row.error) == (1, "failed", "ZeroDivisionError")


def test_done_without_results_is_an_answer(chain):
    send(chain)
    chain.report(done(window(), 0, 0))
    assert chain.windows()[0].outcome == "done"


def test_a_message_is_acknowledged_when_everything_of_it_is_stored(chain):
    assert chain.report(result(window())) == [(0, 0)]
    assert chain.write([wire.write_report([metric(window())])] * 3) == [(0, 3)]


def test_a_report_that_comes_twice_changes_nothing(chain):
    send(chain)
    event = window()
    envelopes = (result(event, 2), metric(event), stats(event, {}), done(event))
    chain.report(*envelopes, now=1)
    before = (chain.values(), chain.verdicts(), chain.windows(), chain.incidents(), chain.facts())
    chain.report(*envelopes, now=2)
    assert (chain.values(), chain.verdicts(), chain.windows(), chain.incidents(), chain.facts()) == before


# --- revisions


def test_a_higher_revision_replaces_what_the_lower_one_said(chain):
    send(chain)
    chain.report(result(window(), 2, 0.9), metric(window(), 1.0), done(window()))
    again = window(revision=2)
    chain.report(result(again, 0, 0.1), done(again))
    assert stored(chain) == [(0, "drift", 0.1, 2)]
    assert shown(chain) == [("app", "drift", 0, 2)]


def test_a_lower_revision_that_comes_later_changes_nothing(chain):
    send(chain)
    again = window(revision=2)
    chain.report(result(again, 0, 0.1), done(again))
    chain.report(result(window(), 2, 0.9), metric(window()), done(window()))
    assert stored(chain) == [(0, "drift", 0.1, 2)]
    assert shown(chain) == [("app", "drift", 0, 2)]
    assert chain.incidents() == []
    assert chain.windows()[0].answered == 2


def test_a_revision_that_fails_takes_the_results_of_the_one_before_it_away(chain):
    send(chain)
    chain.report(result(window(), 0), done(window()))
    chain.report(failed(window(revision=2)))
    assert stored(chain) == []
    assert shown(chain) == []


def test_a_try_that_works_replaces_one_that_failed(chain):
    send(chain)
    chain.report(failed(window()))
    chain.report(result(window(), 0), done(window()))
    assert chain.windows()[0].outcome == "done"
    assert shown(chain) == [("app", "drift", 0, 1)]


def test_a_writer_that_was_replaced_while_it_slept_does_not_move_the_ledger_back(chain):
    send(chain)
    late = AppReport(WindowKey(E1, "app", at(0)), "name", at(10), 1, answer=Answer("failed", "slow"))
    chain.report(result(window(revision=2), 0), done(window(revision=2)))
    with chain.database.write() as connection:  # past the look at what was answered
        assert answers.apply(connection, late, at(11), 3) == []
    row = chain.windows()[0]
    assert (row.answered, row.outcome) == (2, "done")
    assert shown(chain) == [("app", "drift", 0, 2)]


def test_what_a_replaced_writer_wrote_late_to_the_series_does_not_count(chain):
    class Slow(SqlSeries):
        def write_values(self, points):
            again = window(revision=2)
            chain.report(result(again, 0, name="new"), done(again))  # by its successor, meanwhile
            super().write_values(points)

    async def run():
        writer, _ = stage(chain, series_in(chain.database, Slow))
        await writer.accept(message(0))
        await writer.drain()

    send(chain)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()
    assert [name for _, name, _, _ in stored(chain)] == ["new"]
    assert shown(chain) == [("app", "new", 0, 2)]


REPORTS = {
    1: [("a", 2), ("b", 1)],
    2: [("a", 0)],
    3: [("b", 2), ("c", 1)],
}


@pytest.mark.parametrize("order", list(permutations(REPORTS)))
@pytest.mark.parametrize("together", [True, False])
def test_whatever_the_order_of_arrival_the_highest_revision_stands_in_the_end(tmp_path, order, together):
    chain = Chain(tmp_path)
    send(chain)
    bodies = []
    for revision in order:
        event = window(revision=revision)
        results = [result(event, status, float(revision), name) for name, status in REPORTS[revision]]
        bodies.append(wire.write_report([*results, done(event)]))
    for group in [bodies] if together else [[body] for body in bodies]:
        chain.write(group)
    assert stored(chain) == [(0, "b", 3.0, 3), (0, "c", 3.0, 3)]
    assert shown(chain) == [("app", "b", 2, 3), ("app", "c", 1, 3)]
    assert {(row.result_name, row.value) for row in chain.incidents() if row.resolved_us is None} == {
        ("b", 3.0), ("c", 3.0),
    }  # fmt: skip
    chain.close()


@pytest.mark.long
@settings(max_examples=times(25, few=5), deadline=None)
@given(st.data())
def test_any_order_with_repetitions_ends_in_the_same_state(tmp_path_factory, data):
    """Three windows with up to three revisions each; every message comes at least once."""
    reports = [
        (number, revision, data.draw(st.dictionaries(st.sampled_from("abc"), st.integers(-1, 2))))
        for number in range(3)
        for revision in range(1, data.draw(st.integers(1, 3)) + 1)
    ]
    repeated = reports + data.draw(st.lists(st.sampled_from(reports), max_size=5))
    ends = []
    for order in (reports, data.draw(st.permutations(repeated))):
        chain = Chain(tmp_path_factory.mktemp("writer"))
        send(chain, 3)
        for number, revision, results in order:
            event = window(number, revision)
            envelopes = [result(event, status, 0.5, name) for name, status in results.items()]
            chain.report(*envelopes, done(event))
        alarms = sorted(
            (row.result_name, row.state, row.status, row.first_us, row.last_us, row.detected_us,
             row.ended_us, row.windows, row.detected, row.worst_us, row.value)
            for row in chain.incidents() if row.reason != "withdrawn"
        )  # fmt: skip
        answers = [(row.answered, row.outcome) for row in chain.windows()]
        ends.append((stored(chain), shown(chain), alarms, answers))
        chain.close()
    assert ends[0] == ends[1]


# --- what an endpoint is shown with


def test_a_newer_window_moves_what_is_shown_and_an_older_one_does_not(chain):
    send(chain, 3)
    chain.report(result(window(1), 1), stats(window(1), {"n": 1}), done(window(1)))
    chain.report(result(window(2), 2), stats(window(2), {"n": 2}), done(window(2)))
    chain.report(result(window(0), 0), stats(window(0), {"n": 0}), done(window(0)))
    assert shown(chain) == [("app", "drift", 2, 1)]
    assert [kept for _, kept, *_ in chain.read(newest_stats)] == [{"n": 2}]
    assert len(stored(chain)) == 3


def test_a_result_that_the_newest_window_does_not_have_is_shown_no_more(chain):
    send(chain, 2)
    chain.report(result(window(0), 2, name="old"), done(window(0)))
    chain.report(result(window(1), 0, name="new"), done(window(1)))
    assert shown(chain) == [("app", "new", 0, 1)]


def test_an_older_window_shows_nothing_beside_a_newer_one_that_was_done_without_results(chain):
    send(chain, 2)
    chain.report(done(window(1), 0, 0))
    chain.report(result(window(0), 2), done(window(0)))
    assert shown(chain) == []


def test_a_newer_window_that_failed_leaves_what_was_shown(chain):
    send(chain, 2)
    chain.report(result(window(0), 2), done(window(0)))
    chain.report(failed(window(1)))
    assert shown(chain) == [("app", "drift", 2, 1)]


def test_apps_and_endpoints_are_shown_apart(chain):
    chain.report(result(window(0), 2), done(window(0)))
    chain.report(result(window(0, app="other"), 1), done(window(0, app="other")))
    chain.report(result(window(0, endpoint_id=E2), 0), done(window(0, endpoint_id=E2)))
    assert sorted((row.endpoint_id, row.application_name, row.status) for row in chain.verdicts()) == [
        (E1, "app", 2), (E1, "other", 1), (E2, "app", 0),
    ]  # fmt: skip


# --- what others send


def test_envelopes_that_mlrun_made_are_accepted_as_revision_one(chain):
    send(chain)
    event = window()
    envelopes = json.loads(wire.write_report([result(event, 1), metric(event)]))
    for each in envelopes:
        del each["window_revision"]
        each["end_infer_time"] = "2023-11-14 22:29:59.999999+00:00"
    chain.write([json.dumps(envelopes).encode()])
    assert stored(chain) == [(0, "drift", 0.1, 1), (0, "rows", 1.0, 1)]
    assert shown(chain) == [("app", "drift", 1, 1)]
    assert chain.windows()[0].answered == 0
    assert chain.values()[0].end_us == at(10)


def test_envelopes_of_one_message_may_speak_of_several_windows(chain):
    chain.report(result(window(0), 1), result(window(1), 2), result(window(0, endpoint_id=E2), 0))
    assert [each[0] for each in stored(chain)] == [0, 1, 0]


def test_what_cannot_be_read_becomes_a_dead_letter_alone(chain):
    event = window()
    good = json.loads(wire.write_report([result(event, 1)]))
    bad = {**good[0], "data": json.dumps({"result_name": "x", "result_value": "NaN?"})}
    chain.write([b"not json", json.dumps([bad, *good]).encode()], now=at(3))
    letters = sorted(chain.read(dead_letters.find), key=lambda letter: letter.offset)
    assert [(row.stream_id, row.stream, row.partition, row.offset, row.item) for row in letters] == [
        ("writer-id", "writer", 0, 0, 0), ("writer-id", "writer", 0, 1, 0),
    ]  # fmt: skip
    assert letters[1].endpoint_id == E1
    assert letters[1].field == "data.result_value"
    assert json.loads(letters[1].body) == bad
    assert to_us(letters[0].created) == at(3)
    assert len(stored(chain)) == 1


def test_a_dead_letter_that_comes_again_is_kept_once(chain):
    chain.write([b"not json"])
    chain._reports = iter(range(100))
    chain.write([b"not json"])
    assert len(chain.read(dead_letters.find)) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_set_aside(chain, value):
    body = json.loads(wire.write_report([metric(window(), 1.0)]))
    body[0]["data"] = json.dumps({"metric_name": "rows", "metric_value": value})
    chain.write([json.dumps(body).encode()])
    assert stored(chain) == []
    assert len(chain.read(dead_letters.find)) == 1


@settings(
    max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), max_size=4))
def test_no_bytes_stop_the_writer(chain, bodies):
    assert len(chain.write(bodies)) == min(1, len(bodies))


# --- the stage


class Down(SqlSeries):
    """Series that can't be reached a few times."""

    left = 0

    def write_values(self, points):
        if self.left:
            self.left -= 1
            raise UnavailableError("the series are down")
        super().write_values(points)


def stage(chain: Chain, series=None, **changes):
    acknowledged = []

    async def acknowledge(partition, offset):
        acknowledged.append((partition, offset))

    chosen = chain.settings if not changes else type(chain.settings).load(None, {}, **changes)
    return Writer(chosen, acknowledge, chain.database, series or chain.series, "id"), acknowledged


def message(offset: int, partition: int = 0, event: wire.AppEvent | None = None) -> Message:
    event = event or window(offset)
    return Message(partition, offset, E1, wire.write_report([result(event, 0), done(event)]))


@pytest.mark.slow
def test_a_dependency_that_is_down_is_waited_for(chain):
    async def run():
        series = series_in(chain.database, Down)
        series.left = 3
        writer, acknowledged = stage(chain, series)
        await writer.accept(message(0))
        await writer.drain()
        assert acknowledged == [(0, 0)]

    asyncio.run(run())
    assert len(stored(chain)) == 1


def test_messages_are_written_when_the_oldest_has_waited_long_enough(chain):
    async def run():
        writer, acknowledged = stage(chain)
        await writer.accept(message(0))
        await writer.accept(message(1))
        assert acknowledged == []
        async with asyncio.timeout(30):
            while acknowledged != [(0, 1)]:
                await asyncio.sleep(0.001)
            await writer.accept(message(2))  # and again after a pause
            while acknowledged != [(0, 1), (0, 2)]:
                await asyncio.sleep(0.001)

    asyncio.run(run())


def test_a_message_that_comes_during_a_write_is_written_without_another_one(chain):
    async def run():
        series = series_in(chain.database, Down)
        series.left = 1
        writer, acknowledged = stage(chain, series)
        await writer.accept(message(0))
        async with asyncio.timeout(30):
            while series.left:
                await asyncio.sleep(0.001)
            await writer.accept(message(1))
            while acknowledged[-1:] != [(0, 1)]:
                await asyncio.sleep(0.001)

    asyncio.run(run())


def test_many_messages_are_written_before_their_time(chain, monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_MESSAGES", 5)

    async def run():
        writer, acknowledged = stage(chain, flush_after_seconds=3_600, project="flights")
        for offset in range(12):
            await writer.accept(message(offset, partition=offset % 2))
        assert acknowledged == [(0, 4), (1, 3), (1, 9), (0, 8)]
        await writer.drain()
        assert acknowledged[4:] == [(0, 10), (1, 11)]
        writer._timer.cancel()

    asyncio.run(run())
    assert len(stored(chain)) == 12


def test_what_fails_for_good_is_raised_by_the_next_call_and_nothing_is_acknowledged(chain):
    class Broken(SqlSeries):
        def write_values(self, points):
            raise ZeroDivisionError

    async def run():
        writer, acknowledged = stage(chain, series_in(chain.database, Broken))
        await writer.accept(message(0))
        async with asyncio.timeout(30):
            while not writer._timer.done():
                await asyncio.sleep(0.001)
        with pytest.raises(ZeroDivisionError):
            await writer.accept(message(1))
        assert acknowledged == []

    asyncio.run(run())


def test_closing_writes_what_is_held(chain):
    async def run():
        writer, acknowledged = stage(chain, series_in(chain.database))
        await writer.accept(message(0))
        await writer.close()
        assert acknowledged == [(0, 0)]

    asyncio.run(run())


def test_a_writer_opens_on_the_projects_own_stores_and_stream(chain):
    async def acknowledge(partition, offset):
        acknowledged.append(offset)

    async def run():
        writer = Writer.open(chain.settings, acknowledge)
        await writer.accept(Message(0, 0, "", b"not json"))
        await writer.close()

    acknowledged: list[int] = []
    asyncio.run(run())
    (letter,) = chain.read(dead_letters.find)
    with chain._stream(chain.settings.writer_url) as stream:
        assert letter.stream_id == stream.stream_id
    assert acknowledged == [0]


def test_an_unknown_envelope_is_set_aside(chain):
    body = json.loads(wire.write_report([metric(window(), 1.0, "a")]))
    body[0]["event_kind"] = "poem"
    chain.write([json.dumps(body).encode()])
    assert [letter.field for letter in chain.read(dead_letters.find)] == ["event_kind"]


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ({"feature": "pressure"}, " (pressure)"),
        ({"feature": "pressure", "state": "partial"}, " (pressure, partial)"),
        ({"state": "partial"}, " (partial)"),
        ({}, ""),
    ],
)
def test_the_line_of_an_incident_names_the_feature_and_a_partial_window(chain, caplog, said, about):
    event = window()
    found = json.dumps(said)
    drift = result(event, 1, 0.652, "feature_drift", extra_data=found)
    chain.report(drift, done(event))
    (record,) = [record for record in caplog.records if "data-drift" in record.getMessage()]
    assert record.getMessage().endswith(f": feature_drift = 0.652{about}")
    assert getattr(record, "with") == {"incident": 1}  # by which a terminal knows it
