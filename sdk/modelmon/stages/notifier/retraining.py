"""Runs of jobs are asked for by actions; what people have decided of challengers is deployed again."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import msgspec

from modelmon.alerting.actions import Action
from modelmon.function_spec.folders import address_file
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.ledger import challengers, job_runs, registry
from modelmon.ledger.action_runs import ActionRun
from modelmon.ledger.job_runs import JobRun
from modelmon.settings import FILE_NAME, Settings
from modelmon.sql.database import Database

logger = logging.getLogger(__name__)

DEPLOYING = "modelmon.retraining.deploying"
DEPLOY_SECONDS = 1_800.0
MOST = 100


def request_run(database: Database, action: Action, run: ActionRun, now_us: int) -> None:
    """The run of the action's job, once: a second time changes nothing."""
    asked = {**msgspec.json.decode(run.body), "action": action.name, "auto_approve": action.auto_approve}
    wanted = JobRun(
        run.run_id, action.job, run.endpoint_id, msgspec.json.encode(asked).decode(),
        f"action {action.name}", now_us,
    )  # fmt: skip
    with database.write() as connection:
        job_runs.request(connection, wanted)


def has_job(database: Database, name: str) -> bool:
    """Whether there is a job of this name, for somebody to run it."""
    with database.read() as connection:
        found = registry.get_function(connection, name)
    return found is not None and found.kind == "job"


def with_address(action: Action, settings: Settings) -> Action:
    """The action with where its job answers, as far as that is known here."""
    if action.url or not settings.project_dir:
        return action
    with suppress(OSError):
        address = address_file(Path(settings.project_dir), action.job).read_text(encoding="utf-8").strip()
        return replace(action, url=f"http://{address}")
    return action


def end_overdue(database: Database, now_us: int) -> None:
    """Runs that nobody will tell the end of have failed."""
    with database.write() as connection:
        job_runs.end_overdue(connection, now_us)


class DeployingAgain:
    """Tries what people decided and is not deployed, when its time has come, in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: Thread | None = None

    def look(self, database: Database, now_us: int) -> bool:
        """Whether a try has begun. Under Nuclio that is for where nuctl is."""
        folder = Path(self._settings.project_dir)
        if self._settings.platform != EMBEDDED or not (folder / FILE_NAME).is_file():
            return False
        if self._thread is not None and self._thread.is_alive():
            return False
        with database.read() as connection:
            left = challengers.unsettled(connection, MOST)
        if not any(challengers.is_due(each, now_us) for each in left):
            return False
        self._thread = Thread(target=_deploy, args=(now_us,), name="modelmon-deploying", daemon=True)
        self._thread.start()
        return True


def _deploy(now_us: int) -> None:
    command = [sys.executable, "-P", "-m", DEPLOYING, str(now_us)]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=DEPLOY_SECONDS, check=False)  # noqa: S603 - our own
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("challengers are not deployed: %s", error)
