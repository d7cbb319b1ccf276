"""The models of the demo as a serving function serves them; the demo copies this file into its project."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np

from modelmon.serving import V2ModelServer


class LateFlights(V2ModelServer):
    """Will a flight arrive more than 15 minutes late? Of each row 1 for yes or 0 for no, and the probability.

    Parameters: `threshold`, the probability from which the answer is yes; `columns`, the names of the
    features where the pipeline takes rows by name (it has categories), absent where all are numbers.
    """

    def load(self) -> None:
        path, _ = self.get_model(".joblib")
        self.model = joblib.load(path)
        self.threshold = float(self.get_param("threshold"))
        self.columns = self.get_param("columns")

    def predict(self, request: dict[str, Any]) -> list[list[float]]:
        late = self.model.predict_proba(self._rows(request["inputs"]))[:, 1]
        return [[int(chance >= self.threshold), round(chance, 4)] for chance in late.tolist()]

    def _rows(self, inputs: list[list[Any]]) -> Any:
        if self.columns:
            return [dict(zip(self.columns, row, strict=True)) for row in inputs]
        return np.array(inputs, dtype=float)  # null becomes NaN, which the pipeline fills in
