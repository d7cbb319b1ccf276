"""What past windows of an endpoint held, as an app reads and keeps it; offline there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmon.ledger.past_windows import KeptWindow, keep_window, read_newest, read_windows
from modelmon.model import WindowKey
from modelmon.sql.database import Database

if TYPE_CHECKING:
    from modelmon.stats.profile import Profile
    from modelmon.stats.seasons import PastWindow

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class PastWindows:
    """The windows that one app has judged of one endpoint. Without a database none is known or kept."""

    endpoint_id: str = ""
    application_name: str = ""
    database: Database | None = None

    def read(
        self, starts_seconds: Sequence[int], window_seconds: int, cells: str, profile: Profile, floor: float
    ) -> list[PastWindow]:
        """The windows of this length that began then, counted in the cells of the profile, in order.

        Raises UnavailableError.
        """
        from modelmon.stats import PastWindow, unpack_counts

        if self.database is None or not starts_seconds:
            return []
        starts_us = [start * SECOND_US for start in starts_seconds]
        with self.database.read() as connection:
            found = read_windows(connection, self.endpoint_id, self.application_name, starts_us, cells)
        return [
            PastWindow(
                each.start_us // SECOND_US,
                unpack_counts(each.counts, profile),
                each.alarmed,
                each.stands_out if each.floor == floor else None,
            )
            for each in found
            if each.end_us - each.start_us == window_seconds * SECOND_US
        ]

    def newest(self, cells: str, before_us: int, most: int) -> list[KeptWindow]:
        """The newest windows that began before then and were kept under these cells, the newest first.
        Raises UnavailableError."""
        if self.database is None:
            return []
        with self.database.read() as connection:
            return read_newest(connection, self.endpoint_id, self.application_name, cells, before_us, most)

    def at(self, cells: str, start_us: int) -> KeptWindow | None:
        """The window that began then, if it was kept under these cells. Raises UnavailableError."""
        if self.database is None:
            return None
        with self.database.read() as connection:
            found = read_windows(connection, self.endpoint_id, self.application_name, [start_us], cells)
        return found[0] if found else None

    def keep(self, kept: KeptWindow, revision: int) -> None:
        """Keep a window for those that come after it. Raises UnavailableError."""
        if self.database is not None:
            key = WindowKey(self.endpoint_id, self.application_name, kept.start_us)
            with self.database.write() as connection:
                keep_window(connection, key, revision, kept)
