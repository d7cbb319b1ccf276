"""Windows in which nothing came are looked at once they have ended, for the apps that ask for it.

A window is looked at only where the controller was there for the whole of it: what an outage of the chain
itself leaves empty says nothing of an endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from modelmon.ledger import registry
from modelmon.ledger import window_ledger as ledger
from modelmon.ledger.expected_windows import Noticed, note_noticed, read_noticed, want_expected
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, EMPTY_WINDOWS, requiring
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.windows import Clocks, Period, Span, window_of

MOST_AT_ONCE = 2
"""Windows that may end between two ticks; where more have, the controller was away."""
MOST_LOOKED_AT = 100
"""Windows of an app that are looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Expected:
    """So many windows without rows were wanted at `now_us`. `waits`: there are more to look at, once the
    watermark has passed them; `next_us`: before then no other window ends."""

    wanted: int = 0
    waits: bool = False
    now_us: int = 0
    next_us: int = 0


class ExpectedWindows:
    """Looks whenever a window of one of these apps has ended; between that it asks nothing."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._last = Expected()

    @property
    def waits(self) -> bool:
        return self._last.waits

    def look(self, clocks: Clocks) -> int:
        """Want what is expected and empty; returns how many windows. Raises UnavailableError."""
        last = self._last
        if last.now_us <= clocks.now_us < last.next_us and not last.waits:
            return 0
        with self._database.write() as connection:
            self._last = look(connection, self._settings, clocks)
        return self._last.wanted


def look(connection: Connection, settings: Settings, clocks: Clocks) -> Expected:
    """In one transaction; `clocks.watermark_us` was read before all dirty minutes were taken over."""
    asking = requiring(connection, EMPTY_WINDOWS)
    apps = [app for app in registry.active_apps(connection) if app.name in asking]
    period = ledger.project_period(connection, settings.base_period)
    grids = ledger.grids(connection, apps, period)
    known, found = read_noticed(connection), {}
    asleep = requiring(connection, ACTUALS_OR_SCORES) if apps else ()
    wanted, next_us = 0, clocks.now_us + period * 60_000_000
    for name, grid in grids.items():
        now = window_of(clocks.now_us - clocks.grace_us, grid)
        next_us = min(next_us, now.end_us + clocks.grace_us)
        noticed = _noticed(known.get(name), now)
        for span in _ended(noticed, grid):
            if clocks.watermark_us < span.end_us + clocks.grace_us:
                break
            wanted += want_expected(connection, name, span, asleep, clocks.now_us)
            noticed = replace(noticed, looked_us=span.end_us)
        found[name] = noticed
    if found != known:
        note_noticed(connection, found)
    waits = any(each.looked_us < each.noticed_us for each in found.values())
    return Expected(wanted, waits, clocks.now_us, next_us)


def _noticed(before: Noticed | None, now: Span) -> Noticed:
    """With the window that has ended just now. Where the controller was away, or is new here, what ended
    until now is passed over."""
    newest_us, length_us = now.start_us, now.end_us - now.start_us
    if before is None or not 0 <= newest_us - before.noticed_us <= MOST_AT_ONCE * length_us:
        return Noticed(newest_us, newest_us)
    return replace(before, noticed_us=newest_us)


def _ended(noticed: Noticed, grid: Sequence[Period]) -> list[Span]:
    """The windows that were noticed and not looked at."""
    found: list[Span] = []
    start_us = noticed.looked_us
    while start_us < noticed.noticed_us and len(found) < MOST_LOOKED_AT:
        span = window_of(start_us, grid)
        found.append(span)
        start_us = span.end_us
    return found
