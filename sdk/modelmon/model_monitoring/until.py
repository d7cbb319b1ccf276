"""Until when, as people write it: a moment, or how long from now."""

from __future__ import annotations

from datetime import timedelta

from modelmon.alerting.kinds import TOO_LONG, duration_us, is_too_long
from modelmon.errors import ConfigError
from modelmon.model import DAY_US
from modelmon.model_monitoring.written_times import Time, moment_us

Until = Time | timedelta
FURTHEST_US = 366 * DAY_US


def until_us(until: Until, now_us: int) -> int | None:
    """Microseconds of a moment, or of `2h` or a timedelta from now; None for None.

    Raises ConfigError for what is none, is past, or is more than a year away.

    >>> until_us("2h", 0), until_us(None, 0)
    (7200000000, None)
    """
    if until is None:
        return None
    if isinstance(until, timedelta):
        moment = now_us + round(until / timedelta(microseconds=1))
    else:
        length = length_us(until, "until")
        moment = written_us(until, "until", "'2h'") if length is None else now_us + length
    if not now_us < moment <= now_us + FURTHEST_US:
        raise ConfigError(f"until: must be a moment to come, a year from now at most, got {until!r}")
    return moment


def length_us(given: Until, argument: str) -> int | None:
    """Microseconds of a length of time, as `2h`; None for what is none. Raises ConfigError for one that is
    too long."""
    if is_too_long(given):
        raise ConfigError(f"{argument}: {given!r} {TOO_LONG}")
    return duration_us(given)


def written_us(moment: Time, argument: str, length: str) -> int:
    """Microseconds of a moment, where a `length` such as "'2h'" would be right, too. Raises ConfigError."""
    try:
        return moment_us(moment, argument, 0)
    except ConfigError:
        raise ConfigError(
            f"{argument}: {moment!r} is neither a length of time, as {length}, nor a moment, as "
            "'2025-01-31 10:00'"
        ) from None
