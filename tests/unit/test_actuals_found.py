"""Who logs actuals is told at once of those that find no prediction, and of names that none will have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from modelmon.errors import ConfigError
from modelmon.model_monitoring import actuals_found
from modelmon.model_monitoring.actuals import LoggedActuals, Naming, log_actuals
from modelmon.model_monitoring.erasing import erase_samples
from modelmon.stores.row_index import MOST_ROWS
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run

NOW = datetime.fromtimestamp(NOW_US / 1e6, UTC)


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """An endpoint with a request of one row, one of three, and one of a customer."""
    bed = Bed(tmp_path_factory.mktemp("found"))
    bed.register(feature_names=("x",), label_names=("late",))
    three = event(inputs=((1.0,),) * 3, outputs=((0.0,),) * 3, request_id="three")
    named = event(request_id="named", entities={"customer": 4711})
    run(feed(bed, bed.publish(event(request_id="one"), three, named)))
    yield bed
    bed.close()


def logged(bed: Bed, frame: dict[str, Any], **naming: Any) -> LoggedActuals:
    return log_actuals(bed.settings, ENDPOINT, pd.DataFrame(frame), Naming(**naming))


@pytest.mark.parametrize(
    ("ids", "rows", "missing"),
    [
        (["one", "three", "three"], [0, 0, 2], 0),
        (["one", "two", "tree"], [0, 0, 2], 2),
        (["two"], [7], 1),
        (["one", "one", "none", "none"], [0, 0, 0, 0], 2),
    ],
)
def test_what_finds_no_prediction_so_far_is_counted(
    bed: Bed, ids: list[str], rows: list[int], missing: int
) -> None:
    found = logged(bed, {"request_id": ids, "row": rows, "late": [1] * len(ids)})
    assert (found.rows, found.without_prediction) == (len(ids), missing)


@pytest.mark.parametrize(
    ("request_id", "row", "said"),
    [
        ("one", 1, "request 'one' has one row, 0, got row 1"),
        ("three", 3, "request 'three' has rows 0 to 2, got row 3"),
        ("three", 2**31 - 1, "has rows 0 to 2"),
    ],
)
def test_a_row_past_the_end_of_its_request_is_refused(bed: Bed, request_id: str, row: int, said: str) -> None:
    before = bed.stream.end_offsets()
    with pytest.raises(ConfigError, match=said):
        logged(bed, {"request_id": ["one", request_id], "row": [0, row], "late": [1, 1]})
    assert bed.stream.end_offsets() == before


def test_an_entity_that_no_event_names_is_refused_with_the_nearest(bed: Bed) -> None:
    frame = {"custmer": [4711], "timestamp": [NOW], "late": [1]}
    with pytest.raises(ConfigError, match=r"no feature 'custmer', .*; did you mean customer\?"):
        logged(bed, frame, entity="custmer", within=timedelta(days=1))


@pytest.mark.parametrize(
    ("entity", "value", "days", "missing"),
    [("customer", 4711, 0, 0), ("customer", 4712, 0, 1), ("customer", 4711, 9, 1), ("x", 1, 9, 1)],
)
def test_of_an_entity_that_is_known_it_is_counted_who_has_no_prediction_then(
    bed: Bed, entity: str, value: int, days: int, missing: int
) -> None:
    frame = {entity: [value], "timestamp": [NOW - timedelta(days=days)], "late": [1]}
    assert logged(bed, frame, entity=entity, within=timedelta(days=1)).without_prediction == missing


def test_before_any_event_came_any_name_is_taken(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("x",), label_names=("late",))
    assert (
        logged(bed, {"custmer": ["a"], "timestamp": [NOW], "late": [1]}, entity="custmer").without_prediction
        == 1
    )
    assert logged(bed, {"request_id": ["a"], "row": [7], "late": [1]}).without_prediction == 1
    bed.close()


def test_a_row_that_was_erased_is_none_past_the_end(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("x",), label_names=("late",))
    three = event(inputs=((1.0,), (2.0,), (3.0,)), outputs=((0.0,),) * 3, request_id="three")
    run(feed(bed, bed.publish(three)))
    erase_samples(bed.settings, ENDPOINT, {"x": "2"}, dry_run=False)
    assert logged(bed, {"request_id": ["three"], "row": [1], "late": [1]}).without_prediction == 1
    with pytest.raises(ConfigError, match="rows 0 to 2, got row 3"):
        logged(bed, {"request_id": ["three"], "row": [3], "late": [1]})
    bed.close()


def test_an_id_of_very_many_predictions_is_refused(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("x",), label_names=("late",))
    run(feed(bed, bed.publish(*[event(request_id="again") for _ in range(MOST_ROWS + 1)])))
    with pytest.raises(ConfigError, match="more than 1,000 predictions have the id 'again'"):
        logged(bed, {"request_id": ["again"], "late": [1]})
    bed.close()


def test_where_stored_rows_can_not_be_read_actuals_are_logged_all_the_same(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("x",), label_names=("late",))
    run(feed(bed, bed.publish(event(request_id="r"))))
    for path in Path(bed.settings.location("samples_path")).rglob("*.parquet"):
        path.write_bytes(b"no parquet")
    assert logged(bed, {"request_id": ["r"], "late": [1]}) == LoggedActuals(ENDPOINT, 1, 1, 0, None)
    far = bed.settings.changed(samples_path="nowhere://bucket/samples")
    frame = pd.DataFrame({"request_id": ["r"], "late": [1]})
    assert log_actuals(far, ENDPOINT, frame, Naming()).without_prediction is None
    bed.close()


def test_of_very_many_files_nothing_is_looked_up_and_the_actuals_are_taken(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actuals_found, "MOST_FILES", 0)
    found = logged(bed, {"request_id": ["two"], "late": [1]})
    assert (found.rows, found.events, found.without_prediction) == (1, 1, None)
