"""Limits of a service that somebody has set, instead of what past weeks show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from modelmon.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """At most `max_error_share` of the requests may fail, at most `max_slow_share` take `slow_ms` or longer;
    None: as in past weeks. Raises ConfigError for what is no share and no time."""

    max_error_share: float | None = None
    slow_ms: float | None = None
    max_slow_share: float = 0.05

    def __post_init__(self) -> None:
        for name in ("max_error_share", "max_slow_share"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 <= value < 1):
                raise ConfigError(
                    f"{name}: must be a share of at least 0 and below 1, like 0.01, got {value!r}"
                )
        if self.slow_ms is not None and not (
            _is_number(self.slow_ms) and 0.001 <= self.slow_ms <= 86_400_000
        ):
            raise ConfigError(f"slow_ms: must be milliseconds from 0.001 to a day, got {self.slow_ms!r}")

    @property
    def slow_bits(self) -> int:
        """The power of two, in microseconds, from which on a request is slow: latencies are counted by these,
        so the next one above `slow_ms`."""
        assert self.slow_ms is not None
        return max(0, math.ceil(math.log2(self.slow_ms * 1_000)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
