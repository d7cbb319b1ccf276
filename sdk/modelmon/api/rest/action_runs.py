"""Runs of actions that rules asked for, for programs: listed, and started after all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.rest.paging import LARGEST, PageSize
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring.action_runs import list_runs, retry_run
from modelmon.views.action_runs import ShownRun

BASE = "/api/v1/projects/{project}/action-runs"


class RunsAsked(msgspec.Struct, kw_only=True, frozen=True):
    """Of which incident (its number), and how many at most."""

    incident: Annotated[int, msgspec.Meta(ge=1, le=LARGEST)] | None = None
    page_size: PageSize = 100


@dataclass(frozen=True, slots=True)
class RunsListed:
    """The newest first."""

    runs: tuple[ShownRun, ...]


def listed(asked: Asked, wanted: RunsAsked) -> RunsListed:
    return RunsListed(tuple(list_runs(asked.settings, wanted.incident, wanted.page_size)))


def retry(asked: Asked, parameters: Any) -> ShownRun:
    return retry_run(asked.settings, asked.path["id"], asked.who)


ROUTES = (
    Route("GET", BASE, listed, "Runs of actions, the newest first.", RunsAsked),
    Route(
        "POST", f"{BASE}/{{id}}/retry", retry, "Have an action that did not start started after all.",
        role=Role.OPERATOR, audits=True,
    ),
)  # fmt: skip
