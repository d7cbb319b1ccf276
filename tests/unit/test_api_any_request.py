"""Whatever is asked, the API answers: never an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_client import ApiClient
from made_project import APP, Shape, make
from modelmon.api.openapi import openapi
from modelmon.api.routes import all_routes
from modelmon.ledger.access import create_token
from openapi_requests import requests
from repeating import examples

UNTIL_US = 1_767_225_600_000_000
UID = f"{0:032x}"
KNOWN = {
    "project": ["made"], "uid": [UID], "name": ["model-0000", APP, f"made.{APP}.result.general_drift"],
    "id": ["1"], "application": [APP], "endpoint-id": [UID],
    "endpoint": [UID], "app": [APP], "start": ["2025-12-31"], "end": ["2026-01-01"], "window": ["2025-12-31"],
    "state": ["detected", "done"], "severity": ["high"], "kind": ["data_drift"], "mode": ["0", "real_time"],
    "type": ["all", "results"], "page-token": ["1", UID],
}  # fmt: skip
HEADERS: dict[str, str] = {}
DRAWN = requests(openapi(all_routes()), KNOWN)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """Of a project that takes what an admin brings."""
    folder = tmp_path_factory.mktemp("made") / "p"
    made = make(
        folder, Shape(UNTIL_US, endpoints=3, features=2, days=1), auth="token", remote_deploy=True,
        dashboard="none",
    )  # fmt: skip
    (folder / "modelmon.yaml").write_text(
        "project: made\nauth: token\nremote_deploy: true\ndashboard: none\n"
    )
    client = ApiClient(made.settings)
    with client.application.state.projects["made"].database.write() as connection:
        HEADERS["Authorization"] = f"Bearer {create_token(connection, 'ann', 'admin', 0, None)}"
    yield client
    client.close()


NOBODY_RUNS = "nothing runs the functions"  # what a deployment says where no runner is


@pytest.mark.slow
@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_by_an_error_of_ours(client: ApiClient, data: st.DataObject) -> None:
    method, path, places, query, body = data.draw(DRAWN)
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="") or "-")
    given_body: dict[str, Any] = {} if method == "GET" else {"json": body}
    found = client.request(method, path, params=query, headers=HEADERS, **given_body)
    is_told = found.status_code == 501 or (found.status_code == 503 and NOBODY_RUNS in found.text)
    assert found.status_code < 500 or is_told, found.text
    if found.is_error and found.headers["content-type"] == "application/json":
        assert found.json()["detail"]["reason"]
