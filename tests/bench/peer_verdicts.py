"""A peer's verdict on one window, at its defaults, run by its own Python: prints its CPU milliseconds."""

import sys
import time
import warnings

import numpy as np
import pandas as pd


def main(name: str, rows: int, features: int, training: int) -> float:
    reference = _frame(training, features, 1)
    window = _frame(rows, features, 2)
    return {"nannyml": _nannyml, "evidently": _evidently}[name](reference, window)


def _frame(rows: int, features: int, seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).standard_normal((rows, features))
    return pd.DataFrame(values, columns=[f"x{place}" for place in range(features)])


def _nannyml(reference: pd.DataFrame, window: pd.DataFrame) -> float:
    import nannyml

    names = list(reference.columns)
    calculator = nannyml.UnivariateDriftCalculator(column_names=names, chunk_size=len(reference) // 10)
    calculator.fit(reference)
    calculator._chunker = nannyml.chunk.SizeBasedChunker(len(window))
    return _best(lambda: calculator.calculate(window), 3)


def _evidently(reference: pd.DataFrame, window: pd.DataFrame) -> float:
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    before, now = Dataset.from_pandas(reference), Dataset.from_pandas(window)
    return _best(lambda: Report([DataDriftPreset()]).run(now, before).dict(), 2)


def _best(work: object, times: int) -> float:
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return 1000 * min(found)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(main(sys.argv[1], *map(int, sys.argv[2:])))
