"""What a judgement says it rests on, where the training set is too small or has no times."""

from __future__ import annotations

from modelmon.stats import Judgement, cell_counts, judge, profile
from tests.honesty.rates import Rate, Row
from tests.honesty.streams import seeded, training_frame, window_frames

HOUR = 3600.0


def row_of_calibration(windows: int = 100, m: int = 1000) -> Row:
    """Row 13: 1,000 rows that remember, as a training set with too few stretches and one without times."""
    cells, detected = {}, 0
    for rows in (50, 200, 1000):
        rng = seeded("calibrated", rows)
        training = training_frame(rng, "ar1", 20, m, rows)
        timed = profile(training, time_column="when", window_seconds=(HOUR,))
        untimed = profile(training.drop(columns="when"))
        frames = window_frames(rng, "ar1", 20, rows, windows)
        for name, made in (("few stretches", timed), ("no times", untimed)):
            found = [
                judge(cell_counts(frame, made), made, budget=0.01, window_seconds=HOUR) for frame in frames
            ]
            alarms = Rate(sum(judgement.alarm for judgement in found), windows)
            called = sum(judgement.alarm and judgement.may_detect for judgement in found)
            detected += called
            cells[f"{name}, {rows:,} rows"] = (
                f"{found[0].calibration.how}; potential {alarms.value:.2f}, detected {called}"
            )
    return Row(
        "13",
        "1,000 rows of training that remember, or no time column: it is said, and nothing is detected",
        cells,
        detected == 0,
        f"{detected} windows called detected",
    )


def row_of_what_is_said(windows: int = 50) -> Row:
    """Row 18: budget, rows, calibration and least changes stand beside every green light."""
    rng = seeded("said")
    made = profile(training_frame(rng, "mixed", 20, 20_000, 500), time_column="when")
    frames = window_frames(rng, "mixed", 20, 500, windows)
    found = [judge(cell_counts(frame, made), made, budget=0.01, window_seconds=HOUR) for frame in frames]
    green = [judgement for judgement in found if not judgement.alarm]
    whole = [judgement for judgement in green if _says_all(judgement)]
    return Row(
        "18",
        "every green judgement has its budget, rows, calibration and least changes of all features",
        {"green judgements": f"{len(green)}", "with all of it": f"{len(whole)}"},
        len(whole) == len(green) > 0,
        f"{len(whole)} of {len(green)}",
    )


def _says_all(judgement: Judgement) -> bool:
    return (
        judgement.budget == 0.01
        and judgement.rows == 500
        and bool(judgement.calibration.why)
        and len(judgement.least_changes) == 20
        and all(0 < change.missing < 1 for change in judgement.least_changes)
    )
