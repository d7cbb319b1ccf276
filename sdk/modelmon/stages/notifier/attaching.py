"""The report that goes with a mail, where its channel wants one: of the worst incident in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from modelmon.alerting import Channel
from modelmon.model import wall_clock_us
from modelmon.notify import Message
from modelmon.notify.mail import Attachment
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier.lines import RESOLVED
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking

logger = logging.getLogger(__name__)

MOST_BYTES = 4_000_000
"""Many mail servers take ten million, and a mail carries a third more than what is attached to it."""


class Reports:
    """Makes reports; `series` gives what they are drawn of, when the first one is."""

    def __init__(self, settings: Settings, database: Database, series: Callable[[], SeriesStore]) -> None:
        self._settings = settings
        self._database = database
        self._series = series
        self._lock = Lock()

    def of(self, channel: Channel, message: Message) -> Attachment | None:
        """None where the channel wants none, or where there is none: a mail waits for no report."""
        if channel.report != "attach":
            return None
        for line in message.lines:
            if line.what != RESOLVED and line.endpoint_id and line.window:
                try:
                    return self._made(line.endpoint_id, datetime.fromisoformat(line.window))
                except Exception as error:  # noqa: BLE001 - seam: it draws what apps and users stored
                    logger.warning("no report goes with message %s: %s", message.message_id, error)
        return None

    def _made(self, endpoint_id: str, moment: datetime) -> Attachment | None:
        # What draws is loaded where somebody wants it: most projects send links.
        from modelmon.pages.report import make_report

        looking = Looking(wall_clock_us(), self._settings)
        with self._lock:
            report = make_report(self._database, self._series(), looking, endpoint_id, moment)
        content = report.html.encode()
        return Attachment(report.file_name, content) if len(content) <= MOST_BYTES else None
