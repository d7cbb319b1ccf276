"""A project read over REST is the same as on its own machine; what goes wrong is said, and no secret is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_client import ApiClient
from made_api import SMALL, UNTIL_US, asked_in_its_time
from made_project import APP, Made, make
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.project import get_or_create_project
from modelmon.views.incident_lists import IncidentQuery, list_incidents
from modelmon.views.windows import list_windows

UID = f"{0:032x}"
URL = "http://127.0.0.1"
END = from_us(UNTIL_US)


def through(client: ApiClient) -> httpx.MockTransport:
    """Requests to the application in this process."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = client.request(
            request.method,
            request.url.raw_path.decode(),
            headers=dict(request.headers),
            content=request.content,
        )
        return httpx.Response(found.status_code, content=found.content)

    return httpx.MockTransport(answer)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "p", SMALL)


@pytest.fixture
def remote(made: Made) -> Iterator[RemoteProject]:
    with asked_in_its_time(made) as client, RemoteProject("made", URL, transport=through(client)) as project:
        yield project


def test_endpoints_are_what_the_records_have(remote: RemoteProject, made: Made) -> None:
    database = open_records(made.settings)
    with database.read() as connection:
        ours = endpoints.find(connection)
    database.close()
    found = remote.list_model_endpoints()
    assert [each.endpoint_id for each in found] == [each.endpoint_id for each in ours]
    assert remote.get_model_endpoint("model-0000").feature_stats == ours[0].feature_stats
    assert (found[0].status.state, found[0].status.result_status) == ("detected", 2)
    assert [each.labels for each in found] == [each.labels for each in ours]


def test_incidents_windows_and_features_are_those_of_the_views(remote: RemoteProject, made: Made) -> None:
    project = open_records(made.settings)
    with project.read() as connection:
        assert remote.list_incidents() == list_incidents(connection, made.settings, IncidentQuery(limit=100))
        windows = list_windows(connection, made.settings, UID, APP, limit=5)
    project.close()
    assert remote.list_windows("model-0000", limit=5) == windows
    page = remote.get_features(UID)
    assert [each.feature for each in page.features.features] == ["feature_01", "feature_00"]
    assert remote.get_overview(END - timedelta(hours=6), END).endpoints == 7


def test_conditions_choose_as_on_its_own_machine(remote: RemoteProject, made: Made) -> None:
    here = get_or_create_project("made", context=made.settings.project_dir)
    conditions: list[dict[str, Any]] = [
        {"names": []}, {"names": ["model-0001", "model-0003"]}, {"uids": UID}, {"uids": []},
        {"names": "model-0001,model-0003"}, {"function_name": "nobody"}, {"labels": ["team"]},
        {"labels": {"team": "nobody"}}, {"start": END - timedelta(minutes=30)},
        {"end": END - timedelta(days=9)},
    ]  # fmt: skip
    for each in conditions:
        theirs, ours = (project.list_model_endpoints(**each) for project in (remote, here))
        assert [one.name for one in theirs] == [one.name for one in ours], each
    incidents: list[dict[str, Any]] = [
        {"endpoints": []}, {"applications": []}, {"only_open": True}, {"endpoints": "model-0000"},
        {"limit": 1},
    ]  # fmt: skip
    for chosen in incidents:
        assert remote.list_incidents(**chosen) == here.list_incidents(**chosen), chosen


def test_metrics_and_traffic_come_with_their_values(remote: RemoteProject) -> None:
    names = [each.full_name for each in remote.list_metrics(UID)]
    found = remote.get_metrics_values(UID, names, END - timedelta(hours=3), END)
    by_name = {each.full_name: each for each in found}
    assert list(by_name) == names
    assert len(by_name[f"made.{APP}.result.general_drift"].values) == 3
    assert sum(each.requests for each in remote.get_traffic(UID, END - timedelta(hours=3), END)) > 0


def test_an_operator_asks_for_windows_again(remote: RemoteProject) -> None:
    asked = remote.judge_windows(APP, END - timedelta(hours=1), END, endpoints="model-0000")
    assert asked.application_name == APP


def test_an_endpoint_that_is_not_there_is_told_with_the_nearest(remote: RemoteProject) -> None:
    with pytest.raises(ConfigError, match="there is no 'modl-0003'; did you mean model-0003"):
        remote.list_metrics("modl-0003")


def answering(status: int, content: bytes) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(status, content=content))


@pytest.mark.parametrize(
    ("status", "content", "kind", "said"),
    [
        (401, b'{"detail":{"reason":"needs a login"}}', ConfigError, "needs a login; give token="),
        (403, b'{"detail":{"reason":"needs the role operator"}}', ConfigError, "needs the role operator"),
        (503, b'{"detail":{"reason":"records are down"}}', UnavailableError, "records are down"),
        (502, b"<html>", UnavailableError, "answers 502: ask again"),
        (404, b"<html>", ConfigError, "is no ModelMon, or one of another version"),
        (200, b'{"endpoints":[{"name":"x"}]}', ConfigError, "is no ModelMon, or one of another version"),
    ],
)
def test_what_a_server_says_is_told(status: int, content: bytes, kind: type[Exception], said: str) -> None:
    project = RemoteProject("shop", "http://page.example:8050", "mm_secret", answering(status, content))
    with pytest.raises(kind, match=said) as caught:
        project.list_model_endpoints()
    assert "mm_secret" not in str(caught.value)


def test_a_server_that_is_down_is_told() -> None:
    project = RemoteProject("shop", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9 does not answer"):
        project.list_incidents()
    project.close()


@pytest.mark.parametrize("url", ["127.0.0.1:8050", "ftp://x", "http://me:secret@x", "http://x/?token=secret"])
def test_a_url_that_cannot_be_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigError, match="url: ") as caught:
        RemoteProject("shop", url)
    assert "secret" not in str(caught.value)
