"""One tick: facts become news, news becomes messages, messages are sent.

Each step is a transaction of its own and may be killed: what was noted is there, what was not comes again.
A message that was sent and not marked goes again under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from modelmon.alerting import Alerts, Channel
from modelmon.errors import UnavailableError
from modelmon.ledger.alert_files import HeldAlerts
from modelmon.ledger.messages import due_messages
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.ledger.records import open_records
from modelmon.model import MINUTE_US
from modelmon.notify import Message, send, start
from modelmon.notify.mail import Attachment
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.locks import NOTIFIER
from modelmon.sql.turns import alone
from modelmon.stages.notifier.acting import Start, act
from modelmon.stages.notifier.attaching import Reports
from modelmon.stages.notifier.composing import compose
from modelmon.stages.notifier.delivering import deliver
from modelmon.stages.notifier.digesting import tell_digest
from modelmon.stages.notifier.gathering import gather
from modelmon.stages.notifier.listening import ahead_us, set_clock_right
from modelmon.stages.notifier.reminding import remind
from modelmon.stages.notifier.retraining import DeployingAgain, end_overdue
from modelmon.stages.notifier.timing import TimedRules
from modelmon.stages.notifier.wellbeing import Beating
from modelmon.stages.notifier.withholding import release
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore

logger = logging.getLogger(__name__)

BUSY = "another notifier is at work"
TICK_SECONDS = 20.0
OWN_SECONDS = 5.0
"""Messages, and after them actions, have so long at least, however long what comes before them takes."""


class Notifier:
    """Works whenever it is called, at any rate and on any number of replicas, one at a time."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        send: Callable[[Channel, Message, Attachment | None], str] = send,
        start: Start = start,
        series: SeriesStore | None = None,
    ) -> None:
        self._settings = settings
        self._page_url = settings.of(NotifySettings).page_url
        self._database = database
        self._send = send
        self._reports = Reports(settings, database, self._open_series)
        self._start = start
        self._turn = Lock()
        self._reminded_us = 0
        self._deploying = DeployingAgain(settings)
        self._alerts = HeldAlerts()
        self._series = series
        self._beating = Beating(database)
        self._timed = TimedRules(database, settings, self._open_series)

    @classmethod
    def open(cls, settings: Settings) -> Notifier:
        """A notifier on the project's records. Raises ConfigError and UnavailableError."""
        return cls(settings, open_records(settings))

    async def tick(self, now_us: int) -> Mapping[str, Any]:
        """Tell what there is to tell; returns how many messages were made, sent, put off and refused.

        Raises UnavailableError when the records can't be reached.
        """
        return await asyncio.to_thread(self.tick_blocking, now_us)

    def tick_blocking(self, now_us: int) -> Mapping[str, Any]:
        """As `tick`, in this thread."""
        with alone(self._turn, self._database, NOTIFIER) as mine:
            return self._work(now_us) if mine else {"state": BUSY}

    async def close(self) -> None:
        """Release everything."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            if self._series is not None:
                self._series.close()
            self._database.close()

    def _open_series(self) -> SeriesStore:
        """When a rule needs it."""
        if self._series is None:
            self._series = open_series(self._settings)
        return self._series

    def _work(self, now_us: int) -> Mapping[str, Any]:
        began = time.monotonic()
        self._set_clock_right(now_us)
        with self._database.read() as connection:
            alerts = self._alerts.newest(connection)
        problem = self._look(alerts, now_us)
        read = self._gather(alerts, now_us, began)
        release(self._database, alerts, now_us)  # before that it is over may be told
        self._remind(alerts, now_us)
        tell_digest(self._database, self._settings, alerts, self._page_url, now_us)
        made = compose(self._database, self._settings, alerts, self._page_url, now_us)
        done = deliver(self._database, alerts, self._send_whole, now_us, _left(began))
        started = act(self._database, alerts, self._start, self._settings, now_us, _left(began))
        silent = self._beating.beat(alerts.heartbeat, problem, now_us)
        with self._database.read() as connection:
            is_left = bool(due_messages(connection, now_us, 1))
        return {
            "state": "done", "facts": read, "messages": made, "sent": done.sent, "later": done.later,
            "refused": done.refused, "left": is_left, "started": started,
            "unavailable": {
                **({"rules by the clock": problem} if problem else {}),
                **({"heartbeat": silent} if silent else {}),
                **{f"channel {name}": said for name, said in sorted(done.problems.items())},
            },
        }  # fmt: skip

    def _set_clock_right(self, now_us: int) -> None:
        with self._database.read() as connection:
            if not ahead_us(connection, now_us):
                return
        with self._database.write() as connection:
            by_us = set_clock_right(connection, now_us)
        logger.warning("the clock went back by %.0f s: what waits is put back by as much", by_us / 1e6)

    def _look(self, alerts: Alerts, now_us: int) -> str:
        """Returns why rules could not be looked at, or "": messages go out all the same."""
        try:
            self._timed.look(alerts, now_us)
        except UnavailableError as error:
            logger.warning("rules by the clock can't be looked at: %s", error)
            return str(error)
        return ""

    def _send_whole(self, channel: Channel, message: Message) -> str:
        return self._send(channel, message, self._reports.of(channel, message))

    def _remind(self, alerts: Alerts, now_us: int) -> None:
        """At most once a minute: it reads everything that is open."""
        if 0 <= now_us - self._reminded_us < MINUTE_US:
            return
        end_overdue(self._database, now_us)
        self._deploying.look(self._database, now_us)
        remind(self._database, self._settings, alerts, self._page_url, now_us)
        self._reminded_us = now_us

    def _gather(self, alerts: Alerts, now_us: int, began: float) -> int:
        read = 0
        while time.monotonic() - began < TICK_SECONDS:
            some = gather(self._database, self._settings, alerts, self._page_url, now_us)
            read += some
            if not some:
                break
        return read


def _left(began: float) -> float:
    return max(OWN_SECONDS, TICK_SECONDS - (time.monotonic() - began))
