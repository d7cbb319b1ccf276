"""What apps kept of windows, over REST and for a notebook elsewhere: lists, and files as downloads alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api_client import ApiClient
from made_project import APP, HOUR, Shape, make
from modelmon.client import RemoteProject
from modelmon.errors import ConfigError
from modelmon.ledger.artifacts import note_artifacts
from modelmon.ledger.records import open_records
from modelmon.model import ArtifactNote, WindowKey
from page_server import page_served

UNTIL_US = 1_767_225_600_000_000
UID = f"{0:032x}"
BASE = "/api/v1/projects/made/artifacts"
PAGE = b"<script>alert(1)</script>"
WINDOW = {"endpoint": UID, "application": APP, "window": "2025-12-31T23:00:00Z"}


def note(name: str, path: str) -> ArtifactNote:
    return ArtifactNote(name=name, path=path, size_bytes=len(PAGE), written_us=UNTIL_US, tag="")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    made = make(tmp_path_factory.mktemp("made") / "p", Shape(UNTIL_US, endpoints=2, features=2, days=1))
    kept = Path(made.settings.location("artifacts_path"), APP, "20251231T230000Z", "page.html")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(PAGE)
    (kept.parents[2] / "secret").write_text("s3cr3t")
    records = open_records(made.settings)
    with records.write() as connection:
        found = [
            note("page.html", f"{APP}/20251231T230000Z/page.html"), note("gone.csv", f"{APP}/gone.csv"),
            note("elsewhere", "s3://bucket/elsewhere"), note("out", f"{APP}/../secret"),
        ]  # fmt: skip
        note_artifacts(connection, WindowKey(UID, APP, UNTIL_US - HOUR), UNTIL_US, 1, found)
        early = WindowKey(UID, APP, UNTIL_US - 3 * HOUR)
        note_artifacts(connection, early, UNTIL_US - 2 * HOUR, 1, found[:1])
    records.close()
    client = ApiClient(made.settings)
    yield client
    client.close()


def asked(client: ApiClient, path: str, **parameters: Any) -> Any:
    found = client.get(path, params=parameters)
    assert found.status_code == 200, found.text
    return found.json()


def test_artifacts_come_in_pages_the_newest_windows_first(client: ApiClient) -> None:
    found, token = [], ""
    while True:
        page = asked(client, BASE, endpoint=UID, **{"page-size": 2, "page-token": token})
        found += [(each["name"], each["start_infer_time"][11:13]) for each in page["artifacts"]]
        token = page["after"]
        if not token:
            break
    assert found == [
        ("elsewhere", "23"), ("gone.csv", "23"), ("out", "23"), ("page.html", "23"), ("page.html", "21"),
    ]  # fmt: skip
    assert asked(client, BASE, application="nobody")["artifacts"] == []


def test_a_file_is_a_download_that_nothing_shows_or_runs(client: ApiClient) -> None:
    found = client.get(f"{BASE}/content", params=WINDOW | {"name": "page.html"})
    assert (found.status_code, found.content) == (200, PAGE)
    assert found.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("nothing", 404, "there is no artifact 'nothing'"),
        ("gone.csv", 404, "the file of 'gone.csv' is gone"),
        ("elsewhere", 409, "the app keeps 'elsewhere' elsewhere, at s3://bucket/elsewhere"),
        ("out", 409, "the app keeps 'out' elsewhere"),
        (None, 400, "missing required field `name`"),
    ],
)
def test_what_can_not_be_fetched_says_why(client: ApiClient, name: str, status: int, said: str) -> None:
    found = client.get(f"{BASE}/content", params=WINDOW | ({"name": name} if name else {}))
    assert (found.status_code, said in found.json()["detail"]["reason"]) == (status, True), found.text


@pytest.mark.slow
def test_a_notebook_elsewhere_lists_and_reads_them(client: ApiClient) -> None:
    settings = client.application.state.projects["made"].settings
    with page_served(settings) as url, RemoteProject("made", url) as project:
        page = project.list_app_artifacts("model-0000", limit=4)
        assert [each.name for each in page.artifacts][-1] == "page.html"
        assert [each.name for each in project.list_app_artifacts(after=page.after).artifacts] == ["page.html"]
        assert project.read_artifact(page.artifacts[-1]) == PAGE
        with pytest.raises(ConfigError, match="there is no artifact 'other'"):
            project.read_artifact(replace(page.artifacts[-1], name="other"))


@pytest.mark.slow
def test_an_endpoint_is_forgotten_from_elsewhere(tmp_path: Path) -> None:
    made = make(tmp_path / "p", Shape(UNTIL_US, endpoints=3, features=2, days=1))
    with page_served(made.settings) as url, RemoteProject("made", url) as project:
        project.delete_model_endpoint("model-0001")
        project.delete_model_endpoint("", endpoint_id=f"{2:032x}")
        assert [each.name for each in project.list_model_endpoints()] == ["model-0000"]
        with pytest.raises(ConfigError, match="there is no endpoint 'model-0001'; did you mean model-0000"):
            project.delete_model_endpoint("model-0001")
        with pytest.raises(ConfigError, match="'model-0001' with the id"):
            project.delete_model_endpoint("model-0001", endpoint_id=UID)
