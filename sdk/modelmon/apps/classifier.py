"""From a drift value to a status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from modelmon.errors import ConfigError
from modelmon.model import ResultStatusApp


class ValueClassifier(Protocol):
    """Any object with this method may decide the statuses of the drift app."""

    def value_to_status(self, value: float) -> ResultStatusApp:
        """The status of a drift value in [0, 1]."""


@dataclass(frozen=True, slots=True)
class DataDriftClassifier:
    """Detected from `detected` on, a potential detection from `potential` on.

    Raises ConfigError unless 0 < potential < detected < 1.

    >>> DataDriftClassifier().value_to_status(0.5).name
    'potential_detection'
    """

    potential: float = 0.5
    detected: float = 0.7

    def __post_init__(self) -> None:
        numbers = all(isinstance(each, int | float) for each in (self.potential, self.detected))
        if not (numbers and 0 < self.potential < self.detected < 1):
            raise ConfigError(
                "drift thresholds must keep 0 < potential < detected < 1, "
                f"got potential {self.potential!r} and detected {self.detected!r}"
            )

    def value_to_status(self, value: float) -> ResultStatusApp:
        if value >= self.detected:
            return ResultStatusApp.detected
        return (
            ResultStatusApp.potential_detection if value >= self.potential else ResultStatusApp.no_detection
        )
