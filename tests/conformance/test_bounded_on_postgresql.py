"""On PostgreSQL, too, pages read what they show, and never through the history: as its planner decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_client import ApiClient
from made_project import Shape, make
from modelmon.api import serving
from rows_read import rows_read
from services.postgres import NEEDS_POSTGRES, shared_postgres

pytestmark = NEEDS_POSTGRES
UNTIL_US = 1_767_225_600_000_000
WORST, SUSPECTED = f"{0:032x}", f"{1:032x}"
DAY = "from=2025-12-31T00:00:00Z&to=2026-01-01T00:00:00Z"
OF_A_DAY = "start=2025-12-31T00:00:00Z&end=2026-01-01T00:00:00Z"
PAGE, API = "/projects/made", "/api/v1/projects/made"
PATHS = [
    f"{PAGE}/endpoints?{DAY}", f"{PAGE}/endpoints?limit=10&{DAY}", f"{PAGE}/endpoints/heat-map?{DAY}",
    f"{PAGE}/endpoints/{WORST}?{DAY}", f"{PAGE}/endpoints/{WORST}/features?{DAY}",
    f"{PAGE}/endpoints/{WORST}/metrics?{DAY}", f"{PAGE}/incidents?{DAY}", f"{PAGE}/functions?{DAY}",
    f"{API}/endpoints", f"{API}/overview?{OF_A_DAY}", f"{API}/model-endpoints/{WORST}/traffic?{OF_A_DAY}",
    f"{PAGE}/compare?endpoint={WORST}&endpoint={SUSPECTED}&{DAY}", f"{API}/incidents", "/metrics",
]  # fmt: skip


class Project:
    """Endpoints with so many days of hourly windows; the planner knows how many rows there are."""

    def __init__(self, folder: Path, days: int) -> None:
        url = shared_postgres().database()
        name = url.rpartition("/")[2]
        # As its handbook advises for disks without heads. By default a table as small as ours is read whole.
        shared_postgres().sql(f"ALTER DATABASE {name} SET random_page_cost = 1.1")
        self.made = make(folder, Shape(UNTIL_US, endpoints=12, days=days), records_url=url)
        shared_postgres().sql("VACUUM ANALYZE", name)
        self.client = ApiClient(self.made.settings)
        (project,) = self.client.application.state.projects.values()
        self._databases = project.database, project.series._database

    def reads(self, path: str) -> Counter[str]:
        with rows_read(*self._databases) as found:
            assert self.client.get(path).status_code == 200
        return found

    def close(self) -> None:
        self.client.close()


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Project]]:
    patch = pytest.MonkeyPatch()
    patch.setattr(serving, "wall_clock_us", lambda: UNTIL_US + 300_000_000)
    folder = tmp_path_factory.mktemp("bounded")
    short, long = (Project(folder / str(days), days) for days in (7, 28))
    yield short, long
    short.close()
    long.close()
    patch.undo()


@pytest.mark.parametrize("path", PATHS)
def test_four_times_the_history_is_not_more_to_read(projects: tuple[Project, Project], path: str) -> None:
    short, long = (project.reads(path) for project in projects)
    assert short.total() > 0
    assert long.total() <= short.total() * 1.1 + 100, long - short
