"""Challengers for programs: listed, shown, approved, rejected and rolled back; and the runs of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.paging import Paged, whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.model_monitoring.telling import quietly
from modelmon.views.challengers import (
    Challenger,
    ChallengerPage,
    ShownRun,
    list_challengers,
    list_runs,
    one_challenger,
)

BASE = "/api/v1/projects/{project}/challengers"
RUNS = "/api/v1/projects/{project}/job-runs"


class Decision(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why, as far as anybody says."""

    comment: str = ""


class RunAsked(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A run of `job` for `endpoint`, a name or id, on rows from `start` to `end` where they are given."""

    job: str
    endpoint: str
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class AskedRun:
    """The id of a run that was asked for."""

    run_id: str


@dataclass(frozen=True, slots=True)
class JobRuns:
    """The newest first, at most a hundred."""

    runs: tuple[ShownRun, ...]


def listed(asked: Asked, wanted: Paged) -> ChallengerPage:
    with asked.database.read() as connection:
        return list_challengers(connection, asked.settings, wanted.page_size, wanted.page_token)


def one(asked: Asked, parameters: Any) -> Challenger:
    number = known_number(asked)
    with asked.database.read() as connection:
        return one_challenger(connection, asked.settings, number)


def approve(asked: Asked, parameters: Any) -> Challenger:
    return decided(asked, "approve", _comment(asked))


def reject(asked: Asked, parameters: Any) -> Challenger:
    return decided(asked, "reject", _comment(asked))


def rollback(asked: Asked, parameters: Any) -> Challenger:
    return decided(asked, "rollback", _comment(asked))


def runs(asked: Asked, parameters: Any) -> JobRuns:
    with asked.database.read() as connection:
        return JobRuns(list_runs(connection, asked.settings))


def run(asked: Asked, parameters: Any) -> AskedRun:
    from modelmon.project.jobs import ask_run

    given = read_body(asked, RunAsked)
    with quietly():
        return AskedRun(
            ask_run(asked.settings, given.job, given.endpoint, given.start, given.end, who=asked.who)
        )


def known_number(asked: Asked) -> int:
    """Of the challenger that the address names. Raises Problem 404 where there is none."""
    number = whole_number(asked.path["number"])
    try:
        with asked.database.read() as connection:
            one_challenger(connection, asked.settings, number or 0)
    except ConfigError as error:
        raise Problem(404, str(error), "number") from None
    assert number is not None, "it is there"
    return number


def decided(asked: Asked, what: str, comment: str) -> Challenger:
    """Do what was decided, as the one who asks; the challenger as it stands then."""
    from modelmon.project.deciding import approve, reject, roll_back
    from modelmon.project.project import Project

    number, acts = known_number(asked), {"approve": approve, "reject": reject, "rollback": roll_back}
    project = Project(asked.settings.project, Path(asked.settings.project_dir))
    with quietly():
        acts[what](project, number, comment, who=asked.who)
    with asked.database.read() as connection:
        return one_challenger(connection, asked.settings, number)


def _comment(asked: Asked) -> str:
    return read_body(asked, Decision).comment if asked.body else ""


ROUTES = (
    Route("GET", BASE, listed, "The challengers, the newest first.", Paged),
    Route("GET", f"{BASE}/{{number}}", one, "One challenger, with its review beside the champion."),
    Route(
        "POST", f"{BASE}/{{number}}/approve", approve,
        "Have a challenger take the place of the champion, which is deployed.", body=Decision,
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/{{number}}/reject", reject, "Say that a challenger is not wanted.", body=Decision,
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/{{number}}/rollback", rollback,
        "Bring back the champion that a challenger has taken the place of.", body=Decision,
        role=Role.OPERATOR, audits=True,
    ),
    Route("GET", RUNS, runs, "The newest runs of jobs."),
    Route(
        "POST", RUNS, run, "Ask for a run of a job.", body=RunAsked, role=Role.OPERATOR, audits=True,
    ),
)  # fmt: skip
