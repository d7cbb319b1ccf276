"""What was decided of challengers is deployed.

To deploy the same again changes nothing, so whoever was killed in a try leaves it to the next one. Tries that
nobody asked for wait longer and longer.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from modelmon.deploying.nuctl import NUCTL
from modelmon.errors import ConfigError, ModelMonError
from modelmon.file_locks import locked, locked_if_free
from modelmon.function_spec.folders import state_folder
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.ledger import challengers, endpoints
from modelmon.ledger.challengers import APPROVED, UNSETTLED, KeptChallenger
from modelmon.model import MINUTE_US, Endpoint, wall_clock_us
from modelmon.model_monitoring.challengers import check_files
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.model_monitoring.logged_models import URI_PREFIX
from modelmon.project.champion import champion_of, replaced
from modelmon.settings import FILE_NAME, Settings

logger = logging.getLogger(__name__)
MOST = 100
LOCK = "challengers.lock"
FIRST_WAIT_US, LAST_WAIT_US = MINUTE_US, 60 * MINUTE_US
THERE = "call `modelmon challenger deploy` where it is"


def deploy_decided(
    project: HasSettings, number: int | None = None, *, due_us: int | None = None
) -> list[KeptChallenger]:
    """Deploy what is decided and not deployed yet, one or all; each as it stands then.

    With `due_us` those are left alone whose next try comes after that time, and all while somebody else
    deploys. Raises ConfigError for one that was not decided, or is deployed.
    """
    with opened(project.settings) as database, database.read() as connection:
        waiting = [each.number for each in challengers.unsettled(connection, MOST)]
    if number is not None and number not in waiting:
        found, _ = known(project.settings, number)
        raise ConfigError(f"challenger {number} is {found.state}: there is nothing to deploy")
    return [deploy_one(project, each, due_us) for each in waiting if number in (None, each)]


def deploy_one(project: HasSettings, number: int, due_us: int | None = None) -> KeptChallenger:
    """The same of one; as it stands then."""
    with _alone(project.settings, waits=due_us is None) as ours:
        found, endpoint = known(project.settings, number)
        is_meant = found.state in UNSETTLED if due_us is None else challengers.is_due(found, due_us)
        if ours and is_meant:
            _try(project, found, endpoint)
        return known(project.settings, number)[0]


def known(settings: Settings, number: int) -> tuple[KeptChallenger, Endpoint]:
    """A challenger and its endpoint. Raises ConfigError where one of them is not there."""
    with opened(settings) as database, database.read() as connection:
        found = challengers.one(connection, number)
        endpoint = endpoints.get(connection, found.endpoint_id)
    if endpoint is None:
        raise ConfigError(f"challenger {number}: its endpoint {found.endpoint_id} is gone")
    return found, endpoint


def uri_of(settings: Settings, found: KeptChallenger) -> str:
    """Of the logged model that it is."""
    return f"{URI_PREFIX}{settings.project}/{found.model_key}"


def wait_us(tries: int) -> int:
    """How long after so many tries the next one comes: longer and longer.

    >>> [wait_us(tries) // MINUTE_US for tries in (1, 2, 3, 7, 100)]
    [1, 2, 4, 60, 60]
    """
    return min(FIRST_WAIT_US << min(tries - 1, 10), LAST_WAIT_US)


def _try(project: HasSettings, found: KeptChallenger, endpoint: Endpoint) -> None:
    settings, tries = project.settings, found.tries + 1
    elsewhere = _elsewhere(settings)
    if elsewhere:
        if not found.tries:  # else what a try has said is told
            _fail(settings, found, elsewhere, None)
        return
    with opened(settings) as database, database.write() as connection:
        if not challengers.begin(connection, found, wall_clock_us() + wait_us(tries)):
            return
    try:
        _deploy(project, found, endpoint)
    except (ModelMonError, OSError) as error:
        logger.warning("challenger %d is %s and not deployed: %s", found.number, found.state, error)
        _fail(settings, found, str(error), wall_clock_us() + wait_us(tries))


def _fail(settings: Settings, found: KeptChallenger, why: str, next_us: int | None) -> None:
    with opened(settings) as database, database.write() as connection:
        challengers.fail(connection, found.number, found.state, why, next_us)


def _deploy(project: HasSettings, found: KeptChallenger, endpoint: Endpoint) -> None:
    champion, kept = champion_of(project, endpoint), msgspec.json.decode(found.champion)
    path, parameters = kept["model_path"], kept["parameters"]
    if found.state == APPROVED:
        check_files(project.settings, found)
        path = uri_of(project.settings, found)
        parameters = {**parameters, **msgspec.json.decode(found.class_args)}
    replaced(champion, path, parameters).function.deploy()
    with opened(project.settings) as database, database.write() as connection:
        challengers.settle(connection, found.number, found.state, wall_clock_us())


def _elsewhere(settings: Settings) -> str:
    """Why nothing can be deployed from here, where a page or a job may run; "": it can."""
    if not (Path(settings.project_dir) / FILE_NAME).is_file():
        return f"the project's folder is not here; {THERE}"
    if settings.platform != EMBEDDED and shutil.which(NUCTL) is None:
        return f"{NUCTL} is not here; {THERE}"
    return ""


@contextmanager
def _alone(settings: Settings, *, waits: bool) -> Iterator[bool]:
    """Two that deploy the same at once would write one folder; False: somebody does, and nobody waits."""
    folder = state_folder(Path(settings.project_dir))
    if not folder.is_dir():
        yield True  # nothing is deployed from here
    elif waits:
        with locked(folder / LOCK):
            yield True
    else:
        with locked_if_free(folder / LOCK) as ours:
            yield ours
