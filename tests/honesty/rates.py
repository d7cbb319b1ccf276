"""A measured rate with its interval, and one row of the battery."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

LEVEL = 0.99


@dataclass(frozen=True, slots=True)
class Rate:
    """Hits of so many windows."""

    hits: int
    windows: int

    @property
    def value(self) -> float:
        return self.hits / max(self.windows, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's, of 99 %: the true rate lies in it, whatever it is."""
        tail = (1 - LEVEL) / 2
        low = float(beta.ppf(tail, self.hits, self.windows - self.hits + 1)) if self.hits else 0.0
        is_all = self.hits == self.windows
        return low, 1.0 if is_all else float(beta.ppf(1 - tail, self.hits + 1, self.windows - self.hits))

    def is_above(self, rate: float) -> bool:
        """Whether the true rate is above this one, as sure as the interval."""
        return self.interval[0] > rate

    def is_below(self, rate: float) -> bool:
        return self.interval[1] < rate

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.hits} of {self.windows} [{low:.3f}, {high:.3f}]"


@dataclass(frozen=True, slots=True)
class Row:
    """One claim of the battery, what was found, and whether it holds."""

    number: str
    claim: str
    cells: dict[str, str]
    """What was found, by cell."""
    holds: bool
    said: str
    """What was found, in a sentence."""
