"""Times on the wire: ISO 8601 text, read leniently and always written in one form."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from modelmon.errors import RejectedError
from modelmon.model import EPOCH, MICROSECOND, Window, from_us, to_us
from modelmon.wire.identity import shown

EXAMPLE = "2025-01-31 10:00:00.123456+00:00"
LATEST_US = to_us(datetime(9999, 12, 31, tzinfo=UTC))
_parse = datetime.fromisoformat


def read_moment(value: object, field: str) -> int:
    """Microseconds since the epoch of an ISO text ('T' or ' ', 'Z' or offset; without one: UTC).

    Finer digits than microseconds are cut off. Raises RejectedError for anything else, for numbers
    and for times before 1970.
    """
    if type(value) is not str:
        raise RejectedError(_wrong(value), field)
    try:
        moment = _parse(value)
        if value[10] not in " Tt":
            raise RejectedError(_wrong(value), field)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        microseconds = (moment - EPOCH) // MICROSECOND
    except (ValueError, IndexError, OverflowError):
        raise RejectedError(_wrong(value), field) from None
    if 0 <= microseconds < LATEST_US:
        return microseconds
    raise RejectedError(f"must lie between 1970 and 9999, got {shown(value)}", field)


def _wrong(value: object) -> str:
    if value is None:
        return f"missing; write a time in UTC as {EXAMPLE!r}"
    kind = "a number" if isinstance(value, int | float) else "no time"
    return f"{shown(value)} is {kind}; write it in UTC as {EXAMPLE!r}"


def write_moment(microseconds: int) -> str:
    """The wire's form of a time.

    >>> write_moment(0)
    '1970-01-01 00:00:00.000000+00:00'
    """
    second, rest = divmod(microseconds, 1_000_000)
    return f"{_written_second(second)}.{rest:06d}+00:00"


@lru_cache(256)  # the moments that are written lie close together
def _written_second(second: int) -> str:
    return from_us(second * 1_000_000).isoformat(" ", "seconds")[:-6]


def read_window(start: object, end: object, *, inclusive: bool) -> Window:
    """The half-open window of `start_infer_time` and `end_infer_time`.

    `inclusive`: the sender is MLRun, whose windows end a microsecond early (…:59.999999).
    """
    start_us, end_us = read_moment(start, "start_infer_time"), read_moment(end, "end_infer_time")
    if inclusive and end_us % 1_000_000 == 999_999:
        end_us += 1
    if start_us >= end_us:
        raise RejectedError(
            f"must come after start_infer_time {shown(start)}, got {shown(end)}", "end_infer_time"
        )
    return Window(from_us(start_us), from_us(end_us))


def window_fields(window: Window) -> dict[str, str]:
    """`start_infer_time` and `end_infer_time` (exclusive) of a window."""
    return {
        "start_infer_time": write_moment(to_us(window.start)),
        "end_infer_time": write_moment(to_us(window.end)),
    }
