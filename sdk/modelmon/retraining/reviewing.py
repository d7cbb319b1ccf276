"""What a run has logged is judged when it ends; only where its action says so, and it is better, it is
approved by itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from modelmon.ledger import challengers, job_runs
from modelmon.ledger.challengers import AWAITING
from modelmon.model_monitoring.locating import opened
from modelmon.project.deciding import approve
from modelmon.project.project import Project
from modelmon.retraining.judging import judge
from modelmon.views.challenger_reviews import BETTER
from modelmon.views.challenger_words import sentences
from modelmon.views.challengers import shown_review

logger = logging.getLogger(__name__)


def review_logged(project: Project, run_id: str, asked: Mapping[str, Any]) -> None:
    """Judge the challenger of a run; a job that logged none has nothing to judge. Raises ConfigError where
    the run is over: nobody waits for it any more."""
    with opened(project.settings) as database, database.read() as connection:
        job_runs.check_running(connection, run_id)
        found = challengers.of_run(connection, run_id)
    if found is None or found.state != AWAITING:
        return
    review = judge(project, found.number)
    told = sentences(shown_review(project.settings, review))
    logger.info("challenger %d: %s", found.number, " ".join(told))
    if asked.get("auto_approve") is True and review.verdict == BETTER:
        approve(
            project, found.number, "better on the same rows",
            who=f"auto_approve of {asked.get('action', '')}", run_id=run_id,
        )  # fmt: skip
