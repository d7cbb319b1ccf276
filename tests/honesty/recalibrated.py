"""Estimates where actuals come: how often the band holds once the outcomes of past windows are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from modelmon.apps import ModelPerformanceApplication
from modelmon.ledger.records import records_at
from modelmon.sql.database import Database
from tests.honesty.judged_windows import results, trained
from tests.honesty.models import BINARY, binary, timed
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import seeded

TRAINING, BEFORE_ROWS = 20_000, 3000
LEAST = {"nothing moves": 0.90, "base rate": 0.90, "a fifth turned round": 0.0}
"""Outcomes turned round at random bend the map: no intercept and slope say so. Nothing is claimed there."""
WORLDS: dict[str, dict[str, float]] = {
    "nothing moves": {},
    "base rate": {"logit": -0.5},
    "a fifth turned round": {"wrong": 0.2},
}
METRICS = ("accuracy", "f1", "roc_auc")


def held(name: str, rows: int, windows: int, references: int, *, knows: bool = True) -> dict[str, Rate]:
    """Windows whose band holds what then came true, after some with actuals; without, `knows` is False."""
    app = ModelPerformanceApplication(0.03)
    before = max(4, BEFORE_ROWS // rows) if knows else 0
    hits, number = dict.fromkeys(METRICS, 0), dict.fromkeys(METRICS, 0)
    for reference in range(references):
        rng = seeded("recalibrated", name, rows, reference)
        known = trained(timed(binary(rng, TRAINING), rows), BINARY)
        with _ledger() as database:
            for hour in range(before + windows // references):
                frame = binary(rng, rows, **WORLDS[name])
                kept = database if knows else None
                found = results(app, frame, known, hour=hour, database=kept)["estimated_performance"]
                for metric in METRICS if hour >= before else ():
                    number[metric] += 1
                    hits[metric] += found.extra_data["realised"][metric]["within"]
    return {metric: Rate(hits[metric], number[metric]) for metric in METRICS}


@contextmanager
def _ledger() -> Iterator[Database]:
    with TemporaryDirectory() as folder:
        database = records_at(f"sqlite:///{folder}/records.db", durability="process")
        try:
            yield database
        finally:
            database.close()


def row_of_recalibration(
    windows: int = 100, references: int = 5, sizes: tuple[int, ...] = (200, 1000, 5000)
) -> Row:
    """Estimates that recent actuals recalibrate, beside those without."""
    cells, wrong = {}, []
    for name in WORLDS:
        for rows in sizes:
            after = held(name, rows, windows, references)
            without = held(name, rows, windows, references, knows=False)
            claimed = "" if LEAST[name] else " (claimed nowhere)"
            cells[f"{name}, {rows:,} rows{claimed}"] = "; ".join(
                f"{metric} {rate.value:.2f}, without {without[metric].value:.2f}"
                for metric, rate in after.items()
            )
            wrong += [
                f"{name}, {metric}, {rows:,} rows ({rate.value:.2f})"
                for metric, rate in after.items()
                if rate.is_below(LEAST[name])
            ]
    return Row(
        "recalibrated",
        f"estimates, training {TRAINING:,}, {BEFORE_ROWS:,} recent rows with actuals, at least four windows: "
        "the band holds what comes true in 90 % of windows where nothing moves or the base rate does",
        cells,
        not wrong,
        f"not so: {'; '.join(wrong) or 'none'}",
    )
