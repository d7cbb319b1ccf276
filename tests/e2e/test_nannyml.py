"""CBPE says of NannyML's car loans what NannyML says."""

from __future__ import annotations

import numpy as np
import pytest

from modelmon.stats.performance import accuracy, f1, precision, recall, roc_auc
from modelmon.stats.performance.cbpe import estimate_performance, score_counts
from modelmon.stats.performance.score_calibration import calibrate
from services.nannyml import NANNYML_VERSION, CarLoans, car_loans, nannyml_python

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not nannyml_python().exists(), reason=f"NannyML {NANNYML_VERSION} is not installed: make services"
    ),
]
METRICS = {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1, "roc_auc": roc_auc}


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> CarLoans:
    return car_loans(tmp_path_factory.mktemp("nannyml"))


def chunks(loans: CarLoans) -> list[np.ndarray]:
    starts = range(0, len(loans.analysis), loans.chunk_rows)
    return [loans.analysis[start : start + loans.chunk_rows] for start in starts]


@pytest.mark.parametrize("name", sorted(METRICS))
def test_an_estimate_is_nannymls_to_six_digits(loans: CarLoans, name: str) -> None:
    calibration = calibrate(loans.reference[:, 2], loans.reference[:, 0])
    ours = [
        estimate_performance(calibration, score_counts(rows[:, 0], rows[:, 1]))[name].value
        for rows in chunks(loans)
    ]
    assert ours == pytest.approx(loans.estimates[name], abs=1e-6)
    assert len(ours) == 10


@pytest.mark.parametrize("name", sorted(METRICS))
def test_before_the_loans_change_the_band_holds_what_came_true(loans: CarLoans, name: str) -> None:
    calibration = calibrate(loans.reference[:, 2], loans.reference[:, 0])
    held = []
    for rows in chunks(loans)[:5]:
        found = estimate_performance(calibration, score_counts(rows[:, 0], rows[:, 1]))[name]
        said = rows[:, 0] if name == "roc_auc" else rows[:, 1]
        held.append(found.low <= METRICS[name](rows[:, 2], said).value <= found.high)
    assert sum(held) >= 4
