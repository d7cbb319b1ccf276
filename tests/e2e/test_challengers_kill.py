"""Whoever has a challenger deployed, or taken back, is killed at any moment."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmon.ledger.access import list_deeds
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.project.deciding import approve, roll_back
from modelmon.project.deploying_decided import deploy_decided
from repeating import times
from unit.challenging_support import endpoint_of, log, served, served_project, shown

pytestmark = pytest.mark.e2e
CHAMPION = "models/delay/limit.txt"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return served_project(tmp_path)


@pytest.mark.long
def test_killed_at_any_moment_what_was_decided_is_brought_to_its_end(project: Project) -> None:
    """`kill -9` of who approves and of who takes back; what is served is one of both, never half of one."""
    chance, forked = random.Random(7), multiprocessing.get_context("fork")
    longest = _seconds_of_both(project)

    def killed(deed: Callable[[Project, int, str], Any], number: int) -> str:
        process = forked.Process(target=deed, args=(project, number, "as it is"))
        process.start()
        process.join(chance.uniform(0, longest))
        process.kill()
        process.join()
        return shown(project, number).state

    for number in range(2, 2 + times(30, few=4)):
        key = f"delay-{number + 1}"
        log(project, key, 0.5, challenger_of="delay")
        both = CHAMPION, f"models/{key}/limit.txt"
        state = killed(approve, number)
        assert served(project).model_path in both
        if state == "awaiting review":
            approve(project, number, "as it is")
        elif state == "approved":
            assert [each.state for each in deploy_decided(project)] == ["deployed"]
        assert (shown(project, number).state, served(project).model_path) == ("deployed", both[1])
        state = killed(roll_back, number)
        assert served(project).model_path in both
        if state == "deployed":
            roll_back(project, number)
        elif state == "rolling back":
            assert [each.state for each in deploy_decided(project)] == ["rolled back"]
        assert (shown(project, number).state, served(project).model_path) == ("rolled back", CHAMPION)
        assert endpoint_of(project).model_uri == "store://models/flights/delay"
        with opened(project.settings) as database, database.read() as connection:
            deeds = [each.what for each in list_deeds(connection, 10)[0] if each.of == f"{number} {key}"]
        assert deeds == ["challenger rolling back", "challenger approved"]


def _seconds_of_both(project: Project) -> float:
    log(project, "delay-2", 0.5, challenger_of="delay")
    began = time.monotonic()
    approve(project, 1, "as it is")
    roll_back(project, 1)
    return time.monotonic() - began
