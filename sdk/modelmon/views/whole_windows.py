"""The newest window of an endpoint that was judged, and the newest that was judged whole."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, func, select

from modelmon.ledger import registry
from modelmon.ledger.schema import app_stats, endpoint_apps, windows
from modelmon.settings import Settings
from modelmon.views.features import CURRENT
from modelmon.windows import DONE


@dataclass(frozen=True, slots=True)
class Judged:
    """Starts of windows, None where there is none. Whole is one that has enough rows, and in which monitoring
    neither began nor ended."""

    newest_us: int | None
    whole_us: int | None

    @property
    def shown_us(self) -> int | None:
        """That of the newest whole one; where none is, of the newest."""
        return self.newest_us if self.whole_us is None else self.whole_us


def newest_judged(connection: Connection, settings: Settings, endpoint_id: str) -> Judged:
    """Of apps that give statistics; where none does, of all."""
    apps = [app.name for app in registry.active_apps(connection)]
    stats = select(app_stats.c.application_name).where(
        app_stats.c.endpoint_id == endpoint_id, app_stats.c.name == CURRENT,
        app_stats.c.application_name.in_(apps),
    )  # fmt: skip
    is_whole = and_(windows.c.incomplete == 0, windows.c.rows >= settings.app_min_rows)
    newest, whole = _newest_of_app(), _newest_of_app(is_whole)
    query = select(func.max(newest), func.max(whole)).where(endpoint_apps.c.endpoint_id == endpoint_id)
    of_app = endpoint_apps.c.application_name
    for chosen in (of_app.in_(stats), of_app.in_(apps)):
        found = Judged(*connection.execute(query.where(chosen)).one())
        if found.newest_us is not None:
            break
    return found


def _newest_of_app(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """Of an endpoint and app the start of the newest window that was judged and is so: the key leads there,
    however long the history."""
    mine = (
        windows.c.endpoint_id == endpoint_apps.c.endpoint_id,
        windows.c.application_name == endpoint_apps.c.application_name,
        windows.c.outcome == DONE,
    )
    start = windows.c.start_us
    query = select(start).where(*mine, *conditions).order_by(start.desc()).limit(1)
    return query.correlate(endpoint_apps).scalar_subquery()
