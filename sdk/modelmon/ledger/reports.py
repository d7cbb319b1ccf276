"""What apps report, as the ledger of the answers takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelmon.model import Answer, FeatureNumbers, Stats, ValuePoint, WindowFeatures, WindowKey
from modelmon.windows import DONE, FAILED


@dataclass(frozen=True, slots=True)
class AppReport:
    """What an app says of one revision of a window. `answer` is None when it did not say that it ended
    (an MLRun app never does)."""

    key: WindowKey
    endpoint_name: str
    end_us: int
    revision: int
    values: tuple[ValuePoint, ...] = ()
    stats: tuple[Stats, ...] = ()
    features: Mapping[str, FeatureNumbers] = field(default_factory=dict)
    answer: Answer | None = None

    @property
    def results(self) -> list[ValuePoint]:
        return [value for value in self.values if value.kind is not None]

    @property
    def window_features(self) -> WindowFeatures:
        """How the features looked."""
        return WindowFeatures(self.key, self.end_us, self.revision, self.features)

    @property
    def done(self) -> bool:
        return self.answer is not None and self.answer.outcome == DONE

    @property
    def failed(self) -> bool:
        return self.answer is not None and self.answer.outcome == FAILED
