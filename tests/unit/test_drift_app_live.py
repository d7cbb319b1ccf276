"""The drift app behind the real stream function: what it sends, and what it makes of its neighbours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.streaming import ENDPOINT, Bed, feed, run
from tests.unit.test_drift_live import ASKED, LABELS, REFERENCE, WINDOW, event, frame, rows_of

from modelmon import wire
from modelmon.apps import DriftApplication
from modelmon.apps.report import done
from modelmon.apps.stage import AppStage
from modelmon.ledger import profiles, registry
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.past_windows import read_windows
from modelmon.ledger.records import open_records
from modelmon.model import Message, from_us, to_us
from modelmon.stats import describe, profile, profile_to_json, unpack_counts
from modelmon.streams import open_stream
from modelmon.views.feature_page import read_feature_page
from unit.window_support import E1, Chain, at, result, stats
from unit.window_support import done as ended

DRIFT, HISTOGRAM = "drift", "histogram-data-drift"
ASK = replace(ASKED, application_name=DRIFT)


@pytest.fixture
def bed(tmp_path: Path) -> Any:
    bed = Bed(tmp_path)
    yield bed
    bed.close()


def register(bed: Bed, **changes: Any) -> None:
    """The endpoint with its statistics, and with the profile of its training set unless that is changed."""
    records = open_records(bed.settings)
    with records.write() as connection:
        kept = profiles.keep(connection, profile_to_json(profile(REFERENCE)), 1)
    records.close()
    bed.register(
        feature_names=("amount", "age", "kind", "member"), label_names=LABELS, function_name="serving",
        feature_stats=describe(REFERENCE), **{"profile_hash": kept, **changes},
    )  # fmt: skip


async def live(bed: Bed, sample: pd.DataFrame, app: DriftApplication | None = None) -> list[Any]:
    await feed(bed, bed.publish(*[event(row, number) for number, row in enumerate(rows_of(sample))]))
    stage = AppStage(app or DriftApplication(), bed.settings, bed._acknowledge, DRIFT)
    await stage.accept(Message(0, 0, ENDPOINT, wire.write_app_event(ASK)))
    await stage.close()
    consumer = open_stream(bed.settings.writer_url, bed.settings.writer_partitions).consumer("reader")
    (message,) = consumer.poll(10, 0)
    consumer.close()
    return wire.read_report(message.body)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_evaluate_returns_what_the_live_app_sends_beside_its_sums(bed: Bed, shift: float) -> None:
    sample = frame(200, 5)
    sample["amount"] += shift
    register(bed)
    *report, answer = run(live(bed, sample))
    outputs = DriftApplication.evaluate(
        sample_data=sample, reference_data=REFERENCE, label_names=LABELS, start=WINDOW.start, end=WINDOW.end
    )
    (*expected, _) = wire.read_report(done(ASK, outputs, len(sample)))
    named = [each.content for each in report]
    assert [each.name for each in named] == ["drift", "current_stats"]
    mine = replace(named[0], extra_data=named[0].extra_data.replace('"drift":1.0', '"DriftApplication":1.0'))
    assert [mine, *named[1:]] == [each.content for each in expected]
    sums = answer.content.sums
    assert (sums.reference, sums.most) == (profiles.hash_of(profile_to_json(profile(REFERENCE))), 1)
    counted = np.frombuffer(sums.values).reshape(-1, 5)
    assert counted.shape == (5, 5)
    assert counted[0, 0] == 200


def test_a_window_of_a_season_is_kept_before_it_is_answered(bed: Bed) -> None:
    register(bed)
    drift, told, *_, answer = run(live(bed, frame(200, 5), DriftApplication(reference="season")))
    assert '"state":"learning"' in drift.content.extra_data
    assert told.content.name == "drift_from_training"
    assert answer.content.sums is not None
    made = profile(REFERENCE)
    cells = profiles.hash_of(profile_to_json(made))
    with bed.records.read() as connection:
        (kept,) = read_windows(connection, ENDPOINT, DRIFT, [to_us(WINDOW.start)], cells)
        assert read_windows(connection, ENDPOINT, DRIFT, [to_us(WINDOW.start)], "others") == []
    assert (kept.end_us, kept.alarmed, kept.stands_out) == (to_us(WINDOW.end), False, None)
    assert unpack_counts(kept.counts, made)[0].sum() == 200


@pytest.mark.parametrize(
    ("rows", "changes"),
    [(200, {"profile_hash": ""}), (7, {}), (200, {"profile_hash": "", "feature_stats": {}})],
)
def test_without_a_profile_or_a_verdict_there_are_no_sums(bed: Bed, rows: int, changes: Any) -> None:
    if "feature_stats" in changes:
        bed.register(feature_names=("amount",), label_names=LABELS, function_name="serving")
    else:
        register(bed, **changes)
    *_, answer = run(live(bed, frame(rows, 5)))
    assert (answer.content.outcome, answer.content.sums) == ("done", None)


def test_it_says_nothing_of_how_features_look_where_the_histogram_app_does(bed: Bed) -> None:
    register(bed)
    records = open_records(bed.settings)
    with records.write() as connection:
        for name in (DRIFT, HISTOGRAM):
            registry.register_app(connection, name, None, 0)
    records.close()
    report = run(live(bed, frame(200, 5)))
    assert [each.event_kind for each in report] == ["result", "window"]
    assert '"split":{"drift":1.0}' in report[0].content.extra_data


# --- incidents of the histogram app beside it


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    chain = Chain(tmp_path)
    yield chain
    chain.close()


def alarms(chain: Chain, *apps: str, count: int = 2) -> list[tuple[str, str]]:
    """Of which apps there are incidents, and how they stand, once each app has found something each time."""
    for name in apps:
        chain.register(name)
    chain.endpoint(E1, policy={"monitoring_applications": list(apps)})
    chain.serve(*[at(10 * number + 1) for number in range(count + 1)], now=at(10 * count + 1))
    chain.tick(at(10 * count + 1))
    found = {name: chain.app_events(name) for name in apps}
    for number in range(count):
        for name in apps:
            chain.report(result(found[name][number], 2), ended(found[name][number]))
    return [(row.application_name, row.state) for row in chain.incidents()]


def test_thresholds_without_a_budget_raise_incidents_where_they_are_alone(chain: Chain) -> None:
    assert alarms(chain, HISTOGRAM) == [(HISTOGRAM, "raised")]


def test_beside_the_drift_app_they_raise_none_and_their_results_stay(chain: Chain) -> None:
    assert alarms(chain, DRIFT, HISTOGRAM) == [(DRIFT, "raised")]
    assert [row.status for row in chain.verdicts() if row.application_name == HISTOGRAM] == [2]


@pytest.mark.parametrize(
    ("match", "expected"),
    [("{apps: histogram-data-drift}", {DRIFT, HISTOGRAM}), ("{kinds: data-drift}", {DRIFT})],
)
def test_beside_the_drift_app_they_raise_what_a_rule_asks_for_by_the_apps_name(
    chain: Chain, match: str, expected: set[str]
) -> None:
    rules = f"format: 1\nrules:\n  - {{name: asked, match: {match}, when: {{status: detected}}}}\n"
    with chain.database.write() as connection:
        set_file(connection, rules, "ann", at(0))
    assert {name for name, state in alarms(chain, DRIFT, HISTOGRAM) if state == "raised"} == expected


def test_whichever_of_the_two_answers_first_decides_nothing(chain: Chain) -> None:
    assert alarms(chain, HISTOGRAM, DRIFT) == [(DRIFT, "raised")]


def both(chain: Chain, minute: int) -> None:
    """Another window of both apps, in which each says that something has drifted."""
    chain.serve(at(minute + 1), at(minute + 11), now=at(minute + 12))
    chain.tick(at(minute + 12))
    for name in (HISTOGRAM, DRIFT):
        for found in chain.app_events(name)[-1:]:
            chain.report(result(found, 2), ended(found))


def incidents_of(chain: Chain) -> list[tuple[str, str]]:
    return [(row.application_name, row.state) for row in chain.incidents()]


def test_what_was_open_when_the_drift_app_came_is_resolved_by_the_next_window(chain: Chain) -> None:
    assert alarms(chain, HISTOGRAM) == [(HISTOGRAM, "raised")]
    chain.register(DRIFT)
    chain.endpoint(E1, policy={"monitoring_applications": [HISTOGRAM, DRIFT]})
    both(chain, 40)
    assert incidents_of(chain) == [(HISTOGRAM, "resolved"), (DRIFT, "raised")]


def test_where_the_drift_app_goes_they_raise_again(chain: Chain) -> None:
    alarms(chain, HISTOGRAM, DRIFT)
    with chain.database.write() as connection:
        registry.unregister_app(connection, DRIFT)
    both(chain, 40)
    assert (HISTOGRAM, "raised") in incidents_of(chain)


def test_where_the_drift_app_judges_the_endpoint_no_longer_they_raise_again(chain: Chain) -> None:
    alarms(chain, HISTOGRAM, DRIFT)
    chain.endpoint(E1, policy={"monitoring_applications": [HISTOGRAM]})
    both(chain, 40)
    assert (HISTOGRAM, "raised") in incidents_of(chain)


def test_a_drift_app_that_does_not_judge_the_endpoint_changes_nothing(chain: Chain) -> None:
    chain.register(DRIFT)
    assert alarms(chain, HISTOGRAM) == [(HISTOGRAM, "raised")]


@pytest.mark.parametrize(
    ("when", "apps", "expected"),
    [
        ("always", (DRIFT, HISTOGRAM), {DRIFT, HISTOGRAM}),
        ("never", (HISTOGRAM,), set()),
        ("never", (DRIFT,), {DRIFT}),
    ],
)
def test_the_setting_says_when_they_do(tmp_path: Path, when: str, apps: Any, expected: set[str]) -> None:
    chain = Chain(tmp_path, histogram_incidents=when)
    assert {name for name, _ in alarms(chain, *apps)} == expected
    chain.close()


# --- the page of features


def test_the_page_of_features_says_what_the_other_apps_result_stands_on(chain: Chain) -> None:
    said = {
        "findings": {"age": ["`age` level +0.4 sigma"], "city": ["`city` missing 7 %"]},
        "least_changes": {"age": {"words": "`age` 0.3 sigma"}},
        "budget": {"words": "1 a month", "probability": 0.001}, "next": "look",
    }  # fmt: skip
    looks = {"age": {"count": 9, "missing": 0, "mean": 4.0}}
    for name in (DRIFT, HISTOGRAM):
        chain.register(name)
    chain.serve(at(1), at(11), now=at(21))
    chain.tick(at(21))
    (event,), (other,) = chain.app_events(HISTOGRAM), chain.app_events(DRIFT)
    chain.report(result(event, 1, 0.6, "feature_drift"), stats(event, looks), ended(event))
    chain.report(result(other, 2, 1.5, extra_data=json.dumps(said)), ended(other))
    settings = chain.settings.changed(private="city")
    page = read_feature_page(chain.database, chain.series, settings, E1, at(21), from_us(at(1)))
    assert [each.name for each in page.results] == ["feature_drift"]
    ((name, evidence),) = [(each.name, each.evidence) for each in page.beside]
    assert (name, evidence.found, evidence.power) == (
        "drift",
        ("`age` level +0.4 sigma",),
        ("`age` 0.3 sigma",),
    )
    assert evidence.budget == "1 a month: 1 of 1,000 windows may alarm falsely"
