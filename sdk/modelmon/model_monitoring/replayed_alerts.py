"""What rules would have raised over what is stored of a project."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from modelmon.alerting import read_alerts
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints
from modelmon.ledger.alert_files import newest_file
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.silencing import Names
from modelmon.model_monitoring.until import length_us, written_us
from modelmon.model_monitoring.written_times import Time
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.views.replaying import Replayed, Span, newest_end_us, replay


def replay_alerts(
    settings: Settings, since: Time = "30d", text: str | None = None, names: Names = None
) -> Replayed:
    """What the rules of this `alerts.yaml` (None: those that count) would have raised of the windows that are
    stored, by rule, endpoint and day, beside what was raised. Nothing is sent or written.

    `since` is a time, or a length of time before the newest window that was judged, as "30d". Raises
    ConfigError for mistakes of the file, for an endpoint that is not there, and for too many windows.
    """
    alerts = None if text is None else read_alerts(text)
    named = [names] if isinstance(names, str) else list(names or ())
    with opened(settings) as database, closing(open_series(settings)) as series:
        with database.read() as connection:
            end_us = newest_end_us(connection)
            chosen = _ids(list(endpoints.find(connection)), named) if named else None
            alerts = newest_file(connection).alerts if alerts is None else alerts
        span = Span(_start_us(since, end_us), end_us, chosen)
        return replay(database, series, settings, alerts, span)


def _start_us(since: Time, end_us: int) -> int:
    length = length_us(since, "since")
    start_us = written_us(since, "since", "'30d'") if length is None else max(0, end_us - length)
    if end_us and start_us >= end_us:
        raise ConfigError(f"since: {since} is not before the newest window that was judged")
    return start_us


def _ids(known: Sequence[Endpoint], names: Sequence[str]) -> set[str]:
    found = set()
    for name in names:
        if not isinstance(name, str):
            raise ConfigError(f"endpoint: must be a name or an id, got {name!r}")
        same = {each.endpoint_id for each in known if name in (each.name, each.endpoint_id)}
        if not same:
            raise no_such(f"endpoint: there is no endpoint {name!r}", name, [each.name for each in known])
        found |= same
    return found
