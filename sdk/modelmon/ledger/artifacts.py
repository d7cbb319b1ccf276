"""The ledger of the artifacts: which file an app kept of which window. Written by the writer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from modelmon.ledger.schema import artifacts
from modelmon.model import ArtifactNote, WindowKey
from modelmon.sql.statements import upsert


def note_artifacts(
    connection: Connection, key: WindowKey, end_us: int, revision: int, found: Sequence[ArtifactNote]
) -> None:
    """One row a name: said again, or by a later revision, it takes the place of the one before. What a later
    revision does not name stays, of the earlier one: its file is still there."""
    rows = [
        {
            **key._asdict(), "end_us": end_us, "revision": revision, "name": each.name, "path": each.path,
            "size_bytes": each.size_bytes, "written_us": each.written_us, "tag": each.tag,
        }
        for each in found
    ]  # fmt: skip
    upsert(connection, artifacts, rows, not_below="revision")
