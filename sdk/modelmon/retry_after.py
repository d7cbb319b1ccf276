"""When a server that refuses for now wants to be asked again."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(header: str, most: float) -> float:
    """Seconds of a `Retry-After`, a number of them or a date, `most` at most; 0 where it says nothing that
    can be understood (RFC 9110, 10.2.3).

    >>> retry_after_seconds("120", 3600.0), retry_after_seconds("99999", 3600.0)
    (120.0, 3600.0)
    >>> retry_after_seconds("soon", 3600.0), retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT", 3600.0)
    (0.0, 0.0)
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), most)
    with suppress(ValueError, OverflowError):
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), most)
    return 0.0
