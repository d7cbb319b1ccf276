"""The page and the REST API say the same of a project, to the letter, on whatever database it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from api_client import ApiClient
from conformance.odd_project import NAMES, make_odd
from conformance.view_databases import ON
from made_project import APP, Made, Shape, make
from modelmon.api import serving
from modelmon.views.endpoints import Sort
from query_counter import counted

UNTIL_US = 1_767_225_600_000_000
WORST, SECOND, FAILED = (f"{number:032x}" for number in (0, 1, 3))
TIME = "from=2025-12-28T00:00:00Z&to=2026-01-01T00:00:00Z"
REST = "start=2025-12-28T00:00:00Z&end=2026-01-01T00:00:00Z"
API = "/api/v1/projects/made"
LISTS = [
    *(f"sort={each}" for each in get_args(Sort)), "q=A", "q=ä", "q=%25", "q=_", "label=team", "label=team=Ä",
    "label=Team", "state=detected", "kind=data_drift", f"app={APP}", "function=serving-01", "mode=real_time",
]  # fmt: skip
OF_ENDPOINT = (
    "features", f"windows?application={APP}", f"traffic?{REST}", f"deployments?{REST}", "metrics",
    f"metrics-values?{REST}&name=made.{APP}.result.feature_drift",
)  # fmt: skip
FOR_MLRUN = (
    "model-endpoints?name=b&name=B", "model-endpoints?label=team", "model-endpoints?tsdb-metrics=true",
    "model-endpoints?latest-only=true", f"model-monitoring/drift-over-time?{REST}",
    f"model-endpoints/b?endpoint-id={WORST}&tsdb-metrics=true&feature-analysis=true",
    f"model-monitoring/function-summaries?{REST}", "alert-activations", "alerts",
    f"model-monitoring/metrics?endpoint-id={WORST}&type=results",
)  # fmt: skip
OTHERS = (
    f"overview?{REST}", "functions", "dead-letters", "dead-letters?reason=grund", "incidents", "models",
    "incidents?page-size=3&only-open=true", "incidents/1/events",
    f"model-endpoints/{SECOND}/traffic?{REST}&buckets=10",
    f"model-endpoints/{FAILED}/windows?application={APP}&state=failed&page-size=5",
)  # fmt: skip
PAGES = (
    *(f"endpoints?{each}&{TIME}" for each in ("sort=name", "q=b", "label=team", "state=failed")),
    *(f"{each}?{TIME}" for each in ("endpoints/heat-map", "incidents", "incidents/1", "functions", "models")),
    *(f"endpoints/{WORST}{each}?{TIME}" for each in ("", "/features", "/metrics")),
    f"endpoints/{SECOND}?{TIME}", f"endpoints/{WORST}/feature?name=feature_03&{TIME}",
    f"endpoints/{WORST}/feature.csv?name=feature_03", f"endpoints/{WORST}/report.html",
)  # fmt: skip
PATHS = [
    *(f"{API}/endpoints?{each}" for each in LISTS),
    *(f"{API}/model-endpoints/{WORST}/{each}" for each in OF_ENDPOINT),
    *(f"{API}/{each}" for each in (*FOR_MLRUN, *OTHERS)),
    *(f"/projects/made/{each}" for each in PAGES),
    "/api/v1/project-summaries/made", "/metrics",
]  # fmt: skip


class Answers:
    """What a project on this database answers at the same moment."""

    def __init__(self, folder: Path, where: dict[str, str]) -> None:
        shape = Shape(UNTIL_US, endpoints=len(NAMES), days=4, with_features=3)
        self.made: Made = make(folder, shape, **where)
        make_odd(self.made)
        self.client = ApiClient(self.made.settings)

        (project,) = self.client.application.state.projects.values()
        self._databases = project.database, project.series._database
        self.client.get("/projects/made/functions")  # which makes the project's secret, once

    def of(self, path: str) -> tuple[int, str, int]:
        """Status, text without what is each project's own secret, and how many statements it took."""
        with counted(*self._databases) as work:
            answer = self.client.get(path)
        said = re.sub(r'name="form_token" value="[0-9a-f]{64}"', "", answer.text)
        return answer.status_code, said, work.statements


@pytest.fixture(scope="module", autouse=True)
def one_moment() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(serving, "wall_clock_us", lambda: UNTIL_US + 300_000_000)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    answers = Answers(tmp_path_factory.mktemp("sqlite") / "project", {})
    yield answers
    answers.client.close()


@pytest.fixture(scope="module", params=ON[1:])
def on_a_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Answers]:
    answers = Answers(tmp_path_factory.mktemp("server") / "project", request.param())
    yield answers
    answers.client.close()


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_is_the_same_on_every_database_for_as_many_statements(
    on_sqlite: Answers, on_a_server: Answers, path: str
) -> None:
    status, said, statements = on_sqlite.of(path)
    assert status == 200, said
    assert on_a_server.of(path) == (status, said, statements)
