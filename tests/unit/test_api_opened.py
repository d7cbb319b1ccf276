"""A project's stores as the page holds them: opened once, tried again, never queued for."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmon.api.opened import PATIENCE_SECONDS, OpenProject
from modelmon.errors import UnavailableError
from modelmon.settings import Settings
from modelmon.sql.sql_settings import SqlSettings


def project(folder: Path, **more: object) -> OpenProject:
    return OpenProject(Settings.load(project="shop", project_dir=str(folder), environ={}, **more))


def test_who_waited_while_an_attempt_failed_is_told_the_same_without_one_more(tmp_path: Path) -> None:
    down = project(tmp_path, records_url="postgresql://nobody@127.0.0.1:1/shop")
    with pytest.raises(UnavailableError) as first:
        _ = down.database
    tried: list[int] = []
    with pytest.raises(UnavailableError) as waited:
        down._opened(lambda: tried.append(1), failures=0)  # asked before that failed
    assert (str(waited.value), tried) == (str(first.value), [])
    with pytest.raises(UnavailableError):
        down._opened(lambda: tried.append(1) or down._database, failures=1)  # asked after it
    assert tried == [1]


@pytest.mark.parametrize(("given", "waits"), [({}, PATIENCE_SECONDS), ({"sql_timeout_seconds": 3.0}, 3.0)])
def test_the_page_waits_for_a_database_server_no_longer_than_a_person(
    tmp_path: Path, given: dict[str, float], waits: float
) -> None:
    assert project(tmp_path, **given)._impatient.of(SqlSettings).sql_timeout_seconds == waits


def test_what_is_open_is_the_same_for_all(tmp_path: Path) -> None:
    here = project(tmp_path)
    assert here.database is here.database
    here.close()
