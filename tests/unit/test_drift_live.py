"""The default app live, behind the real stream function, and `evaluate` over the same rows: one list."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.streaming import ENDPOINT, NOW_US, Bed, feed, run

from modelmon import wire
from modelmon.apps import HistogramDataDriftApplication
from modelmon.apps.report import done
from modelmon.apps.stage import AppStage
from modelmon.model import Message, Window
from modelmon.stats import describe
from modelmon.streams import open_stream
from repeating import times

APP, ROWS = "histogram-data-drift", 120
FEATURES, LABELS = ("amount", "age", "kind", "member"), ("p",)
START = datetime.fromtimestamp(NOW_US // 1_000_000, UTC)
WINDOW = Window(START, START + timedelta(minutes=10))
ASKED = wire.AppEvent(
    endpoint_id=ENDPOINT, endpoint_name="model", application_name=APP, window=WINDOW, window_revision=1,
    project="flights",
)  # fmt: skip


def frame(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": random.normal(size=rows),
            "age": random.integers(18, 90, rows),
            "kind": random.choice(["new", "used", "\u00fcbrig"], rows),
            "member": random.random(rows) < 0.5,
            "p": random.random(rows),
        }
    )


REFERENCE = frame(1000, 1)


def event(row: dict[str, Any], number: int) -> bytes:
    """A request as a client sends it that names its values; the prediction is `p`."""
    features = {name: value for name, value in row.items() if name not in LABELS}
    body = {
        "model": "model", "endpoint_id": ENDPOINT, "function_uri": "flights/serving", "class": "Model",
        "microsec": 5, "when": f"{START + timedelta(seconds=number)}",
        "request": {"id": f"r{number}", "inputs": [features]},
        "resp": {"outputs": [{name: row[name] for name in LABELS if name in row}]},
    }  # fmt: skip
    return json.dumps(body).encode()


def rows_of(sample: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of plain Python values; a missing value is None."""
    return [
        {name: None if value is None or value != value else value for name, value in row.items()}
        for row in sample.astype(object).to_dict("records")
    ]


async def live(bed: Bed, *batches: list[bytes]) -> list[wire.Envelope | wire.RejectedItem]:
    """The report of the app's own stage on what the stream function wrote, one batch after the other."""
    app = HistogramDataDriftApplication()
    for bodies in batches:
        await feed(bed, bed.publish(*bodies))
    judge = AppStage(app, bed.settings, bed._acknowledge, APP)
    await judge.accept(Message(0, 0, ENDPOINT, wire.write_app_event(ASKED)))
    await judge.close()
    consumer = open_stream(bed.settings.writer_url, bed.settings.writer_partitions).consumer("reader")
    (message,) = consumer.poll(10, 0)
    consumer.close()
    return wire.read_report(message.body)


def without(*names: str) -> Any:
    return lambda sample: sample.drop(columns=list(names))


CHANGES: dict[str, Any] = {
    "as in training": lambda sample: sample,
    "moved": lambda sample: sample.assign(amount=sample["amount"] + 3, kind="used"),
    "gaps": lambda sample: sample.assign(amount=sample["amount"].where(sample.index % 3 != 0)),
    "no values": lambda sample: sample.assign(amount=np.nan, kind=None),
    "a text among numbers": lambda sample: sample.assign(age=[*sample["age"][:-1].astype(str), "old"]),
    "a feature is gone": without("amount"),
    "two features are gone": without("kind", "member"),
    "all features are gone but one": without("amount", "age", "kind"),
    "an unknown category": lambda sample: sample.assign(kind="unheard of"),
    "few rows": lambda sample: sample.head(7),
}


@pytest.mark.slow
@pytest.mark.parametrize("known", ["names and statistics", "statistics alone"])
@pytest.mark.parametrize("change", CHANGES)
def test_evaluate_returns_what_the_live_app_sends(tmp_path: Path, change: str, known: str) -> None:
    sample = CHANGES[change](frame(ROWS, 2))
    bed = Bed(tmp_path)
    names = {"feature_names": FEATURES, "label_names": LABELS} if known.startswith("names") else {}
    bed.register(**names, feature_stats=json.loads(json.dumps(describe(REFERENCE))), function_name="serving")
    report = run(live(bed, [event(row, number) for number, row in enumerate(rows_of(sample))]))
    bed.close()
    outputs = HistogramDataDriftApplication.evaluate(
        sample_data=sample, reference_data=REFERENCE, label_names=LABELS,
        start=WINDOW.start, end=WINDOW.end,
    )  # fmt: skip
    assert report == wire.read_report(done(ASKED, outputs, len(sample)))
    assert [each.event_kind for each in report] == [
        *["metric"] * 3,
        *["result"] * 2,
        *["stats"] * 2,
        "window",
    ]


