"""What endpoints are compared with, for programs: a period is made the reference, listed and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.rest.bodies import read_body
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring.references import (
    ReferenceVersion,
    list_references,
    set_reference,
    undo_reference,
)

BASE = "/api/v1/projects/{project}/references/{endpoint}"


class Period(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From `start` to `end`, which is now unless it is given."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class References:
    """The newest first, at most a hundred; the first is what counts."""

    references: tuple[ReferenceVersion, ...]


def listed(asked: Asked, parameters: Any) -> References:
    return References(list_references(asked.settings, asked.path["endpoint"]))


def post(asked: Asked, parameters: Any) -> ReferenceVersion:
    given = read_body(asked, Period)
    return set_reference(asked.settings, asked.path["endpoint"], given.start, given.end, who=asked.who)


def delete(asked: Asked, parameters: Any) -> ReferenceVersion:
    return undo_reference(asked.settings, asked.path["endpoint"], who=asked.who)


ROUTES = (
    Route("GET", BASE, listed, "What an endpoint is and was compared with, the newest first."),
    Route(
        "POST", BASE, post, "Make a period the reference of an endpoint.", body=Period,
        role=Role.OPERATOR, audits=True,
    ),
    Route("DELETE", BASE, delete, "Bring back the reference before.", role=Role.OPERATOR, audits=True),
)  # fmt: skip
