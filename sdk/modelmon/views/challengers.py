"""Challengers as people and programs see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import challengers, endpoints, job_runs
from modelmon.ledger.challengers import BEGUN, UNSETTLED, KeptChallenger
from modelmon.ledger.job_runs import JobRun
from modelmon.model import from_us
from modelmon.private_columns import shown_error, without_private
from modelmon.settings import Settings
from modelmon.views.challenger_reviews import Distance, Review

MOST_CHALLENGERS, MOST_RUNS = 100, 100
LATE = timedelta(minutes=15)
"""So long after it was decided what is not deployed is trouble, though no try has failed."""


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model that is logged to take the place of what an endpoint serves.

    `state` is `awaiting review`, `approved` (and not deployed yet), `deployed`, `rejected`, `rolling back` or
    `rolled back`; `who` decided, with a `comment`; `approved_by` has approved, also where it was rolled back
    since. `why` it is not deployed, after so many `tries`; before `next_try` nobody tries by himself.
    `champion` is what it takes the place of, once that is decided. `run_id`: the run that logged it.
    """

    number: int
    endpoint_id: str
    endpoint_name: str
    model: str
    champion: str
    state: str
    made: datetime
    trained_until: datetime | None
    class_args: dict[str, Any]
    run_id: str
    who: str
    comment: str
    decided: datetime | None
    tries: int
    why: str
    deployed: datetime | None
    reviewed: datetime | None
    review: Review | None
    approved_by: str
    approved_comment: str
    approved: datetime | None
    next_try: datetime | None

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return self.review.verdict if self.review else "not judged yet"

    @property
    def is_left(self) -> bool:
        """Whether it is decided and not deployed."""
        return self.state in UNSETTLED

    def is_stuck(self, now: datetime) -> bool:
        """Whether somebody should look why it is not deployed: a try has failed, or time has passed."""
        has_failed = self.tries > 0 and self.why not in ("", BEGUN)
        return self.is_left and (has_failed or self.decided is None or now - self.decided >= LATE)


@dataclass(frozen=True, slots=True)
class ChallengerPage:
    """The newest first. `after` gives the next page, "" on the last one."""

    challengers: tuple[Challenger, ...]
    after: str


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run of a job: `requested`, `running`, `done`, `failed` or `timed out`; `challenger` is the number of
    the one that it has logged."""

    run_id: str
    job: str
    endpoint_id: str
    endpoint_name: str
    who: str
    state: str
    why: str
    made: datetime
    started: datetime | None
    ended: datetime | None
    challenger: int | None


def check_limit(limit: object) -> None:
    """Raises ConfigError for what is no length of a page."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_CHALLENGERS:
        raise ConfigError(f"limit: must be a number from 1 to {MOST_CHALLENGERS}, got {limit!r}")


def one_challenger(connection: Connection, settings: Settings, number: int) -> Challenger:
    """Without what is private. Raises ConfigError where there is none of this number."""
    return _shown(connection, settings, [challengers.one(connection, number)])[0]


def list_challengers(
    connection: Connection,
    settings: Settings,
    limit: int = MOST_CHALLENGERS,
    after: str = "",
    endpoint_id: str | None = None,
) -> ChallengerPage:
    """The newest, of one endpoint or of all; `after` is what the page before said."""
    before = int(after) if after.isdecimal() else None
    found = challengers.newest(connection, limit + 1, before, endpoint_id)
    more = str(found[limit - 1].number) if len(found) > limit else ""
    return ChallengerPage(tuple(_shown(connection, settings, found[:limit])), more)


def list_left(connection: Connection, settings: Settings) -> tuple[Challenger, ...]:
    """Those that are decided and not deployed, the oldest first."""
    return tuple(_shown(connection, settings, challengers.unsettled(connection, MOST_CHALLENGERS)))


def list_runs(connection: Connection, settings: Settings, limit: int = MOST_RUNS) -> tuple[ShownRun, ...]:
    """The newest runs of jobs."""
    found = job_runs.newest_runs(connection, limit)
    names = _names(connection, [each.endpoint_id for each in found])
    return tuple(_run(connection, settings, each, names) for each in found)


def _run(connection: Connection, settings: Settings, run: JobRun, names: dict[str, str]) -> ShownRun:
    logged = challengers.of_run(connection, run.run_id)
    return ShownRun(
        run.run_id, run.job, run.endpoint_id, names.get(run.endpoint_id, ""), run.who, run.state,
        shown_error(settings, run.why),
        from_us(run.made_us), _moment(run.started_us), _moment(run.done_us),
        None if logged is None else logged.number,
    )  # fmt: skip


def _shown(connection: Connection, settings: Settings, found: Sequence[KeptChallenger]) -> list[Challenger]:
    names = _names(connection, [each.endpoint_id for each in found])
    return [
        Challenger(
            each.number, each.endpoint_id, names.get(each.endpoint_id, ""), each.model_key,
            msgspec.json.decode(each.champion)["model_path"] if each.champion else "", each.state,
            from_us(each.made_us), _moment(each.trained_until_us), msgspec.json.decode(each.class_args),
            each.run_id, each.who, each.comment, _moment(each.decided_us), each.tries,
            shown_error(settings, each.why),
            _moment(each.deployed_us), _moment(each.reviewed_us),
            shown_review(settings, msgspec.json.decode(each.review, type=Review)) if each.review else None,
            each.approved_by or "", each.approved_comment or "", _moment(each.approved_us),
            _moment(each.next_us) if each.state in UNSETTLED else None,
        )
        for each in found
    ]  # fmt: skip


def shown_review(settings: Settings, review: Review) -> Review:
    """A review, without the names of private features."""
    return replace(
        review,
        drift_champion=_distance(settings, review.drift_champion),
        drift_challenger=_distance(settings, review.drift_challenger),
    )


def _distance(settings: Settings, found: Distance | None) -> Distance | None:
    return None if found is None else replace(found, features=without_private(settings, found.features))


def _names(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    return {name: each.name for name, each in endpoints.get_many(connection, set(ids)).items()}


def _moment(moment_us: int | None) -> datetime | None:
    return None if moment_us is None else from_us(moment_us)
