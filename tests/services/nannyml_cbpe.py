"""Run by NannyML's own interpreter: CBPE on its car loans, rows to a file, numbers and costs to stdout."""

from __future__ import annotations

import json
import socket
import sys
import time
import warnings
from typing import Any

import numpy as np

CHUNK_ROWS = 5000
METRICS = ["roc_auc", "f1", "accuracy", "precision", "recall"]


def connect(self: socket.socket, address: Any, **_others: Any) -> None:
    raise ConnectionRefusedError(f"no connection is made here: {address!r}")


def main(rows: str) -> None:
    import nannyml

    reference, analysis, actuals = nannyml.load_synthetic_car_loan_dataset()
    started = time.process_time()
    estimator = nannyml.CBPE(
        y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid", timestamp_column_name="timestamp",
        metrics=METRICS, chunk_size=CHUNK_ROWS, problem_type="classification_binary",
    )  # fmt: skip
    estimator.fit(reference)
    fitted = time.process_time()
    found = estimator.estimate(analysis)
    ended = time.process_time()
    table = found.filter(period="analysis").to_df()
    columns = ["y_pred_proba", "y_pred"]
    np.savez(
        rows,
        reference=reference[[*columns, "repaid"]].to_numpy(float),
        analysis=np.column_stack([analysis[columns].to_numpy(float), actuals["repaid"].to_numpy(float)]),
    )
    estimates = {name: table[name]["value"].tolist() for name in METRICS}
    told = {"chunk_rows": CHUNK_ROWS, "estimates": estimates}
    print(json.dumps({**told, "fit_seconds": fitted - started, "estimate_seconds": ended - fitted}))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    socket.socket.connect = connect  # type: ignore[method-assign]
    main(sys.argv[1])
