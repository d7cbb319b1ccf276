"""Is there anything left to do? For `modelmon up --until-idle`, the demo and tests."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

from modelmon.counting import count
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.project_streams import streams_of
from modelmon.function_spec.topics import open_topic
from modelmon.function_spec.triggers import CronTrigger
from modelmon.local.deployment import Deployment
from modelmon.local.needs import EXPORTER, NOTIFIER
from modelmon.model import wall_clock_us
from modelmon.nuclio.lifecycle import WRONG_CONFIGURATION
from modelmon.settings import Settings
from modelmon.streams import Stream

FAILED_STARTS = 3  # a worker that ended so often over its configuration will not come up
MARGIN_SECONDS = 0.5


class Idle:
    """Looks at workers, streams and the ledger. Holds streams and the records open until closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._streams: dict[str, Stream] = {}
        self._records: Any = None
        self._idle_since: float | None = None

    def __enter__(self) -> Idle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.close()
        if self._records is not None:
            self._records.close()

    def left(self, deployments: Iterable[Deployment], now: float) -> str:
        """What is left to do, for people; "" once nothing was for a while.

        A model server keeps its events for up to `publish_flush_seconds` before it sends them, where
        nobody sees them: nothing must be left for longer than that. `now` is a monotonic clock.
        """
        left = self._left(tuple(deployments))
        if left:
            self._idle_since = None
            return left
        if self._idle_since is None:
            self._idle_since = now
        quiet = self._settings.publish_flush_seconds + MARGIN_SECONDS
        return "" if now - self._idle_since >= quiet else "making sure that nothing more comes"

    def unready(self, deployments: Iterable[Deployment]) -> str:
        """Which workers do not run yet. Raises ConfigError for a function that can't run."""
        waiting = []
        for deployment in deployments:
            _check(deployment)
            if deployment.is_preparing:
                waiting.append(f"{deployment.name} waits for its environment")
            waiting += [
                f"{deployment.name} is {worker.state}"
                for worker in deployment.workers
                if worker.state != "ready"
            ]
        return ", ".join(dict.fromkeys(waiting))

    def _left(self, deployments: tuple[Deployment, ...]) -> str:
        try:
            left = self.unready(deployments) or self._lag(deployments)
            # Without a controller nobody will look at minutes and windows: they wait for it to come back.
            left = left or (self._ledger() if any(map(_ticks, deployments)) else "")
            names = {each.name for each in deployments}
            left = left or (self._export() if EXPORTER in names else "")
            return left or (self._untold() if NOTIFIER in names else "")
        except UnavailableError as error:
            return f"waiting: {error}"

    def _lag(self, deployments: tuple[Deployment, ...]) -> str:
        lags = {
            deployment.name: sum(
                sum(self._stream(read.topic).lag(read.group).values())
                for read in streams_of(deployment.name, deployment.spec)
            )
            for deployment in deployments
        }
        return ", ".join(f"{name} has {count(lag, 'message')} to read" for name, lag in lags.items() if lag)

    def _ledger(self) -> str:
        from modelmon.views.left_to_do import left_to_do

        left = left_to_do(self._ours(), {}, wall_clock_us(), self._settings)
        minutes = [f"{count(left.minutes, 'minute')} with new rows to look at"] * bool(left.minutes)
        windows = [f"windows {state.value}: {many:,}" for state, many in left.windows.items()]
        return ", ".join([*minutes, *windows])

    def _export(self) -> str:
        """A collector that takes nothing is not waited for: the rest goes when the functions run again."""
        from modelmon.ledger.exporting import OTLP, backlog, read_export

        with self._ours().read() as connection:
            waiting, export = backlog(connection), read_export(connection, OTLP)
        is_left = waiting.windows and not export.problem
        return f"{count(waiting.windows, 'window')} to send to the collector" if is_left else ""

    def _untold(self) -> str:
        """A channel that takes nothing is not waited for, either."""
        from modelmon.ledger.notices import untold

        with self._ours().read() as connection:
            waiting = untold(connection)
        return f"{count(waiting, 'piece')} of news to tell" if waiting else ""

    def _ours(self) -> Any:
        # SQLAlchemy only for those who wait for idle.
        from modelmon.ledger.records import open_records

        self._records = self._records or open_records(self._settings)
        return self._records

    def _stream(self, topic: str) -> Stream:
        if topic not in self._streams:
            self._streams[topic] = open_topic(self._settings, topic)
        return self._streams[topic]


def _ticks(deployment: Deployment) -> bool:
    """Whether this may be a controller; the exporter and the notifier tick, too, and look at no window."""
    if deployment.name in (EXPORTER, NOTIFIER):
        return False
    triggers = deployment.spec.triggers if deployment.spec else ()
    return any(isinstance(trigger, CronTrigger) for trigger in triggers)


def _check(deployment: Deployment) -> None:
    if deployment.error:
        raise ConfigError(f"{deployment.name} does not run: {deployment.error}")
    for worker in deployment.workers:
        if worker.exit_code == WRONG_CONFIGURATION and worker.restarts >= FAILED_STARTS:
            raise ConfigError(f"{deployment.name} does not start: its configuration is wrong, see its log")
