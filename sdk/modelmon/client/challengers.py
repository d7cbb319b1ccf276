"""What people do about challengers and jobs, from another machine: as `project.challengers` has it."""

from __future__ import annotations

import msgspec

from modelmon.client.asking import DEPLOY_SECONDS, Server
from modelmon.ledger.challengers import check_number
from modelmon.model import Endpoint, from_us
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.views.challengers import MOST_CHALLENGERS, Challenger, ChallengerPage, ShownRun, check_limit


class _Runs(msgspec.Struct, frozen=True):
    runs: tuple[ShownRun, ...]


class _Asked(msgspec.Struct, frozen=True):
    run_id: str


class RemoteChallengers:
    """As `modelmon.project.challengers.ChallengingProject`; deciding and asking is for operators, who are
    kept by the name of the token."""

    server: Server
    base: str

    def list_challengers(self, *, limit: int = MOST_CHALLENGERS, after: str = "") -> ChallengerPage:
        """The challengers, the newest first: at most `limit`, and `after`, which gives the next page."""
        check_limit(limit)
        path = f"{self.base}/challengers"
        return self.server.get(path, ChallengerPage, page_size=limit, page_token=after)

    def get_challenger(self, number: int) -> Challenger:
        """One challenger, with its `review` beside the champion."""
        return self.server.get(self._challenger(number), Challenger)

    def approve_challenger(self, number: int, comment: str = "") -> Challenger:
        """Have one take the place of the champion there; where deploying fails it stands as approved."""
        return self._decide(number, "approve", comment)

    def reject_challenger(self, number: int, comment: str = "") -> Challenger:
        """Say that one is not wanted; its files stay."""
        return self._decide(number, "reject", comment)

    def roll_back_challenger(self, number: int, comment: str = "") -> Challenger:
        """Bring back the champion that one has taken the place of."""
        return self._decide(number, "rollback", comment)

    def run_job(self, job: str, endpoint: Endpoint | str, start: Time = None, end: Time = None) -> str:
        """Ask for a run of a job there, for an endpoint; returns its id."""
        name = endpoint.endpoint_id if isinstance(endpoint, Endpoint) else endpoint
        body = {"job": job, "endpoint": name, "start": _at(start, "start"), "end": _at(end, "end")}
        return self.server.post(f"{self.base}/job-runs", _Asked, body).run_id

    def list_job_runs(self) -> tuple[ShownRun, ...]:
        """The newest runs of jobs, at most a hundred."""
        return self.server.get(f"{self.base}/job-runs", _Runs).runs

    def _decide(self, number: int, what: str, comment: str) -> Challenger:
        path, body = f"{self._challenger(number)}/{what}", {"comment": comment}
        return self.server.ask("POST", path, Challenger, body=body, within_seconds=DEPLOY_SECONDS)

    def _challenger(self, number: int) -> str:
        return f"{self.base}/challengers/{check_number(number)}"


def _at(moment: Time, argument: str) -> str | None:
    return None if moment is None else from_us(moment_us(moment, argument, 0)).isoformat()
