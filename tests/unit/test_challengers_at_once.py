"""Several people decide on challengers at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any
from unittest.mock import patch

import pytest

from deploying import eventually
from modelmon.errors import ConfigError
from modelmon.project import Project, ServingFunction
from modelmon.project.deciding import approve, roll_back
from unit.challenging_support import endpoint_of, log, served, served_project, shown

CHAMPION = "models/delay/limit.txt"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return served_project(tmp_path)


def at_once(*deeds: Callable[[], Any]) -> list[str]:
    """The state after each deed, or what it was refused for."""
    barrier = Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> str:
        barrier.wait()
        try:
            return str(deed().state)
        except ConfigError as error:
            return str(error)

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(do, deeds))


@pytest.mark.slow
def test_of_two_that_are_approved_at_once_one_is_served_and_comes_back_to_the_champion(
    project: Project,
) -> None:
    for number, key in enumerate(("delay-2", "delay-3"), start=1):
        log(project, key, 0.4 + number / 10, challenger_of="delay")
    said = at_once(lambda: approve(project, 1, "as it is"), lambda: approve(project, 2, "as it is"))
    first = 1 if said[0] == "deployed" else 2
    other = 3 - first
    assert said[first - 1] == "deployed"
    keys = {1: "delay-2", 2: "delay-3"}
    if said[other - 1] == "deployed":  # the first was there already, and is what the other takes the place of
        newest = next(each for each in keys if keys[each] in served(project).model_path)
        assert shown(project, newest).champion == f"store://models/flights/{keys[3 - newest]}"
        return
    assert f"challenger {first} of this endpoint is not deployed yet" in said[other - 1]
    assert (shown(project, other).state, keys[first] in served(project).model_path) == (
        "awaiting review",
        True,
    )
    assert roll_back(project, first).state == "rolled back"
    assert served(project).model_path == CHAMPION


@pytest.mark.slow
def test_what_it_takes_the_place_of_is_what_is_served_when_it_is_approved(project: Project) -> None:
    """Somebody else's was deployed since one has begun to approve."""
    for key in ("delay-2", "delay-3"):
        log(project, key, 0.5, challenger_of="delay")

    def meanwhile(*of: Any) -> None:
        looked.stop()
        approve(project, 1, "as it is")

    looked = patch("modelmon.project.deciding.check_files", side_effect=meanwhile)
    looked.start()
    assert approve(project, 2, "as it is").state == "deployed"
    assert shown(project, 2).champion == "store://models/flights/delay-2"
    with pytest.raises(ConfigError, match="serves store://models/flights/delay-3 by now"):
        roll_back(project, 1)
    assert roll_back(project, 2).state == "rolled back"
    assert served(project).model_path == "models/delay-2/limit.txt"


@pytest.mark.slow
def test_taken_back_while_it_is_deployed_the_champion_is_served(project: Project) -> None:
    log(project, "delay-2", 0.5, challenger_of="delay")
    begun, go_on, deploy = Event(), Event(), ServingFunction.deploy

    def slowly(function: ServingFunction, *given: Any, **more: Any) -> Any:
        if not begun.is_set():
            begun.set()
            go_on.wait()
        return deploy(function, *given, **more)

    with patch.object(ServingFunction, "deploy", slowly), ThreadPoolExecutor(2) as threads:
        approving = threads.submit(approve, project, 1, "as it is")
        begun.wait()
        taking_back = threads.submit(roll_back, project, 1)
        eventually(lambda: shown(project).state == "rolling back", within=60.0)
        go_on.set()
        assert approving.result().state in ("rolling back", "rolled back")
        assert taking_back.result().state == "rolled back"
    assert (shown(project).state, served(project).model_path) == ("rolled back", CHAMPION)
    assert endpoint_of(project).model_uri == "store://models/flights/delay"
