"""What an app may return: results, metrics and statistics, each checked where it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias

from modelmon.errors import ConfigError
from modelmon.model import VALUE_NAME, ResultKindApp, ResultStatusApp

DEEPEST = 100  # levels of nesting in extra data
STATS_NAMES = ("current_stats", "drift_measures")
ALLOWED = (
    "return a ModelMonitoringApplicationResult, a ModelMonitoringApplicationMetric, a list of them, "
    "a dict of metric names to numbers, or None"
)


@dataclass(frozen=True, slots=True)
class ModelMonitoringApplicationResult:
    """A verdict: a named finite number with its kind, its status and whatever the app wants to keep with it.

    A name is of letters, digits and '_' and does not begin with a digit. `extra_data` is JSON of any length.
    Raises ConfigError for another name, a value that is no finite number, an unknown kind or status. For
    extra data that JSON can't hold it names the key.
    """

    name: str
    value: float
    kind: ResultKindApp
    status: ResultStatusApp
    extra_data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        what = f"result {_named(self.name, 'result')}"
        _set(self, "value", _finite(self.value, what))
        _set(self, "kind", _member(ResultKindApp, self.kind, f"{what}: kind"))
        _set(self, "status", _member(ResultStatusApp, self.status, f"{what}: status"))
        _set(self, "extra_data", _plain_dict(self.extra_data, f"{what}: extra_data"))


@dataclass(frozen=True, slots=True)
class ModelMonitoringApplicationMetric:
    """A named finite number. Raises ConfigError as a result does."""

    name: str
    value: float

    def __post_init__(self) -> None:
        _set(self, "value", _finite(self.value, f"metric {_named(self.name, 'metric')}"))


@dataclass(frozen=True, slots=True)
class ModelMonitoringApplicationStats:
    """Statistics that an endpoint shows: `current_stats` or `drift_measures`, as JSON, at a point in time."""

    name: str
    timestamp: datetime
    stats: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.name not in STATS_NAMES:
            raise ConfigError(f"stats are called {' or '.join(STATS_NAMES)}, got {self.name!r}")
        if self.timestamp.tzinfo is None:
            raise ConfigError(f"stats {self.name}: the timestamp must have a time zone, got {self.timestamp}")
        _set(self, "stats", _plain_dict(self.stats, f"stats {self.name}"))


Output: TypeAlias = (
    ModelMonitoringApplicationResult | ModelMonitoringApplicationMetric | ModelMonitoringApplicationStats
)


def outputs(returned: Any) -> list[Output]:
    """What `do_tracking` returned, as a list; ConfigError says what is allowed.

    Every number needs a name of its own, be it of a result or a metric.
    """
    found = _listed(returned)
    seen: set[tuple[bool, str]] = set()
    for output in found:
        if not isinstance(output, Output):
            raise ConfigError(f"an app can't return {output!r} ({type(output).__name__}); {ALLOWED}")
        key = isinstance(output, ModelMonitoringApplicationStats), output.name
        if key in seen:
            raise ConfigError(f"two outputs are called {output.name!r}; each needs a name of its own")
        seen.add(key)
    return found


def _listed(returned: Any) -> list[Any]:
    if returned is None:
        return []
    if isinstance(returned, Mapping):
        return [ModelMonitoringApplicationMetric(name, value) for name, value in returned.items()]
    return list(returned) if isinstance(returned, list | tuple) else [returned]


def _plain_dict(value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a dict, got a {type(value).__name__}")
    return plain(value, where)


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """`value` as JSON can hold it, NumPy's values as plain ones; ConfigError names the key that is wrong."""
    if depth > DEEPEST:
        raise ConfigError(f"{where[:80]}… is nested too deep; {DEEPEST} levels are allowed")
    if hasattr(value, "tolist"):  # numpy, without importing it
        value = value.tolist()
    if isinstance(value, Mapping):
        return {
            _key(key, where): plain(inner, f"{where}[{key!r}]", depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(inner, f"{where}[{place}]", depth + 1) for place, inner in enumerate(value)]
    return _scalar(value, where)


def _scalar(value: Any, where: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} is {value}, which JSON can't hold; leave it out or use None")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ConfigError(f"{where} is an integer of more than 64 bits; write it as a text")
    if isinstance(value, str) and not _is_text(value):
        raise ConfigError(f"{where} is {value!r}, which is no Unicode text")
    if value is None or isinstance(value, str | int | float):
        return value
    raise ConfigError(f"{where} is a {type(value).__name__}, which JSON can't hold")


def _key(key: Any, where: str) -> str:
    if isinstance(key, str) and _is_text(key):
        return key
    if isinstance(key, int):
        return str(key)
    raise ConfigError(f"{where} has the key {key!r} ({type(key).__name__}); keys are Unicode texts")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _named(name: Any, what: str) -> str:
    if not isinstance(name, str) or not VALUE_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not the name of a {what}: at most 255 letters, digits and '_', "
            "not beginning with a digit"
        )
    return name


def _finite(value: Any, what: str) -> float:
    if isinstance(value, str | bytes) or not isinstance(value, SupportsFloat | SupportsIndex):
        raise ConfigError(f"{what}: the value must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:  # an array, or an integer beyond floats
        raise ConfigError(f"{what}: the value must be a number that a float can hold ({error})") from error
    if not math.isfinite(number):
        raise ConfigError(f"{what}: the value must be finite, got {number}")
    return number


def _member(enum: Any, value: Any, what: str) -> Any:
    try:
        return enum(value)
    except ValueError as error:
        known = ", ".join(f"{member.name} ({member.value})" for member in enum)
        raise ConfigError(f"{what} must be one of {known}; got {value!r}") from error


def _set(instance: Any, name: str, value: Any) -> None:
    object.__setattr__(instance, name, value)  # the dataclass is frozen for everyone else
