"""Slow drift: what windows come to together, in whatever order and however often their answers come."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

import ledger_rows
from modelmon import wire
from modelmon.errors import UnavailableError
from modelmon.ledger import profiles
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.ledger.incident_schema import incident_windows
from modelmon.ledger.sum_schema import SLOW_DRIFT, sum_states, window_sums
from modelmon.model import Answer
from modelmon.stats import cell_counts, e_detector, profile, profile_to_json
from modelmon.stats.e_detector import bets_of, fold
from modelmon.upkeep.pruning import _of_retention
from modelmon.window_sums import WindowSums
from services.mariadb import NEEDS_MARIADB, shared_mariadb
from services.postgres import NEEDS_POSTGRES, shared_postgres
from unit.window_support import Chain, at, done, envelope, failed, result

BUDGET, FLOOR, ROWS = 0.05, 0.1, 200
TRAINING = profile(pd.DataFrame({"x": np.random.default_rng(0).normal(size=4000)}))
OTHER = profile(pd.DataFrame({"x": np.random.default_rng(1).normal(3, 1, size=4000)}))


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    with chain.database.write() as connection:
        for each in (TRAINING, OTHER):
            profiles.keep(connection, profile_to_json(each), 1)
    yield chain
    chain.close()


def windows(chain: Chain, count: int) -> list[wire.AppEvent]:
    """App events of the first `count` windows."""
    chain.serve(*[at(10 * number + 1) for number in range(count + 1)], now=at(10 * count + 1))
    chain.tick(at(10 * count + 1))
    return chain.app_events()


def sums_of(shift: float, seed: int, of: Any = TRAINING, **changes: Any) -> WindowSums:
    rows = pd.DataFrame({"x": np.random.default_rng(seed).normal(shift, 1, ROWS)})
    values = e_detector.window_sums(cell_counts(rows, of), of).astype("<f8").tobytes()
    made = WindowSums(profiles.hash_of(profile_to_json(of)), BUDGET, FLOOR, 2, values)
    return replace(made, **changes)


def answered(event: wire.AppEvent, sums: WindowSums | None, revision: int = 0) -> bytes:
    event = replace(event, window_revision=revision or event.window_revision)
    answer = Answer("done", envelopes=1, rows=ROWS, sums=sums)
    return wire.write_report([result(event, 0), envelope(event, answer)])


def values(chain: Chain) -> list[tuple[float, int]]:
    """Value and revision of the result in each window, in order."""
    found = sorted((each.start_us, each) for each in chain.values() if each.name == SLOW_DRIFT)
    return [(each.value, each.revision) for _, each in found]


def statuses(chain: Chain) -> list[int]:
    found = sorted((each.start_us, each.status) for each in chain.values() if each.name == SLOW_DRIFT)
    return [status for _, status in found]


def evidence(sums: Sequence[WindowSums], of: Any = TRAINING) -> list[float]:
    """What the windows come to, by the statistics alone; below the threshold as the result has it."""
    counts = np.stack([np.frombuffer(each.values).reshape(-1, 5) for each in sums])
    folded = fold(None, counts, bets_of(of, floor=FLOOR, window_seconds=600), budget=BUDGET)
    return (np.log1p(folded.evidence) / np.log1p(1 / BUDGET)).tolist()


CALM = [sums_of(0.0, seed) for seed in range(8)]
MOVED = [sums_of(0.28, seed) for seed in range(30, 48)]


def test_each_window_has_what_the_windows_until_it_come_to(chain):
    chain.write([answered(event, each) for event, each in zip(windows(chain, 8), CALM, strict=True)])
    found = [value for value, _ in values(chain)]
    assert found == pytest.approx(evidence(CALM))
    assert statuses(chain) == [0] * 8
    (verdict,) = (row for row in chain.verdicts() if row.name == SLOW_DRIFT)
    assert (verdict.start_us, verdict.value) == (at(70), pytest.approx(found[-1]))


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(shared_postgres, id="postgresql", marks=NEEDS_POSTGRES),
        pytest.param(shared_mariadb, id="mariadb", marks=NEEDS_MARIADB),
    ],
)
def test_a_server_folds_as_sqlite_does(tmp_path, server):
    chain = Chain(tmp_path, records_url=server().database())
    with chain.database.write() as connection:
        profiles.keep(connection, profile_to_json(TRAINING), 1)
    events = windows(chain, 12)
    sums = [*CALM[:4], *MOVED[:8]]
    chain.write([answered(event, each) for event, each in zip(events, sums, strict=True)])
    again = sums_of(0.2, 99)
    chain.write([answered(events[2], again, revision=2), answered(events[7], sums[7])])
    rewritten = evidence([*sums[:2], again, *sums[3:]])
    folded = [value for value, _ in values(chain)]
    assert folded[:3] == pytest.approx(rewritten[:3])
    first = statuses(chain).index(2)
    assert folded[: first + 1] == pytest.approx(rewritten[: first + 1])
    assert [revision for _, revision in values(chain)] == [1, 1, 2, *[1] * 9]
    assert [row.result_name for row in chain.incidents()] == [SLOW_DRIFT]
    chain.close()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_answers_their_batches_and_repetitions_change_nothing(tmp_path, chain, seed):
    drawn = random.Random(seed)
    bodies = [
        answered(event, each) for event, each in zip(windows(chain, 12), [*CALM[:4], *MOVED[:8]], strict=True)
    ]
    chain.write(bodies)
    in_order = values(chain), statuses(chain), history(chain)
    (tmp_path / "other").mkdir()
    other = Chain(tmp_path / "other")
    with other.database.write() as connection:
        profiles.keep(connection, profile_to_json(TRAINING), 1)
    windows(other, 12)
    mixed = [*bodies, *drawn.choices(bodies, k=6)]
    drawn.shuffle(mixed)
    while mixed:
        size = drawn.randint(1, 5)
        other.write(mixed[:size])
        mixed = mixed[size:]
    assert (values(other), statuses(other)) == in_order[:2]
    # Out of order a window may have alarmed that does not in order: its incident is withdrawn.
    stands, once = (
        [(row.state, row.first_us, row.last_us) for row in each.incidents() if row.reason != "withdrawn"]
        for each in (other, chain)
    )
    assert stands == once
    other.close()


def history(chain: Chain) -> list[tuple[int, str, str]]:
    events = chain.read(ledger_rows.all_incident_events)
    return [(row.incident_id, row.before, row.after) for row in events]


def test_a_window_that_is_judged_again_rewrites_every_later_value_under_its_own_revision(chain):
    events = windows(chain, 8)
    chain.write([answered(event, each) for event, each in zip(events, CALM, strict=True)])
    before = values(chain)
    again = sums_of(0.2, 99)
    chain.write([answered(events[2], again, revision=2)])
    after = values(chain)
    assert after[:2] == before[:2]
    assert all(new != old for new, old in zip(after[2:], before[2:], strict=True))
    assert [revision for _, revision in after] == [1, 1, 2, 1, 1, 1, 1, 1]
    rewritten = [*CALM[:2], again, *CALM[3:]]
    assert [value for value, _ in after] == pytest.approx(evidence(rewritten))


def test_a_lower_revision_changes_nothing(chain):
    events = windows(chain, 3)
    chain.write([answered(event, each) for event, each in zip(events, CALM[:3], strict=True)])
    chain.write([answered(events[1], CALM[5], revision=3)])
    found = values(chain)
    chain.write([answered(events[1], MOVED[0], revision=2), answered(events[1], None, revision=2)])
    assert values(chain) == found


def test_a_lower_revision_behind_a_higher_one_in_one_batch_takes_nothing_away(chain):
    events = windows(chain, 3)
    chain.write([answered(event, each) for event, each in zip(events, CALM[:3], strict=True)])
    chain.write([answered(events[1], CALM[5], revision=3), answered(events[1], MOVED[0], revision=2)])
    assert [value for value, _ in values(chain)] == pytest.approx(evidence([CALM[0], CALM[5], CALM[2]]))


def test_a_window_without_sums_any_more_counts_no_longer(chain):
    events = windows(chain, 4)
    chain.write([answered(event, each) for event, each in zip(events, CALM[:4], strict=True)])
    chain.write([answered(events[1], None, revision=2)])
    assert [value for value, _ in values(chain)] == pytest.approx(evidence([CALM[0], *CALM[2:4]]))


def test_a_failed_window_is_passed_over(chain):
    events = windows(chain, 3)
    chain.write(
        [answered(events[0], CALM[0]), wire.write_report([failed(events[1])]), answered(events[2], CALM[1])]
    )
    assert [value for value, _ in values(chain)] == pytest.approx(evidence(CALM[:2]))


# --- references


def test_a_new_reference_begins_from_nothing(chain):
    new = [sums_of(3.15, seed, OTHER) for seed in range(4)]
    events = windows(chain, 8)
    chain.write(
        [answered(event, each) for event, each in zip(events, [*MOVED[:3], CALM[0], *new], strict=True)]
    )
    found = [value for value, _ in values(chain)[4:]]
    assert found == pytest.approx(evidence(new, OTHER))


def test_windows_against_a_reference_that_is_gone_keep_what_they_were(chain):
    events = windows(chain, 6)
    old = [answered(event, each) for event, each in zip(events, CALM[:3], strict=False)]
    chain.write(old)
    kept = values(chain)
    with chain.database.write() as connection:
        connection.execute(
            profiles.profiles.delete().where(profiles.profiles.c.profile_hash == CALM[0].reference)
        )
    new = [sums_of(3.0, seed, OTHER) for seed in range(3)]
    chain.write([answered(event, each) for event, each in zip(events[3:], new, strict=True)])
    chain.write([old[0]])
    assert values(chain)[:3] == kept
    assert [value for value, _ in values(chain)[3:]] == pytest.approx(evidence(new, OTHER))


def test_a_reference_that_was_gone_is_found_once_it_is_kept_again(chain):
    held = HeldProfiles()
    with chain.database.write() as connection:
        connection.execute(profiles.profiles.delete())
        assert held.named(connection, CALM[0].reference) is None
        profiles.keep(connection, profile_to_json(TRAINING), 1)
        found = held.named(connection, CALM[0].reference)
        assert found is not None
        connection.execute(profiles.profiles.delete())
        assert held.named(connection, CALM[0].reference) is found  # read once


def test_sums_of_another_number_of_features_are_passed_over(chain):
    events = windows(chain, 3)
    wide = replace(CALM[1], values=CALM[1].values * 2)
    chain.write([answered(event, each) for event, each in zip(events, [CALM[0], wide, CALM[2]], strict=True)])
    assert [value for value, _ in values(chain)] == pytest.approx([*evidence(CALM[:1]), *evidence([CALM[2]])])


# --- alarms and incidents


def test_a_drift_that_goes_on_is_one_incident_and_ends_when_it_does(chain):
    sums = [*CALM[:4], *MOVED, *CALM, *CALM, *CALM]
    chain.write([answered(event, each) for event, each in zip(windows(chain, len(sums)), sums, strict=True)])
    found = statuses(chain)
    first, last = found.index(2), len(found) - 1 - found[::-1].index(2)
    assert 4 < first < 15
    assert set(found[first : last + 1]) == {2}, "an alarm holds until it comes again"
    assert found[last + 1 :]
    assert set(found[last + 1 :]) == {0}
    (incident,) = (row for row in chain.incidents() if row.result_name == SLOW_DRIFT)
    assert (incident.state, incident.first_us, incident.last_us) == (
        "resolved",
        at(10 * first),
        at(10 * last),
    )


def test_an_alarm_says_which_feature_which_way_and_over_how_many_windows(chain):
    chain.write([answered(event, each) for event, each in zip(windows(chain, 18), MOVED, strict=True)])
    found = sorted((each.start_us, each) for each in chain.values() if each.name == SLOW_DRIFT)
    alarm = next(each for _, each in found if each.status == 2)
    extra = json.loads(alarm.extra_data)
    assert alarm.value >= 1
    assert (extra["feature"], extra["detected_threshold"], extra["floor"]) == ("x", 1.0, FLOOR)
    assert extra["findings"] == {"x": [f"`x` level up, gathered over {extra['windows']} windows"]}
    assert "once in 20 windows" in extra["why"]
    assert extra["next"].startswith("compare the named feature with the reference")


def test_the_windows_of_an_incident_have_the_rows_that_they_were_answered_with(chain):
    chain.write([answered(event, each) for event, each in zip(windows(chain, 18), MOVED, strict=True)])
    with chain.database.read() as connection:
        rows = connection.scalars(select(incident_windows.c.rows)).all()
    assert set(rows) == {ROWS}


def test_an_alarm_is_as_high_as_the_app_allows(chain):
    suspected = [replace(each, most=1) for each in MOVED]
    chain.write([answered(event, each) for event, each in zip(windows(chain, 18), suspected, strict=True)])
    assert set(statuses(chain)) == {0, 1}


def test_answers_that_come_again_tell_nothing_twice(chain):
    bodies = [answered(event, each) for event, each in zip(windows(chain, 18), MOVED, strict=True)]
    chain.write(bodies)
    told = history(chain)
    for body in bodies:
        chain.write([body])
    assert history(chain) == told


# --- faults


def test_what_was_folded_is_written_again_when_the_series_were_down(chain, monkeypatch):
    events = windows(chain, 4)
    bodies = [answered(event, each) for event, each in zip(events, CALM[:4], strict=True)]
    write, calls = chain.series.write_values, []

    def once(points: Any) -> None:
        calls.append(len(points))
        if len(calls) == 2:  # after the transaction: as if the writer were killed there
            raise UnavailableError("the series are down")
        write(points)

    monkeypatch.setattr(chain.series, "write_values", once)
    chain.write(bodies)
    assert len(calls) == 4
    assert [value for value, _ in values(chain)] == pytest.approx(evidence(CALM[:4]))


def test_sums_go_with_the_retention_and_with_the_endpoint(chain):
    chain.write([answered(event, each) for event, each in zip(windows(chain, 4), CALM[:4], strict=True)])
    for step in _of_retention(chain.database, at(25)):
        with chain.database.write() as connection:
            step(connection)
    assert [row.start_us for row in chain.read(lambda c: c.execute(window_sums.select()).all())] == [
        at(20), at(30),
    ]  # fmt: skip
    assert len(chain.read(lambda c: c.execute(sum_states.select()).all())) == 1


def test_an_app_that_has_no_sums_costs_no_row(chain):
    (event,) = windows(chain, 1)
    chain.report(result(event, 2), done(event))
    assert chain.read(lambda c: c.execute(sum_states.select()).all()) == []
    assert [row.result_name for row in chain.incidents()] == ["drift"]


# --- on the wire


def written(rows: float) -> str:
    """Sums of one feature with so many rows."""
    return b64encode(np.array([rows, 0, 0, 0, 0]).astype("<f8").tobytes()).decode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reference": ""}, "data.sums.reference: must be a text"),
        ({"reference": 5}, "data.sums.reference"),
        ({"budget": 0}, "data.sums.budget: must be more than 0"),
        ({"budget": 1.5}, "data.sums.budget: must be a number from 0 up to 1, got 1.5"),
        ({"floor": "x"}, "data.sums.floor"),
        ({"floor": 2}, "data.sums.floor: must be a number from 0 up to 2"),
        ({"most": 3}, "data.sums.most: must be 1 or 2, got 3"),
        ({"most": True}, "data.sums.most"),
        ({"values": "%"}, "data.sums.values: must be the base64"),
        ({"values": "AAAA"}, "data.sums.values: must be the base64 of 40 bytes a feature"),
        ({"values": None}, "data.sums.values"),
        ({"values": written(float("nan"))}, "data.sums.values: must be finite numbers"),
        ({"values": written(float("-inf"))}, "data.sums.values: must be finite numbers"),
        ({"values": written(-1.0)}, "data.sums.values: the rows of a feature count from 0, got -1"),
        ({"values": written(1e300)}, "data.sums.values: the rows of a feature count from 0, got 1e+300"),
    ],
)
def test_sums_that_can_not_be_are_set_aside_with_their_field(chain, changes, told):
    (event,) = windows(chain, 1)
    (envelopes,) = [json.loads(answered(event, CALM[0]))]
    data = json.loads(envelopes[-1]["data"])
    data["sums"] |= changes
    envelopes[-1]["data"] = json.dumps(data)
    (*_, read) = wire.read_report(json.dumps(envelopes).encode())
    assert isinstance(read, wire.RejectedItem)
    assert told in f"{read.field}: {read.reason}"


def test_sums_come_back_as_they_were_sent(chain):
    (event,) = windows(chain, 1)
    (*_, read) = wire.read_report(answered(event, CALM[0]))
    assert read.content.sums == CALM[0]


@pytest.mark.slow
def test_folding_loads_no_library_of_frames():
    code = (
        "import sys; from modelmon.ledger.held_profiles import HeldProfiles;"
        "from modelmon.stats import profile_from_json; from modelmon.stats.e_detector import bets_of, fold;"
        "from modelmon.stats.shapes import SHAPES; import modelmon.stages.writer;"
        "print(sorted({'pyarrow', 'pandas', 'scipy', 'storey'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