@pytest.mark.parametrize("moved", [0, 1000])
def test_a_feature_called_timestamp_is_scored_live_as_in_evaluate(tmp_path: Path, moved: int) -> None:
    seconds = 1_700_000_000 + np.random.default_rng(0).integers(0, 500, ROWS)
    training = pd.DataFrame({"timestamp": seconds, "hour": seconds % 24, "p": 0.5})
    sample = training.assign(timestamp=seconds + moved)
    bed = Bed(tmp_path)
    bed.register(
        feature_names=("timestamp", "hour"), label_names=LABELS, feature_stats=describe(training),
        function_name="serving",
    )  # fmt: skip
    report = run(live(bed, [event(row, number) for number, row in enumerate(rows_of(sample))]))
    bed.close()
    outputs = HistogramDataDriftApplication.evaluate(
        sample_data=sample, reference_data=training, label_names=LABELS, start=WINDOW.start, end=WINDOW.end
    )
    assert report == wire.read_report(done(ASKED, outputs, ROWS))
    assert outputs[4].extra_data["features"]["timestamp"]["score"] == bool(moved)


# --- columns of any values, cut into batches anywhere -----------------------------------------------------

NAN = float("nan")
TEXTS = ["a", "\u00fcb", "e\u0301", "1", "1.0", "1.50", "007", "true", "True", "NaN", "", "[1,2]"]
NUMBERS = [0, 1, -3, 2**53, 2**64, 1.0, -0.0, 0.5, 0.7, float(np.float32(0.7)), 1e20, float("inf")]
NESTED = [[1, 2.0], [NAN], ["a", None], {"k": 1.0}, {"$bytes": "/w=="}]
GAPS = [None, NAN]
CELLS = [
    st.sampled_from(pool)
    for pool in (
        NUMBERS, [*NUMBERS, *GAPS], TEXTS, [*TEXTS, *GAPS], [True, False], [True, False, *GAPS], GAPS,
        [*NUMBERS, *TEXTS, True, False, *GAPS], [*NESTED, *GAPS], [*NESTED, *TEXTS, *NUMBERS, *GAPS],
    )
]  # fmt: skip
COLUMN = st.sampled_from(range(len(CELLS))).flatmap(
    lambda kind: st.lists(CELLS[kind], min_size=1, max_size=12)
)
MIXED_TEXTS = ["C", NAN, "B", None, NAN, NAN, 1, 1.0, True, 0.5]


@pytest.mark.long
@settings(max_examples=times(25, few=8), deadline=None)
@given(
    training=COLUMN, sample=COLUMN, cuts=st.sets(st.integers(1, 11), max_size=4), is_object=st.booleans(),
    is_category=st.booleans(),
)  # fmt: skip
@example(MIXED_TEXTS, MIXED_TEXTS, {1, 2, 3, 4, 5, 6, 7, 8, 9}, True, False)
@example([True, False], [1, 0, 1.0, "true", "TRUE", NAN], {2, 4}, True, True)
@example([None, NAN], ["a", None], {1}, True, False)
@example([float(np.float32(0.7)), 0.5], [0.7, "x", 0.7, 2], {1, 2}, True, False)
def test_the_verdict_does_not_depend_on_the_batch_that_a_value_fell_into(
    training: list[Any], sample: list[Any], cuts: set[int], is_object: bool, is_category: bool
) -> None:
    reference = pd.DataFrame({"x": pd.Series(training, dtype=object), "p": 0.5})
    if is_category and all(not isinstance(value, list | dict) for value in training):
        reference["x"] = reference["x"].astype("category")
    cells = pd.Series(sample, dtype=object)
    frame = pd.DataFrame({"x": cells if is_object else cells.infer_objects(), "p": 0.5})
    bodies = [event({"x": value, "p": 0.5}, number) for number, value in enumerate(sample)]
    edges = [0, *sorted(cut for cut in cuts if cut < len(bodies)), len(bodies)]
    stats = describe(reference)
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(Path(folder))
        bed.register(
            feature_names=("x",), label_names=("p",), feature_stats=json.loads(json.dumps(stats)),
            function_name="serving",
        )  # fmt: skip
        report = run(live(bed, *(bodies[a:b] for a, b in pairwise(edges))))
        bed.close()
    outputs = HistogramDataDriftApplication.evaluate(
        sample_data=frame, reference_data=stats, label_names=LABELS, start=WINDOW.start, end=WINDOW.end
    )
    assert report == wire.read_report(done(ASKED, outputs, len(frame)))
