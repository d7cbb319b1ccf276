"""What goes wrong with a feature, and which names of a finding are right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.honesty.streams import Rng, Values, zipf


@dataclass(frozen=True, slots=True)
class Fault:
    """A change of the values of one feature."""

    kind: str
    """The distribution it happens to."""
    change: Callable[[Rng, Values], Values]
    named: frozenset[str]
    """Questions that name it rightly."""


def _some(rng: Rng, values: Values, share: float, value: object) -> Values:
    changed = values.astype(object) if values.dtype.kind == "U" else values.copy()
    changed[rng.random(values.size) < share] = value
    return changed


def _gains(points: float) -> Callable[[Rng, Values], Values]:
    """The category c001 takes this share of all rows from the others."""
    taken = points / (1 - zipf(5)[1])

    def change(rng: Rng, values: Values) -> Values:
        return np.where(rng.random(values.size) < taken, "c001", values)

    return change


def _fewer_zeros(rng: Rng, values: Values) -> Values:
    changes = (values == 0) & (rng.random(values.size) < 0.05 / 0.95)
    return np.where(changes, rng.exponential(1.0, values.size), values)


def _swapped(rng: Rng, values: Values) -> Values:
    return np.where(values == "c000", "c009", np.where(values == "c009", "c000", values))


OUT = frozenset({"far", "below", "above"})
SHAPE = frozenset({"level", "spread", "asymmetry", "tails"})
SHARE = frozenset({"share"})

FAULTS = {
    "shift 0.1": Fault("normal", lambda rng, x: x + 0.1, frozenset({"level"})),
    "shift 0.25": Fault("normal", lambda rng, x: x + 0.25, frozenset({"level"})),
    "shift 0.5": Fault("normal", lambda rng, x: x + 0.5, frozenset({"level"})),
    "shift 1": Fault("normal", lambda rng, x: x + 1.0, frozenset({"level"})),
    "shift 2": Fault("normal", lambda rng, x: x + 2.0, frozenset({"level"})),
    "scale 1.5": Fault("normal", lambda rng, x: x * 1.5, frozenset({"spread", *OUT})),
    "lognormal x1.5": Fault("lognormal", lambda rng, x: x * 1.5, frozenset({"level"})),
    "lognormal x3": Fault("lognormal", lambda rng, x: x * 3, frozenset({"level"})),
    "category +10 points": Fault("cat5", _gains(0.10), SHARE),
    "category +20 points": Fault("cat5", _gains(0.20), SHARE),
    "5 % missing": Fault("normal", lambda rng, x: _some(rng, x, 0.05, np.nan), frozenset({"missing"})),
    "20 % missing": Fault("normal", lambda rng, x: _some(rng, x, 0.20, np.nan), frozenset({"missing"})),
    "1 % outliers": Fault("normal", lambda rng, x: _some(rng, x, 0.01, 50.0), OUT),
    "5 % stuck at 0": Fault("normal", lambda rng, x: _some(rng, x, 0.05, 0.0), SHARE),
    "sign flip (lognormal)": Fault("lognormal", lambda rng, x: -x, OUT | SHAPE | SHARE),
    "sign flip (normal)": Fault("normal", lambda rng, x: -x, SHAPE),
    "unit x100 (normal)": Fault("normal", lambda rng, x: x * 100, OUT | {"spread"}),
    "unit x100 (lognormal)": Fault("lognormal", lambda rng, x: x * 100, OUT | SHAPE),
    "zeros 95 -> 90 %": Fault("zeros95", _fewer_zeros, SHARE | SHAPE),
    "5 % unseen category": Fault("cat5", lambda rng, x: _some(rng, x, 0.05, "new"), frozenset({"unseen"})),
    "300 texts: two of ten swapped": Fault("text300", _swapped, SHARE),
}
