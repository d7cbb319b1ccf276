"""A challenger is approved, rejected or taken back.

The decision is kept before anything is deployed, so whoever is killed in between leaves it standing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.ledger import challengers, job_runs
from modelmon.ledger.challengers import AWAITING, DEPLOYED, KeptChallenger
from modelmon.model import Endpoint, wall_clock_us
from modelmon.model_monitoring.challengers import check_files
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.project.champion import champion_in
from modelmon.project.deploying_decided import deploy_one, known, uri_of
from modelmon.views.challenger_reviews import NOT_JUDGED


def approve(
    project: HasSettings, number: int, comment: str = "", *, who: str = "", run_id: str = ""
) -> KeptChallenger:
    """It takes the place of the champion: deployed at once where that can be, else it stands as approved,
    with the reason. Who approved is kept, the user of this machine unless `who` says otherwise.

    Raises ConfigError where it does not await its review, where nobody has judged it and no comment says why
    it is to be served all the same, where its files are not those that were logged, where nothing here serves
    its endpoint, and where the run of a job that approves, `run_id`, is over.
    """
    found, endpoint = known(project.settings, number)
    if state_folder(Path(project.settings.project_dir)).is_dir():
        check_files(project.settings, found)
    _check_judged(found, comment)
    with opened(project.settings) as database, database.write() as connection:
        challengers.lock_endpoint(connection, endpoint.endpoint_id)
        champion = msgspec.json.encode(champion_in(connection, project, endpoint).kept).decode()
        if run_id:
            job_runs.check_running(connection, run_id)
        challengers.approve(connection, found, champion, who or whoever(), comment, wall_clock_us())
    return deploy_one(project, number)


def reject(project: HasSettings, number: int, comment: str = "", *, who: str = "") -> KeptChallenger:
    """It is not wanted. Raises ConfigError where it does not await its review."""
    with opened(project.settings) as database, database.write() as connection:
        return challengers.reject(connection, number, who or whoever(), comment, wall_clock_us())


def roll_back(project: HasSettings, number: int, comment: str = "", *, who: str = "") -> KeptChallenger:
    """The champion comes back, with what its class was made with; deployed as `approve` does.

    Raises ConfigError where it is not deployed, or the endpoint serves still another model by now.
    """
    _, endpoint = known(project.settings, number)
    with opened(project.settings) as database, database.write() as connection:
        challengers.lock_endpoint(connection, endpoint.endpoint_id)
        _check_serves(connection, project, challengers.one(connection, number), endpoint)
        challengers.roll_back(connection, number, who or whoever(), comment, wall_clock_us())
    return deploy_one(project, number)


def _check_judged(found: KeptChallenger, comment: str) -> None:
    """A person may know what no rows have shown yet; then it stands there for whoever looks later."""
    review = msgspec.json.decode(found.review) if found.review else {"verdict": NOT_JUDGED}
    said = isinstance(comment, str) and comment.strip()
    if found.state == AWAITING and review["verdict"] == NOT_JUDGED and not said:
        raise ConfigError(
            f"comment: challenger {found.number} is not judged beside the champion, so say why it is to be "
            f"served all the same; or judge it first: `modelmon challenger judge {found.number}`"
        )


def _check_serves(
    connection: Connection, project: HasSettings, found: KeptChallenger, endpoint: Endpoint
) -> None:
    serves = champion_in(connection, project, endpoint).model.model_path
    if found.state == DEPLOYED and serves != uri_of(project.settings, found):
        raise ConfigError(
            f"challenger {found.number}: endpoint {endpoint.name!r} serves {serves or 'another model'} by "
            "now, so it is not this one's to take back"
        )
