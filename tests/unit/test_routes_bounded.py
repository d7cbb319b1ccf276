"""Whatever a route reads, asks and sends does not grow with the history, and asks no endpoint by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api_client import ApiClient
from made_project import Shape, make
from modelmon.api import serving
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC
WORST, SUSPECTED = f"{0:032x}", f"{1:032x}"
DAY = "from=2025-12-31T00:00:00Z&to=2026-01-01T00:00:00Z"
OF_A_DAY = "start=2025-12-31T00:00:00Z&end=2026-01-01T00:00:00Z"
PAGE, API = "/projects/made", "/api/v1/projects/made"
OF_WORST = f"{API}/model-endpoints/{WORST}"
LISTS = [
    f"{PAGE}/endpoints?limit=10&{DAY}", f"{PAGE}/endpoints/heat-map?limit=10&{DAY}",
    f"{API}/endpoints?page-size=10", f"{API}/incidents?page-size=3", f"{API}/overview?{OF_A_DAY}",
]  # fmt: skip
"""What is about all endpoints, some of them on a page."""
OF_ENDPOINTS = [
    f"{PAGE}/endpoints/{WORST}?{DAY}", f"{PAGE}/endpoints/{WORST}/features?{DAY}",
    f"{PAGE}/endpoints/{WORST}/metrics?{DAY}",
    f"{PAGE}/compare?endpoint={WORST}&endpoint={SUSPECTED}&{DAY}",
    f"{API}/comparison?endpoint={WORST}&endpoint={SUSPECTED}&{OF_A_DAY}",
    f"{OF_WORST}/traffic?{OF_A_DAY}", f"{OF_WORST}/windows?page-size=10", f"{OF_WORST}/features",
]  # fmt: skip
EVERYTHING = [f"{PAGE}/incidents?{DAY}", f"{PAGE}/functions?{DAY}", f"{API}/model-endpoints", "/metrics"]
"""What tells something of each endpoint, or of each incident up to a page of 100."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`steps`: as `query_counter.Work` has them; `size`: bytes before they are compressed; `sent`: after."""

    statements: int
    steps: int
    size: int
    sent: int


class Projects:
    """Projects of so many endpoints and days, made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[int, int], ApiClient] = {}
        self._costs: dict[tuple[str, int, int], Cost] = {}

    def cost(self, path: str, endpoints: int = 20, days: int = 5) -> Cost:
        """Of the second look: the first one loads what stays."""
        asked = path, endpoints, days
        if asked not in self._costs:
            self._costs[asked] = self._look(*asked)
        return self._costs[asked]

    def _look(self, path: str, endpoints: int, days: int) -> Cost:
        client = self._client(endpoints, days)
        client.get(path)
        (project,) = client.application.state.projects.values()
        with counted(project.database, project.series._database) as work:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return Cost(work.statements, work.steps, len(answer.content), answer.num_bytes_downloaded)

    def _client(self, endpoints: int, days: int) -> ApiClient:
        if (endpoints, days) not in self._made:
            shape = Shape(UNTIL_US, endpoints, days=days)
            made = make(self._folder / f"{endpoints}-{days}", shape)
            self._made[endpoints, days] = ApiClient(made.settings)
        return self._made[endpoints, days]

    def close(self) -> None:
        for client in self._made.values():
            client.close()


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projects]:
    patch = pytest.MonkeyPatch()
    patch.setattr(serving, "wall_clock_us", lambda: UNTIL_US + 300_000_000)
    found = Projects(tmp_path_factory.mktemp("routes"))
    yield found
    found.close()
    patch.undo()


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LISTS, *OF_ENDPOINTS, *EVERYTHING])
def test_four_times_the_history_is_not_more_to_ask_to_read_and_to_send(projects: Projects, path: str) -> None:
    short, long = projects.cost(path), projects.cost(path, days=20)
    assert long.statements == short.statements <= 150
    assert long.steps <= short.steps * 1.1 + 20
    assert long.size <= short.size * 1.1 + 500


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LISTS, *OF_ENDPOINTS, *EVERYTHING])
def test_five_times_the_endpoints_are_not_asked_for_one_by_one(projects: Projects, path: str) -> None:
    few, many = projects.cost(path), projects.cost(path, endpoints=100)
    assert many.statements <= few.statements


@pytest.mark.parametrize("path", [*LISTS, *OF_ENDPOINTS])
@pytest.mark.slow
def test_a_page_of_so_many_endpoints_sends_as_much_of_many_as_of_few(projects: Projects, path: str) -> None:
    few, many = projects.cost(path), projects.cost(path, endpoints=100)
    assert many.size <= few.size * 1.5 + 500  # of many all on the page are in trouble: more words


@pytest.mark.slow
@pytest.mark.parametrize("path", EVERYTHING)
def test_an_endpoint_more_is_some_rows_to_read_and_a_few_words_to_send(projects: Projects, path: str) -> None:
    few, many = projects.cost(path), projects.cost(path, endpoints=100)
    assert (many.steps - few.steps) / 80 < 100  # a thousand instructions an endpoint
    assert (many.size - few.size) / 80 < 1_500
    assert (many.sent - few.sent) / 80 < 150
