"""What people do about challengers and jobs, from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.written_times import Time
from modelmon.project import deciding
from modelmon.project.jobs import ask_run
from modelmon.settings import Settings
from modelmon.views import challengers as views
from modelmon.views.challengers import MOST_CHALLENGERS, Challenger, ChallengerPage, ShownRun, check_limit


class ChallengingProject:
    """The methods of a project that are about models that wait to take the place of served ones. Who calls
    them is kept: the machine's user."""

    if TYPE_CHECKING:

        @property
        def settings(self) -> Settings: ...

    def list_challengers(self, *, limit: int = MOST_CHALLENGERS, after: str = "") -> ChallengerPage:
        """The challengers, the newest first: at most `limit` `challengers`, and `after`, which gives the next
        page and is "" on the last one."""
        check_limit(limit)
        with opened(self.settings) as database, database.read() as connection:
            return views.list_challengers(connection, self.settings, limit, after)

    def get_challenger(self, number: int) -> Challenger:
        """One challenger, with its `review` beside the champion. Raises ConfigError where there is none."""
        with opened(self.settings) as database, database.read() as connection:
            return views.one_challenger(connection, self.settings, number)

    def approve_challenger(self, number: int, comment: str = "") -> Challenger:
        """Have one take the place of the champion: its function is deployed anew with it.

        Where that fails it stands as approved, with the reason, and is tried again. Raises ConfigError where
        it does not await its review, and for files that are not those that were logged.
        """
        return self.get_challenger(deciding.approve(self, number, comment).number)

    def reject_challenger(self, number: int, comment: str = "") -> Challenger:
        """Say that one is not wanted; its files stay.

        Raises ConfigError where it does not await its review.
        """
        return self.get_challenger(deciding.reject(self, number, comment).number)

    def roll_back_challenger(self, number: int, comment: str = "") -> Challenger:
        """Bring back the champion that one has taken the place of.

        Raises ConfigError where it is not deployed, or the endpoint serves still another model by now.
        """
        return self.get_challenger(deciding.roll_back(self, number, comment).number)

    def run_job(self, job: str, endpoint: Endpoint | str, start: Time = None, end: Time = None) -> str:
        """Ask for a run of a job for an endpoint, on rows of [start, end) where they are given; its id.

        It begins at once where the job runs, else as soon as it does.
        """
        return ask_run(self.settings, job, endpoint, start, end)

    def list_job_runs(self) -> tuple[ShownRun, ...]:
        """The newest runs of jobs, at most a hundred, each with the number of what it has logged."""
        with opened(self.settings) as database, database.read() as connection:
            return views.list_runs(connection, self.settings)
