"""Files that were logged to a project: on the page, over REST, and what is not given out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from api_client import ApiClient
from made_pages import text_of
from project_support import make

BASE = "/api/v1/projects/flights/artifacts/logged"
PAGE = "<script>alert(1)</script>"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ApiClient]:
    project = make(tmp_path / "project")
    project.log_artifact("plots/drift.html", body=PAGE, tag="june", labels={"of": "a<b"})
    project.log_dataset("rows", pa.table({"email": ["ann@x.org"]}))
    project.log_artifact("away", body="x", target_path=str(tmp_path / "elsewhere.txt"))
    client = ApiClient(project.settings)
    yield client
    client.close()


def test_they_are_listed_by_key_without_where_the_machine_keeps_them(
    client: ApiClient, tmp_path: Path
) -> None:
    found = client.get(BASE).json()["artifacts"]
    assert [(each["key"], each["is_here"], each["tag"]) for each in found] == [
        ("away", False, ""), ("plots/drift.html", True, "june"), ("rows", True, ""),
    ]  # fmt: skip
    assert found[1]["path"] == "flights/plots/drift.html"
    assert found[1]["size_bytes"] == len(PAGE)
    assert str(tmp_path) not in str(found[1:])


def test_one_is_a_download_or_a_page_that_reaches_nothing(client: ApiClient) -> None:
    kept = client.get(f"{BASE}/content", params={"key": "plots/drift.html"})
    assert (kept.status_code, kept.text) == (200, PAGE)
    assert kept.headers["content-disposition"] == 'attachment; filename="drift.html"'
    framed = client.get(f"{BASE}/framed", params={"key": "plots/drift.html"})
    assert framed.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    drawn = client.get(f"{BASE}/framed", params={"key": "plots/drift.html", "scripts": "true"})
    assert drawn.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("scripts", ["true", "false"])
def test_a_frame_inside_it_is_none_in_whatever_encoding(tmp_path: Path, encoding: str, scripts: str) -> None:
    """A browser connects to where a frame would go before it asks whether it may."""
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    inner = (
        f"{mark}<h1>Größe</h1><iframe src='http://127.0.0.1:9/'></iframe><LINK rel=preconnect href=//x.org>"
    )
    project = make(tmp_path / "project")
    project.log_artifact("page.html", body=inner.encode(encoding))
    client = ApiClient(project.settings)
    framed = client.get(f"{BASE}/framed", params={"key": "page.html", "scripts": scripts}).content.decode()
    assert framed.endswith(
        "<h1>Größe</h1><x-iframe src='http://127.0.0.1:9/'></x-iframe><x-LINK rel=preconnect href=//x.org>"
    )
    client.close()


@pytest.mark.parametrize(
    ("what", "key", "status", "said"),
    [
        ("content", "plots/drfit.html", 404, "did you mean plots/drift.html"),
        ("content", "../modelmon", 404, "an artifact's key has letters"),
        ("content", "away", 409, "is kept elsewhere"),
        ("framed", "rows", 415, "'rows' is no page"),
        ("content", "", 400, "missing required field `key`"),
    ],
)
def test_what_is_not_given_says_why(client: ApiClient, what: str, key: str, status: int, said: str) -> None:
    found = client.get(f"{BASE}/{what}", params={"key": key})
    assert (found.status_code, said in found.json()["detail"]["reason"]) == (status, True), found.text


def test_a_file_that_is_gone_is_told(client: ApiClient) -> None:
    settings = client.application.state.projects["flights"].settings
    Path(settings.location("artifacts_path"), "flights", "rows.parquet").unlink()
    found = client.get(f"{BASE}/content", params={"key": "rows"})
    assert (found.status_code, "is gone" in found.text) == (409, True)
    assert client.get(BASE).json()["artifacts"][2]["size_bytes"] is None


def test_a_data_set_of_a_project_with_private_columns_stays_where_it_is(client: ApiClient) -> None:
    open_settings = client.application.state.projects["flights"].settings
    assert b"ann@x.org" in client.get(f"{BASE}/content", params={"key": "rows"}).content
    closed = ApiClient(replace(open_settings, private="email"))
    refused = closed.get(f"{BASE}/content", params={"key": "rows"})
    assert (refused.status_code, b"ann@x.org" in refused.content) == (409, False)
    assert closed.get(f"{BASE}/content", params={"key": "plots/drift.html"}).status_code == 200
    closed.close()


def test_a_person_finds_them_under_jobs_and_workflows(client: ApiClient) -> None:
    page = client.get("/projects/flights/functions").text
    assert "Files of the project" in page
    assert "of=a&lt;b" in page
    look = client.get("/projects/flights/logged?key=plots/drift.html")
    assert (look.status_code, "<script>alert" in look.text) == (200, False)
    assert "Logged to the project" in text_of(look.text)
    assert client.get("/projects/flights/logged?key=rows").status_code == 404


def test_a_page_without_the_projects_folder_has_none(tmp_path: Path, client: ApiClient) -> None:
    settings = client.application.state.projects["flights"].settings
    away = ApiClient(
        replace(settings, project_dir="", records_url=settings.location("records_url"), artifacts_path="/a")
    )
    assert away.get(BASE).json() == {"artifacts": []}
    away.close()
