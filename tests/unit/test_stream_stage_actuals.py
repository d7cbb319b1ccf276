"""Actuals through the stream function: each finds its prediction, whichever of them comes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger_rows
from modelmon.errors import UnavailableError
from modelmon.model import MINUTE_US, UNKNOWN_ENDPOINT
from modelmon.stores import actuals_joining
from modelmon.stores.actuals import open_actuals
from modelmon.stores.row_index import FoundRows, find_rows
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.wire import Actuals, write_actuals
from modelmon.wire.actuals import read_actuals
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run
from wire_actuals import actuals, of_entity

DAY_US = 86_400_000_000


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path, partitions=2)
    bed.register(feature_names=("x",), label_names=("late",))
    yield bed
    bed.close()


def joined(bed: Bed, start_us: int = 0, end_us: int = 2**62) -> list[tuple[str, int, Any]]:
    """Request, row and actual of each prediction."""
    stores = open_samples(bed.settings), open_actuals(bed.settings)
    table = read_sample(bed.records, stores[0], ENDPOINT, start_us, end_us, actuals=stores[1])
    names = ("request_id", "event_row", "actual.late")
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return sorted(rows, key=lambda row: (*row[:2], row[2] is None))


def counts(bed: Bed) -> list[tuple[int, ...]]:
    """Received, stored, waiting, expired."""
    with bed.records.read() as connection:
        return ledger_rows.counts_of_actuals(connection)


def dirty(bed: Bed) -> list[tuple[int, int, int]]:
    return bed.table("dirty", "minute_us", "rows", "actuals")


def test_an_actual_stands_beside_its_prediction(bed: Bed) -> None:
    prediction = event(inputs=((1.0,), (2.0,)), outputs=((0.0,), (1.0,)), request_id="r")
    run(feed(bed, bed.publish(prediction)))
    run(feed(bed, bed.publish(actuals({"late": [1]}, rows=[1]))))
    assert joined(bed) == [("r", 0, None), ("r", 1, 1)]
    assert counts(bed) == [(1, 1, 0, 0)]
    assert dirty(bed) == [(NOW_US - NOW_US % MINUTE_US, 2, 1)]


def test_an_actual_and_its_prediction_in_one_batch_find_each_other(bed: Bed) -> None:
    run(feed(bed, bed.publish(actuals({"late": [True]}), event(request_id="r"))))
    assert joined(bed) == [("r", 0, True)]
    assert counts(bed) == [(1, 1, 0, 0)]


def test_an_actual_waits_for_its_prediction_whichever_partition_that_comes_by(bed: Bed) -> None:
    run(feed(bed, bed.publish(actuals({"late": [1, 0]}, ("r", "other")))))
    assert counts(bed) == [(2, 0, 2, 0)]
    run(feed(bed, bed.publish(event(request_id="r"), partition=1)))
    assert joined(bed) == [("r", 0, 1)]
    assert counts(bed) == [(2, 1, 1, 0)]


def test_the_newest_counts_and_what_is_not_known_yet_takes_nothing_away(bed: Bed) -> None:
    bed.register(feature_names=("x",), label_names=("late", "delay"))
    run(feed(bed, bed.publish(event(request_id="r", outputs=((0.0, 1.0),)))))
    for late, delay in ((0, None), (1, 5.0), (None, 7.5), (1, None)):
        run(feed(bed, bed.publish(actuals({"late": [late], "delay": [delay]}))))
    stores = open_samples(bed.settings), open_actuals(bed.settings)
    table = read_sample(bed.records, stores[0], ENDPOINT, 0, 2**62, actuals=stores[1])
    assert table.select(["actual.late", "actual.delay"]).to_pylist() == [
        {"actual.late": 1, "actual.delay": 7.5}
    ]


def test_a_correction_that_waits_behind_what_it_corrects_replaces_it(bed: Bed) -> None:
    run(feed(bed, bed.publish(actuals({"late": [0]}), actuals({"late": [1]}))))
    run(feed(bed, bed.publish(event(request_id="r"))))
    assert joined(bed) == [("r", 0, 1)]
    assert counts(bed) == [(2, 2, 0, 0)]


def test_an_actual_that_comes_twice_counts_once(bed: Bed) -> None:
    message = actuals({"late": [1]})
    run(feed(bed, bed.publish(event(request_id="r"), message, message)))
    assert joined(bed) == [("r", 0, 1)]


@pytest.mark.parametrize("first", ["prediction", "actual"])
@pytest.mark.parametrize("entity", ["customer", "x"])
def test_an_entity_and_a_span_name_all_its_predictions_in_it(bed: Bed, entity: str, first: str) -> None:
    messages = [
        event(inputs=((4711.0,),), request_id="", entities={"customer": 4711}, when_us=NOW_US - DAY_US),
        event(inputs=((4711.0,),), request_id="", entities={"customer": 4711}),
        event(inputs=((4712.0,),), request_id="", entities={"customer": 4712}),
    ]
    named = of_entity("4711", NOW_US - 5, NOW_US + 5, entity=entity)
    for message in [*messages, named] if first == "prediction" else [named, *messages]:
        run(feed(bed, bed.publish(message)))
    assert [late for _, _, late in joined(bed, NOW_US)] == [1, None]
    assert [late for _, _, late in joined(bed, 0, NOW_US)] == [None]
    assert counts(bed) == [(1, 1, 0, 0)]


def test_ids_of_any_letters_and_length_are_found(bed: Bed) -> None:
    ids = ("ä€𝄞", "x" * 300, "17", "a" * 64, "a" * 65, "ab", "abc")
    for each in ids:
        run(feed(bed, bed.publish(event(request_id=each))))
    run(feed(bed, bed.publish(actuals({"late": list(range(len(ids)))}, ids))))
    assert joined(bed) == sorted((each, 0, number) for number, each in enumerate(ids))


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (actuals({"late": [1]}, endpoint_id="nobody"), "endpoint_id", "no endpoint has the id 'nobody'"),
        (actuals({"lat": [1]}), "actuals.columns", "did you mean late?"),
        (b'{"kind": "actuals", "endpoint_id": "endpoint-1"}', "", "actuals"),
    ],
)
def test_what_names_nothing_that_is_known_is_set_aside(
    bed: Bed, body: bytes, field: str, reason: str
) -> None:
    run(feed(bed, bed.publish(event(request_id="r"))))
    run(feed(bed, bed.publish(body, actuals({"late": [1]}))))
    ((found, why),) = bed.letters("field", "reason")
    assert found == field
    assert reason in why
    assert joined(bed) == [("r", 0, 1)]


def test_every_prediction_under_an_id_that_is_there_has_its_actual_and_a_later_one_has_none(
    bed: Bed,
) -> None:
    hour_us = 60 * MINUTE_US
    for when_us in (NOW_US - 50 * hour_us, NOW_US):  # in files of their own
        run(feed(bed, bed.publish(event(request_id="r", when_us=when_us))))
    run(feed(bed, bed.publish(actuals({"late": [1]}))))
    assert joined(bed) == [("r", 0, 1), ("r", 0, 1)]
    later_us = NOW_US - 9 * hour_us
    run(feed(bed, bed.publish(event(request_id="r", when_us=later_us))))
    assert joined(bed) == [("r", 0, 1), ("r", 0, 1), ("r", 0, None)]  # whichever span is read
    assert joined(bed, later_us, NOW_US) == [("r", 0, None)]
    run(feed(bed, bed.publish(actuals({"late": [0]}))))
    assert joined(bed) == [("r", 0, 0)] * 3
    assert counts(bed) == [(2, 2, 0, 0)]


@pytest.mark.parametrize("at_once", [0, 3, 10**6])
def test_very_many_rows_are_matched_day_by_day_as_all_of_them_at_once(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(actuals_joining, "MOST_AT_ONCE", at_once)
    names = ("anna", "bert", "carl")
    days = [NOW_US - place * DAY_US // 2 for place in range(5)]
    for place, when_us in enumerate(days):
        named = [(f"{name}-{place}", {"customer": name}) for name in names]
        rows = [event(request_id=each, when_us=when_us, entities=whose) for each, whose in named]
        run(feed(bed, bed.publish(*rows)))
    ids = [f"{name}-{place}" for name in names[:2] for place in range(4)]
    run(feed(bed, bed.publish(actuals({"late": list(range(8))}, ids))))
    run(feed(bed, bed.publish(of_entity("carl", days[3], days[1], late=9))))
    came = {name: value for value, name in enumerate(ids)} | {"carl-2": 9, "carl-3": 9}
    expected = [(f"{name}-{place}", 0, came.get(f"{name}-{place}")) for name in names for place in range(5)]
    assert joined(bed) == expected
    assert joined(bed, days[1], NOW_US) == [each for each in expected if each[0].endswith("-1")]


def test_an_id_that_thousands_have_names_none_of_them(bed: Bed) -> None:
    rows = ((1.0,),) * 1
    messages = bed.publish(
        *(event(inputs=rows, request_id="same") for _ in range(1_001)), event(request_id="r")
    )
    run(feed(bed, messages))
    both = bed.publish(actuals({"late": [1]}, ("same",)), actuals({"late": [1]}, ("r",)))
    run(feed(bed, both))
    ((field, reason),) = bed.letters("field", "reason")
    assert (field, "'same'" in reason) == ("actuals.request_ids", True)
    assert counts(bed) == [(1, 1, 0, 0)]


def test_what_is_set_aside_counts_once_however_often_the_stores_are_waited_for(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.settings = bed.settings.changed(unavailable_first_wait_seconds=0.001)
    run(feed(bed, bed.publish(event(request_id="r"))))
    answers = iter([UnavailableError("away"), UnavailableError("still away")])

    def find(*asked: Any) -> FoundRows:
        for error in answers:
            raise error
        return find_rows(*asked)

    monkeypatch.setattr("modelmon.stages.stream.actuals.find_rows", find)
    run(feed(bed, bed.publish(actuals({"late": [1]}, endpoint_id="nobody"), actuals({"late": [1]}))))
    assert joined(bed) == [("r", 0, 1)]
    assert len(bed.letters("reason")) == 1
    assert bed.table("traffic", "endpoint_id", "received", "rejected") == [
        (UNKNOWN_ENDPOINT, 1, 1),
        (ENDPOINT, 1, 0),
    ]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("space", [b"", b" "])
def test_a_batch_is_cut_by_the_values_of_actuals_of_which_short_ones_are_many(
    tmp_path: Path, at_once: bool, space: bytes
) -> None:
    bed = Bed(tmp_path, batch_max_bytes=5_000)
    bed.register(feature_names=("x",), label_names=("late",))
    ten = actuals({"late": [1] * 10}, tuple("0123456789")).replace(b'"kind":', b'"kind":' + space)
    assert len(ten) < 300
    messages = bed.publish(*[ten] * 5, event(request_id="0"), event(request_id="1"))

    async def steps() -> None:
        stage = bed.stage()
        for some in [messages] if at_once else [[message] for message in messages]:
            await stage.accept(*some)
        await stage.close()

    run(steps())
    assert bed.acknowledged == [(0, 1), (0, 3), (0, 6)]
    assert counts(bed) == [(50, 10, 40, 0)]


def test_an_entity_that_is_a_number_is_meant_by_every_way_to_write_it(bed: Bed) -> None:
    big = 2**60
    for x in (big, big + 1, 7):
        run(feed(bed, bed.publish(event(request_id=str(x), entities={"customer": x}))))
    named = [(str(big), 1), (str(big + 1), 2), ("7", 3), ("7.0", 4)]
    run(feed(bed, bed.publish(*(of_entity(value, NOW_US, late=late) for value, late in named))))
    assert joined(bed) == [(str(big), 0, 1), (str(big + 1), 0, 2), ("7", 0, 4)]
    assert counts(bed) == [(4, 4, 0, 0)]


def test_a_column_is_called_as_the_prediction_is(bed: Bed) -> None:
    run(feed(bed, bed.publish(event(request_id="r"), actuals({"LATE": [1]}))))
    assert joined(bed) == [("r", 0, 1)]


def test_the_wire_gives_back_what_was_written() -> None:
    event = Actuals(ENDPOINT, {"late": [1, None, "ä"]}, ["a", "b", "c"], [0, 3, 1])
    assert read_actuals(write_actuals(event)) == event.take([0, 2])
