"""`make honesty`: the whole battery, through the code that the apps run.

Writes build/honesty.json and the tables of docs/explanation/honesty.md. Exit status 1 when a row does not
hold. `python -m tests.honesty 9 12` measures these rows again and keeps what was found of the others.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.honesty.calibrated import row_of_calibration, row_of_what_is_said
from tests.honesty.concept import row_of_concept
from tests.honesty.cost import row_of_cost
from tests.honesty.estimates import row_of_estimates
from tests.honesty.exactness import row_of_p_values, row_of_the_floor
from tests.honesty.false_alarms import row_of_counts, row_of_streams
from tests.honesty.first_days import row_of_anomalies, row_of_skew
from tests.honesty.intervals import row_of_intervals
from tests.honesty.naming import row_of_names
from tests.honesty.own_metrics import row_of_own_metrics
from tests.honesty.page import PAGE, written
from tests.honesty.performance import row_of_immature, row_of_metrics, row_of_results, row_of_worse
from tests.honesty.power import row_of_outliers, rows_of_power
from tests.honesty.promise import row_of_promises
from tests.honesty.quality import row_of_quality
from tests.honesty.rates import Row
from tests.honesty.recalibrated import row_of_recalibration
from tests.honesty.seasonal import row_of_recent, row_of_seasons
from tests.honesty.segments import row_of_segments
from tests.honesty.slow_drift import row_of_slow_drift
from tests.honesty.why_worse import row_of_causes, row_of_slices

BUILD = Path(__file__).parents[2] / "build"
ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "1": row_of_streams,
    "2": row_of_counts,
    "3": row_of_p_values,
    "4": row_of_the_floor,
    "5": rows_of_power,  # to 8
    "9": row_of_names,
    "10": row_of_promises,
    "11": row_of_slow_drift,
    "12": row_of_seasons,
    "recent": row_of_recent,
    "13": row_of_calibration,
    "14": row_of_concept,
    "15": row_of_estimates,
    "16": row_of_immature,
    "17": row_of_cost,
    "18": row_of_what_is_said,
    "19": row_of_metrics,
    "20": row_of_results,
    "21": row_of_worse,
    "22": row_of_intervals,
    "23": row_of_slices,
    "24": row_of_causes,
    "25": row_of_quality,
    "outliers": row_of_outliers,
    "data-skew": row_of_skew,
    "anomalies": row_of_anomalies,
    "segments": row_of_segments,
    "recalibrated": row_of_recalibration,
    "own metrics": row_of_own_metrics,
}
"""What measures each row, in their order."""


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(ROWS))
    if unknown:
        print(f"no row is called {unknown[0]}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    folder = BUILD / "honesty"
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted or ROWS:
        begun = time.process_time()
        found = ROWS[name]()
        found = found if isinstance(found, list) else [found]
        kept = json.dumps([asdict(row) for row in found], indent=1)
        (folder / f"{name}.json").write_text(kept + "\n", encoding="utf-8")
        for row in found:
            verdict = "holds" if row.holds else "DOES NOT HOLD"
            print(
                f"row {row.number}: {verdict}; {row.said} ({time.process_time() - begun:.0f} s of CPU)",
                flush=True,
            )
    rows = _measured(folder)
    (BUILD / "honesty.json").write_text(
        json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8"
    )
    PAGE.write_text(written(rows), encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1


def _measured(folder: Path) -> list[Row]:
    """Every row that was measured, also before."""
    paths = [folder / f"{name}.json" for name in ROWS]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.exists()]
    return [Row(**row) for text in texts for row in json.loads(text)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
