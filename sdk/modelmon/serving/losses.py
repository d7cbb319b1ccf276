"""What was not published, counted and reported: at most one line a minute in the log."""

from __future__ import annotations

import logging
import threading
import time

from modelmon.counting import count, were

logger = logging.getLogger(__name__)

REPORT_SECONDS = 60.0


class Losses:
    """Counts events that were dropped (no room, or stopped) or that could not be written or stored."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._reported = 0
        self._last_report = self._last_outage = -REPORT_SECONDS
        self._reason = ""
        self.dropped = 0
        self.unreadable = 0
        self.misfits = 0
        self._last_misfit = -REPORT_SECONDS
        self.refusal = ""  # why the stream takes no events now

    def drop(self, events: int, reason: str) -> None:
        """Count events for which there was no room or no time."""
        with self._lock:
            self.dropped += events
            self._reason = reason

    def spoil(self, events: int, error: BaseException) -> None:
        """Count events that can't be written as JSON, or that the stream refused."""
        with self._lock:
            self.unreadable += events
            self._reason = f"{type(error).__name__}: {error}"

    def report(self, *, at_once: bool = False) -> None:
        """Log what was lost since the last report, unless that was less than a minute ago."""
        lost = self.dropped + self.unreadable - self._reported
        if lost and (at_once or time.monotonic() - self._last_report >= REPORT_SECONDS):
            gone = f"{count(lost, 'event')} {were(lost)}"
            logger.warning("%s: %s not logged; the last one: %s", self._url, gone, self._reason)
            self._reported += lost
            self._last_report = time.monotonic()

    def misfit(self, model: str, what: str) -> None:
        """Count an answered request whose rows don't fit together, and log it at most once a minute."""
        self.misfits += 1
        if time.monotonic() - self._last_misfit >= REPORT_SECONDS:
            logger.warning(
                "model %s answered a request with %s; it is logged as far as it goes (%s so far)",
                model, what, self.misfits,
            )  # fmt: skip
            self._last_misfit = time.monotonic()

    def outage(self, held: int, error: Exception) -> None:
        """Log that the stream does not take events now, at most once a minute."""
        self.refusal = f"{self._url} does not take events now: {error}"
        if time.monotonic() - self._last_outage >= REPORT_SECONDS:
            logger.warning("%s does not take events now, %s wait: %s", self._url, held, error)
            self._last_outage = time.monotonic()
