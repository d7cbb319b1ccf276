"""Mean, spread and quartiles of the finite values of one feature."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

BLOCK = 32_768


def moments(values: ArrayLike) -> dict[str, float]:
    """`mean`, `std` (of the sample, n - 1), `min` and `max` of the finite values; empty when there are none.

    One value has a `std` of 0. A moment too large for a float is left out rather than infinite. Exact to
    rounding: blocks are merged by their deviations.
    Source: Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm", 1979.

    >>> moments([1.0, 3.0, float("nan"), float("inf")])
    {'mean': 2.0, 'std': 1.4142135623730951, 'min': 1.0, 'max': 3.0}
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    seen, mean, squares, lowest, highest = 0, 0.0, 0.0, math.inf, -math.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, numbers.size, BLOCK):
            block = numbers[start : start + BLOCK]
            low, high = float(block.min()), float(block.max())
            if not (math.isfinite(low) and math.isfinite(high)):
                block = block[np.isfinite(block)]
                if not block.size:
                    continue
                low, high = float(block.min()), float(block.max())
            center = float(block.mean())
            deviations = block - center
            total, shift = seen + block.size, center - mean
            squares += float(deviations @ deviations) + shift * shift * seen * block.size / total
            seen, mean = total, mean + shift * block.size / total
            lowest, highest = min(lowest, low), max(highest, high)
    if not seen:
        return {}
    found = {
        "mean": mean,
        "std": math.sqrt(squares / (seen - 1)) if seen > 1 else 0.0,
        "min": lowest,
        "max": highest,
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def quartiles(values: ArrayLike) -> dict[str, float]:
    """`25%`, `50%` and `75%` of the finite values, interpolated linearly; empty when there are none.

    >>> quartiles([1.0, 2.0, 3.0])
    {'25%': 1.5, '50%': 2.0, '75%': 2.5}
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        found = zip(("25%", "50%", "75%"), np.quantile(finite, (0.25, 0.5, 0.75)).tolist(), strict=True)
    return {name: value for name, value in found if math.isfinite(value)}
