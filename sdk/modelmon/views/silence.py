"""Whether nobody at all is heard in a project, though somebody is expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.counting import count
from modelmon.ledger.expected_windows import all_silent
from modelmon.model import from_us


@dataclass(frozen=True, slots=True)
class Silence:
    """No endpoint had a request in windows from `since` until `until`, nor since; so many were expected."""

    since: datetime
    until: datetime
    endpoints: int

    @property
    def words(self) -> str:
        """As a person reads it.

        >>> from datetime import UTC
        >>> moment = datetime(2026, 11, 30, 8, tzinfo=UTC)
        >>> Silence(moment, moment, 2).words[:43]
        'nobody is heard since 2026-11-30 08:00 UTC:'
        """
        since = f"nobody is heard since {self.since:%Y-%m-%d %H:%M} UTC"
        who = f"none of the {count(self.endpoints, 'endpoint')} that are expected had a request"
        return f"{since}: {who}. Look at the model servers, and at what lies before the events stream"


def read_silence(connection: Connection) -> Silence | None:
    """None where somebody is heard, and where nobody is expected."""
    found = all_silent(connection)
    if found is None:
        return None
    return Silence(from_us(found.since_us), from_us(found.until_us), found.endpoints)
