"""A period of stored rows becomes what an endpoint is compared with, and is taken back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelmon.apps import DriftApplication
from modelmon.apps.base import judge
from modelmon.apps.context import MonitoringApplicationContext
from modelmon.apps.performance_evidence import Judging
from modelmon.apps.training_profile import training_profile
from modelmon.cli import main, output
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints, profiles, references
from modelmon.ledger.access import list_deeds
from modelmon.ledger.held_profiles import HeldProfiles
from modelmon.model import DAY_US, Endpoint, Window, from_us, to_us
from modelmon.model_monitoring import thinned_rows
from modelmon.model_monitoring.endpoints import register
from modelmon.model_monitoring.references import (
    list_references,
    set_reference,
    undo_reference,
)
from modelmon.stats import describe, profile, profile_from_json, profile_to_json
from modelmon.stores.samples import open_samples
from sample_files import add_file
from unit.window_support import E1, T0, Chain, at, done, result

NAME = f"{E1}-name"
DAYS = 3
FROM, TO = from_us(T0), from_us(T0 + DAYS * DAY_US)


def training(seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table({"x": random.normal(size=500), "c": random.choice(["a", "b"], 500)})


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path)
    log_model(chain, training())
    random = np.random.default_rng(1)
    samples = open_samples(chain.settings)
    for day in range(DAYS):
        times = [T0 + day * DAY_US + minute * 60_000_000 for minute in range(50)]
        columns = {"x": random.normal(5, 1, 50), "c": ["b"] * 50, "p": random.random(50)}
        add_file(chain.database, samples, times, columns, endpoint_id=E1, first=day * 50)
    yield chain
    chain.close()


def log_model(chain: Chain, frame: pa.Table) -> Endpoint:
    """As a deployment registers an endpoint, with the reference of its training set."""
    wanted = Endpoint(
        E1, "flights", NAME, feature_names=("x", "c", "late"), label_names=("p",),
        feature_stats=describe(frame),
    )  # fmt: skip
    with chain.database.write() as connection:
        return register(connection, wanted, T0, profile=profile_to_json(profile(frame)))


def endpoint(chain: Chain) -> Endpoint:
    found = chain.read(lambda connection: endpoints.get(connection, E1))
    assert found is not None
    return found


def kinds(chain: Chain) -> list[tuple[int, str]]:
    return [(each.version, each.kind) for each in list_references(chain.settings, NAME)]


def test_windows_are_compared_with_the_rows_of_the_period_from_then_on(chain: Chain) -> None:
    before = endpoint(chain)
    assert kinds(chain) == [(0, "training")]
    made = set_reference(chain.settings, NAME, FROM, TO, who="anna")
    assert (made.version, made.kind, made.start, made.end, made.rows) == (2, "period", FROM, TO, 150)
    after = endpoint(chain)
    assert after.profile_hash != before.profile_hash
    assert after.feature_stats["x"]["mean"] == pytest.approx(5, abs=0.3)
    assert after.performance_hash == before.performance_hash
    found = HeldProfiles().of(chain.database, after)
    assert found is not None
    assert found.names == ("x", "c", "p"), "what the model answered too"
    assert (found.rows, len(found.stretches) > 0) == (150, True)
    listed = list_references(chain.settings, E1)
    assert [(each.version, each.kind, each.who) for each in listed] == [
        (2, "period", "anna"), (1, "training", "log_model"),
    ]  # fmt: skip
    deeds, _ = chain.read(lambda connection: list_deeds(connection, 10))
    assert [(each.who, each.what, each.of) for each in deeds] == [
        ("anna", "made a period the reference", NAME)
    ]


def judged(chain: Chain, shift: float) -> Any:
    random = np.random.default_rng(7)
    sample = pa.table({"x": random.normal(shift, 1, 200), "c": ["b"] * 200, "p": random.random(200)})
    now = endpoint(chain)
    context = MonitoringApplicationContext(
        "drift", now, Window(TO, TO + timedelta(hours=1)), lambda: sample, chain.settings,
        database=chain.database, profile=lambda: HeldProfiles().of(chain.database, now),
    )  # fmt: skip
    return {each.name: each for each in judge(DriftApplication(0.01), context)}["drift"]


def test_the_drift_app_says_which_rows_it_compared_with_and_who_said_so(chain: Chain) -> None:
    assert judged(chain, 5).value > 1
    set_reference(chain.settings, NAME, FROM, TO, who="anna")
    found = judged(chain, 5)
    assert found.value < 1
    start, end = f"{FROM:%Y-%m-%d %H:%M}", f"{TO:%Y-%m-%d %H:%M}"
    words = f"the rows from {start} to {end} UTC, which anna made the reference"
    assert found.extra_data["compared"] == words
    assert judged(chain, 0).value > 1


def test_what_was_fitted_on_the_training_set_still_knows_its_cells(chain: Chain) -> None:
    kept = endpoint(chain)

    def context_of(now: Endpoint) -> MonitoringApplicationContext:
        return MonitoringApplicationContext(
            "model-performance", now, Window(FROM, TO), training, chain.settings,
            database=chain.database, profile=lambda: HeldProfiles().of(chain.database, now),
        )  # fmt: skip

    own = context_of(kept)
    assert training_profile(own) is own.profile
    set_reference(chain.settings, NAME, FROM, TO)
    set_reference(chain.settings, NAME, FROM, FROM + timedelta(days=2))
    context = context_of(endpoint(chain))
    found = training_profile(context)
    assert context.profile is not None
    assert found is not None
    assert profile_to_json(found) == profile_to_json(profile(training()))
    assert found.names != context.profile.names
    asked = Judging(context, None, (), None, 0.0)  # type: ignore[arg-type]
    assert {name: len(then) for name, (_, then) in asked.loss_cells.items()} == {
        feature.name: feature.counts.size for feature in found.features
    }


def test_it_is_taken_back_to_what_was_before_and_before_that(chain: Chain) -> None:
    before = endpoint(chain)
    set_reference(chain.settings, NAME, FROM, TO)
    first = endpoint(chain)
    set_reference(chain.settings, NAME, FROM, FROM + timedelta(days=2))
    undo_reference(chain.settings, NAME)
    again = endpoint(chain)
    assert (again.profile_hash, again.feature_stats, again.policy) == (
        first.profile_hash, first.feature_stats, first.policy,
    )  # fmt: skip
    assert undo_reference(chain.settings, NAME).kind == "training"
    last = endpoint(chain)
    assert (last.profile_hash, last.feature_stats, last.policy) == (
        before.profile_hash, before.feature_stats, {},
    )  # fmt: skip
    assert kinds(chain) == [(5, "training"), (4, "period"), (3, "period"), (2, "period"), (1, "training")]
    with pytest.raises(ConfigError, match="compared with its training set: there is nothing to take back"):
        undo_reference(chain.settings, NAME)


def test_what_was_the_reference_is_kept_however_long_ago(chain: Chain) -> None:
    set_reference(chain.settings, NAME, FROM, TO)
    with chain.database.write() as connection:
        assert profiles.forget_unused(connection, 2**62) == 0
    undo_reference(chain.settings, NAME)
    assert HeldProfiles().of(chain.database, endpoint(chain)) is not None


def test_deployed_again_the_period_stays_and_a_new_training_set_replaces_it(chain: Chain) -> None:
    set_reference(chain.settings, NAME, FROM, TO)
    period = endpoint(chain).profile_hash
    assert log_model(chain, training()).profile_hash == period
    logged = log_model(chain, training(seed=9))
    assert (logged.profile_hash != period, logged.policy) == (True, {})
    assert kinds(chain)[0] == (0, "training")
    assert set_reference(chain.settings, NAME, FROM, TO).version == 4
    assert undo_reference(chain.settings, NAME).kind == "training"
    assert endpoint(chain).profile_hash == logged.profile_hash


def test_open_incidents_of_data_drift_end_and_others_stay(chain: Chain) -> None:
    chain.serve(*[at(10 * number + 1) for number in range(3)], now=at(21))
    chain.tick(at(21))
    first, *_ = chain.app_events()
    chain.report(
        result(first, 2), result(first, 2, name="slow_drift"), result(first, 2, name="latency", kind=3),
        done(first, envelopes=3),
    )  # fmt: skip
    set_reference(chain.settings, NAME, FROM, TO)
    found = {row.result_name: (row.state, row.reason) for row in chain.incidents()}
    ended = "resolved", "new reference"
    assert found == {"drift": ended, "slow_drift": ended, "latency": ("raised", "")}
    told = [fact.body["reason"] for fact in chain.facts("incident-resolved")]
    assert told == ["new reference", "new reference"]


def test_what_is_worth_knowing_of_a_period_is_told(chain: Chain) -> None:
    chain.serve(*[at(10 * number + 1) for number in range(3)], now=at(21))
    chain.tick(at(21))
    first, *_ = chain.app_events()
    chain.report(result(first, 2), done(first))
    few, empty, drifted = set_reference(chain.settings, NAME, FROM, TO).warnings
    assert few.startswith("alarms will be potential at most: ")
    assert empty == "no row has a value of late: not judged while this is the reference"
    assert drifted == "an incident of data drift lies in the period: what was drift then is usual now"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (TO, None, r"has 0 stored rows from .* wants at least 50 \(app_min_rows\). Its rows are from 20"),
        (FROM, FROM + timedelta(minutes=20), "has 20 stored rows from"),
        (TO, FROM, "the end must come after the start"),
        (None, None, "start: missing"),
        ("yesterday", None, "start"),
    ],
)
def test_a_period_that_can_be_no_reference_is_refused_and_nothing_changes(
    chain: Chain, start: Any, end: Any, said: str
) -> None:
    before = endpoint(chain)
    with pytest.raises(ConfigError, match=said):
        set_reference(chain.settings, NAME, start, end)
    assert (endpoint(chain), kinds(chain)) == (before, [(0, "training")])


def test_an_endpoint_that_nobody_knows_is_told_with_the_nearest(chain: Chain) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {NAME}"):
        set_reference(chain.settings, "endpoint-1-nane", FROM, TO)


def test_killed_in_between_nothing_has_changed(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    before = endpoint(chain)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(references, "note", killed)
        with pytest.raises(KeyboardInterrupt):
            set_reference(chain.settings, NAME, FROM, TO)
    assert (endpoint(chain), kinds(chain)) == (before, [(0, "training")])
    assert set_reference(chain.settings, NAME, FROM, TO).version == 2


def test_of_two_at_once_both_stay_on_record_and_the_later_counts(chain: Chain) -> None:
    ends = [FROM + timedelta(days=days) for days in (1, 2, 3)]
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda end: set_reference(chain.settings, NAME, FROM, end), ends))
    assert sorted(each.version for each in made) == [2, 3, 4]
    newest = list_references(chain.settings, NAME)[0]
    assert (newest.version, newest.end) == (4, next(each.end for each in made if each.version == 4))
    assert endpoint(chain).policy["reference"]["end_us"] == to_us(newest.end)


def test_of_more_rows_than_are_needed_every_nth_is_taken(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinned_rows, "MOST_ROWS", 60)
    made = set_reference(chain.settings, NAME, FROM, TO)
    assert made.rows == 50
    assert made.warnings[-1] == "it has more rows than are needed: one of 3 was taken"
    kept = profile_from_json(chain.read(lambda c: profiles.read(c, endpoint(chain).profile_hash)))
    assert kept.span_seconds == pytest.approx(2 * 86_400 + 48 * 60, abs=200), "from all of the period"


def test_an_endpoint_without_a_training_set_gets_a_reference(chain: Chain) -> None:
    chain.endpoint(E1, feature_names=("x", "c"), label_names=("p",))
    assert list_references(chain.settings, NAME)[0].rows == 0
    set_reference(chain.settings, NAME, FROM, TO)
    assert judged(chain, 5).value < 1
    undo_reference(chain.settings, NAME)
    assert endpoint(chain).feature_stats == {}


def test_on_the_command_line(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("modelmon.cli.reference.load_settings", lambda folder: chain.settings)
    monkeypatch.setattr(output.console, "width", 200)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["modelmon", "reference", *arguments])
        with pytest.raises(SystemExit):
            main()
        captured = capsys.readouterr()
        return captured.out + captured.err

    assert run("show", NAME) == f"{NAME} is compared with its training set, 500 rows.\n"
    told = run("set", NAME, "--from", f"{FROM:%Y-%m-%dT%H:%M}", "--to", f"{TO:%Y-%m-%dT%H:%M}")
    assert f"is compared with {FROM:%Y-%m-%d %H:%M} to {TO:%Y-%m-%d %H:%M} UTC, 150 rows from now on" in told
    assert "Mind: no row has a value of late" in told
    assert ", as " in run("show", NAME)
    assert [each["version"] for each in json.loads(run("list", NAME, "--json"))] == [2, 1]
    assert "training set, 500 rows" in run("list", NAME)
    assert "training set, 500 rows from now on (version 3)" in run("undo", NAME)
    assert "nothing to take back" in run("undo", NAME)
