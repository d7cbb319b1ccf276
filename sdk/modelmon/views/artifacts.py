"""Files that apps kept of the windows they judged, the newest windows first, in pages."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from modelmon.errors import ConfigError
from modelmon.ledger.schema import artifacts, endpoints, windows
from modelmon.model import from_us, to_us
from modelmon.stores.artifacts import is_below

_AFTER = re.compile(r"(-?\d{1,18})~([\w-]+)~([\w-]+)~(.+)", re.ASCII)
_PLACE = (
    artifacts.c.start_us.desc(), artifacts.c.endpoint_id, artifacts.c.application_name, artifacts.c.name,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """One file. `path` is below `artifacts_path` where `is_here`, and can be read from there
    (`stores.artifacts`); else it is the address that the app chose. `endpoint_name` is the id where there is
    no record."""

    endpoint_id: str
    endpoint_name: str
    application_name: str
    start_infer_time: datetime
    end_infer_time: datetime
    name: str
    tag: str
    size_bytes: int
    written: datetime
    revision: int
    path: str
    is_here: bool

    @property
    def media_type(self) -> str:
        """By the ending of its name."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ArtifactQuery:
    """Which artifacts: of this endpoint, of this app, of this window (None: all). At most `limit`, after
    where the page before ended (`ArtifactPage.after`)."""

    endpoint_id: str | None = None
    application_name: str | None = None
    start: datetime | None = None
    limit: int = 50
    after: str = ""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"limit: a page has at least one artifact, got {self.limit}")
        if self.after and not _AFTER.fullmatch(self.after):
            raise ConfigError(f"after: {self.after!r} is not what a page of artifacts ended with")


@dataclass(frozen=True, slots=True)
class ArtifactPage:
    """Some artifacts; `after` asks for the next page, "" on the last one."""

    artifacts: tuple[ArtifactView, ...]
    after: str


def list_artifacts(connection: Connection, query: ArtifactQuery) -> ArtifactPage:
    """Those that the newest revision of each window gave; what an earlier one gave alone is not shown."""
    rows = connection.execute(_select(query).order_by(*_PLACE).limit(query.limit + 1)).all()
    found, more = tuple(map(_shown, rows[: query.limit])), len(rows) > query.limit
    return ArtifactPage(found, _after(rows[query.limit - 1]) if more else "")


def find_artifact(
    connection: Connection, endpoint_id: str, application_name: str, start: datetime, name: str
) -> ArtifactView | None:
    """The one of this name in the window that starts then."""
    query = _select(ArtifactQuery(endpoint_id, application_name, start)).where(artifacts.c.name == name)
    row = connection.execute(query).first()
    return None if row is None else _shown(row)


def _select(query: ArtifactQuery) -> Select[Any]:
    key = ("endpoint_id", "application_name", "start_us")
    of_window = and_(*(windows.c[each] == artifacts.c[each] for each in key))
    return (
        select(artifacts, endpoints.c.name.label("endpoint_name"))
        .outerjoin(endpoints, endpoints.c.endpoint_id == artifacts.c.endpoint_id)
        .outerjoin(windows, of_window)
        .where(or_(windows.c.answered.is_(None), windows.c.answered <= artifacts.c.revision))
        .where(*_conditions(query))
    )


def _conditions(query: ArtifactQuery) -> list[ColumnElement[bool]]:
    columns = artifacts.c
    wanted = (
        (columns.endpoint_id, query.endpoint_id), (columns.application_name, query.application_name),
        (columns.start_us, None if query.start is None else to_us(query.start)),
    )  # fmt: skip
    found: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if (after := _AFTER.fullmatch(query.after)) is not None:
        start_us, (endpoint_id, app, name) = int(after[1]), after.groups()[1:]
        later_name = and_(columns.application_name == app, columns.name > name)
        later_app = and_(columns.endpoint_id == endpoint_id, or_(columns.application_name > app, later_name))
        later = or_(columns.start_us < start_us, columns.endpoint_id > endpoint_id, later_app)
        found += [columns.start_us <= start_us, later]  # worded so that every database sees a range
    return found


def _after(row: Row[Any]) -> str:
    return f"{row.start_us}~{row.endpoint_id}~{row.application_name}~{row.name}"


def _shown(row: Row[Any]) -> ArtifactView:
    return ArtifactView(
        row.endpoint_id, row.endpoint_name or row.endpoint_id, row.application_name, from_us(row.start_us),
        from_us(row.end_us), row.name, row.tag, row.size_bytes, from_us(row.written_us), row.revision,
        row.path, is_below(row.path),
    )  # fmt: skip
