"""MLRun's GET routes: each answer as a golden file has it, the numbers those of our own views."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from api_client import ApiClient
from made_api import SMALL, UNTIL_US, asked_in_its_time
from made_project import APP, Made, make
from modelmon.model import from_us
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import find_endpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "mlrun-api"
BASE = "/api/v1/projects/made"
UID = f"{0:032x}"
CALM = f"{6:032x}"
RESULT = f"made.{APP}.result.general_drift"
CALLS = "made.mlrun-infra.metric.invocations"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", SMALL, private="feature_01")


@pytest.fixture
def client(made: Made) -> Iterator[ApiClient]:
    with asked_in_its_time(made) as client:
        yield client


def span(hours: int, until_us: int = UNTIL_US) -> dict[str, str]:
    end = from_us(until_us)
    return {"start": str(end - timedelta(hours=hours)), "end": end.isoformat()}


def asked(client: ApiClient, path: str, **parameters: Any) -> Any:
    found = client.get(f"{path}?{urlencode(parameters, doseq=True)}")
    assert found.status_code == 200, found.text
    return found.json()


CASES = {
    "list": (f"{BASE}/model-endpoints", {"name": ["model-0000", "model-0006"], "tsdb-metrics": True}),
    "one": (f"{BASE}/model-endpoints/model-0000", {"endpoint-id": UID, "feature-analysis": True}),
    "metrics": (f"{BASE}/model-endpoints/{UID}/metrics", {"type": "all"}),
    "metrics-values": (
        f"{BASE}/model-endpoints/{UID}/metrics-values",
        {"name": [RESULT, CALLS, "made.nobody.metric.nothing"], **span(3, UNTIL_US - 6 * 3_600_000_000)},
    ),
    "project-metrics": (
        f"{BASE}/model-monitoring/metrics",
        {"endpoint-id": [UID, CALM], "events-format": "intersection"},
    ),
    "drift-over-time": (f"{BASE}/model-monitoring/drift-over-time", span(4)),
    "functions": (f"{BASE}/model-monitoring/function-summaries", {"include-stats": True, **span(24)}),
    "function": (
        f"{BASE}/model-monitoring/function-summaries/{APP}",
        {"include-latest-metrics": True, **span(24)},
    ),
    "alerts": (f"{BASE}/alert-activations", {"page": 1, "page-size": 2}),
    "alert": (f"{BASE}/alert-activations/1", {}),
    "project": ("/api/v1/project-summaries/made", {}),
    "alert-configs": (f"{BASE}/alerts", {"page-size": 50}),
    "alert-template": ("/api/v1/alert-templates/DataDriftDetected", {}),
    "client-spec": ("/api/v1/client-spec", {}),
}


@pytest.mark.parametrize("name", CASES)
def test_each_route_answers_as_its_golden_file(client: ApiClient, name: str) -> None:
    path, parameters = CASES[name]
    found, file = asked(client, path, **parameters), GOLDEN / f"{name}.json"
    assert found == json.loads(file.read_text())


def test_an_endpoint_s_numbers_are_those_of_our_own_list(client: ApiClient, made: Made) -> None:
    (listed,) = asked(client, f"{BASE}/model-endpoints", uid=UID)["endpoints"]
    project = client.application.state.projects["made"]
    with project.database.read() as connection:
        ours = find_endpoint(connection, Looking(made.now_us, made.settings), UID)
    assert (listed["status"]["state"], listed["status"]["result_status"]) == (ours.state, 2)
    assert listed["status"]["error_count"] == ours.errors


def test_a_private_feature_is_nowhere(client: ApiClient) -> None:
    for name, (path, parameters) in CASES.items():
        assert "feature_01" not in json.dumps(asked(client, path, **parameters)), name


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"model-name": "model-0002"}, ["model-0002"]),
        ({"function-name": "serving-03"}, ["model-0003"]),
        ({"label": "team=pricing"}, ["model-0002", "model-0005"]),
        ({"label": "house"}, []),
        ({"uid": [UID, CALM]}, ["model-0000", "model-0006"]),
        ({"uid": f"{UID},{CALM}"}, ["model-0000", "model-0006"]),
        ({"mode": 1}, []),
        ({"mode": [0, 1], "name": "model-0001", "latest_only": "True"}, ["model-0001"]),
        ({"end": UNTIL_US // 1000 - 72 * 3_600_000}, []),
        ({"model-tag": "v2"}, []),
    ],
)
def test_every_condition_has_to_hold(client: ApiClient, parameters: dict[str, Any], names: list[str]) -> None:
    found = asked(client, f"{BASE}/model-endpoints", **parameters)["endpoints"]
    assert [each["metadata"]["name"] for each in found] == names


def test_names_in_the_body_are_as_names_in_the_address(client: ApiClient) -> None:
    path = f"{BASE}/model-endpoints/{UID}/metrics-values"
    sent = client.request("POST", f"{path}?{urlencode(span(3))}", json={"names": [RESULT, CALLS]})
    assert sent.json() == asked(client, path, name=f"{RESULT},{CALLS}", **span(3))


def test_milliseconds_are_as_iso(client: ApiClient) -> None:
    path = f"{BASE}/model-endpoints/{UID}/metrics-values"
    start, end = (UNTIL_US - 3 * 3_600_000_000) // 1000, UNTIL_US // 1000
    assert asked(client, path, name=RESULT, start=start, end=end) == asked(
        client, path, name=RESULT, **span(3)
    )


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("model-endpoints/modl-0003", 404, "there is no endpoint 'modl-0003'; did you mean model-0003?"),
        (f"model-endpoints/model-0001?endpoint-id={UID}", 404, "no endpoint 'model-0001' with the id"),
        ("model-endpoints/abc/metrics", 404, "there is no endpoint with the id 'abc'"),
        (f"model-endpoints/{UID}/metrics?typ=all", 400, "no parameter 'typ'; did you mean type?"),
        (f"model-endpoints/{UID}/metrics-values", 400, "give 1 to 100 full names, got 0"),
        (f"model-endpoints/{UID}/metrics-values?name=general_drift", 400, "'general_drift' is no full name"),
        (f"model-endpoints/{UID}/metrics-values?name=shop.a.metric.b", 400, "is of project 'shop'"),
        (f"model-endpoints/{UID}/metrics-values?name={CALLS}&start=2199-01-01", 400, "is not before the end"),
        ("model-monitoring/function-summaries/histogram", 404, "there is no function 'histogram'"),
        ("model-monitoring/drift-over-time?start=1970-01-01", 400, "at most 3660 days"),
        ("alert-activations/99", 404, "there is no alert with the number '99'"),
        ("alert-activations/²", 404, "there is no alert with the number"),
        ("alert-activations?page-size=501", 400, "a page has 1 to 500 alerts, got 501"),
        ("alert-activations?page-token=x", 400, "'x' is not what a page ended with"),
        ("alert-activations?severity=hihg", 400, "did you mean high?"),
        ("model-monitoring/metrics", 400, "name 1 to 100 endpoints, got 0"),
        ("model-monitoring/metrics?endpoint-id=abc", 404, "there is no endpoint with the id 'abc'"),
    ],
)
def test_what_cannot_be_answered_is_said(client: ApiClient, path: str, status: int, reason: str) -> None:
    found = client.get(f"{BASE}/{path}")
    assert (found.status_code, reason in found.json()["detail"]["reason"]) == (status, True), found.text


def test_a_body_without_names_is_refused(client: ApiClient) -> None:
    path = f"{BASE}/model-endpoints/{UID}/metrics-values"
    assert client.request("POST", path, json={"name": []}).status_code == 400
    assert client.request(
        "POST", path, content=b"\xff", headers={"content-type": "application/json"}
    ).is_error


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, [2, 1]),
        ({"severity": "high"}, [1]),
        ({"severity": ["medium", "low"]}, [2]),
        ({"severity": "low"}, []),
        ({"event-kind": "data-drift-detected"}, [1]),
        ({"event-kind": "mm-app-failed"}, []),
        ({"entity-kind": "model-endpoint-result"}, [2, 1]),
        ({"entity-kind": "model-monitoring-application"}, []),
        ({"entity": f"{UID}.{APP}.result.feature_drift"}, [1]),
        ({"entity": "~result.feature"}, [2, 1]),
        ({"name": f"~{UID}_"}, [1]),
        ({"name": "~%"}, []),
        ({"until": "2000-01-01"}, []),
        ({"since": "2000-01-01", "until": "2100-01-01"}, [2, 1]),
    ],
)
def test_alerts_are_chosen(client: ApiClient, parameters: dict[str, Any], numbers: list[int]) -> None:
    found = asked(client, f"{BASE}/alert-activations", **parameters)
    assert [each["id"] for each in found["activations"]] == numbers
    assert found["pagination"]["page-token"] is None


def test_pages_of_alerts_follow_each_other(client: ApiClient) -> None:
    first = asked(client, f"{BASE}/alert-activations", **{"page-size": 1})
    token = first["pagination"]["page-token"]
    by_token = asked(client, f"{BASE}/alert-activations", **{"page-size": 1, "page-token": token})
    by_number = asked(client, f"{BASE}/alert-activations", **{"page-size": 1, "page": 2})
    assert by_token["activations"] == by_number["activations"]
    assert [each["activations"][0]["id"] for each in (first, by_token)] == [2, 1]


def test_what_raises_an_incident_is_a_template_each(client: ApiClient) -> None:
    names = [each["template_name"] for each in asked(client, "/api/v1/alert-templates")]
    assert len(set(names)) == len(names) == 11
    assert {"DataDriftSuspected", "ConceptDriftDetected", "MmAppFailed"} <= {*names}
    said = client.get("/api/v1/alert-templates/DataDriftDetectd").json()["detail"]["reason"]
    assert said.endswith("did you mean DataDriftDetected?")


def test_an_alert_is_stored_read_reset_and_deleted(client: ApiClient) -> None:
    told = {"notification": {"kind": "webhook", "name": "team", "params": {"url": "https://hooks.example/x"}}}
    alert = {
        "name": "mine", "project": "made", "summary": "words", "severity": "low",
        "entities": {"kind": "model-endpoint-result", "project": "made", "ids": ["*.app.result.*"]},
        "trigger": {"events": ["data-drift-detected"]}, "criteria": {"count": 2, "period": "2h"},
        "notifications": [told],
    }  # fmt: skip
    where = f"{BASE}/alerts/mine"
    assert client.request("GET", where).status_code == 404
    kept = client.request("PUT", where, json=alert)
    assert kept.status_code == 200, kept.text
    assert (kept.status_code, kept.json()["criteria"]) == (200, {"count": 2, "period": "120m"})
    assert asked(client, f"{BASE}/alerts")["alerts"] == [asked(client, where)] == [kept.json()]
    assert client.request("POST", f"{where}/reset").json() == {"ended": 0}
    wrong = client.request("PUT", where, json={**alert, "trigger": {"events": ["failed"]}})
    assert (wrong.status_code, "is of jobs" in wrong.json()["detail"]["reason"]) == (400, True)
    other = client.request("PUT", where, json={**alert, "name": "other"})
    assert (other.status_code, "the address says 'mine'" in other.json()["detail"]["reason"]) == (400, True)
    assert client.request("PUT", where, json=[1]).status_code == 400
    text = json.dumps(alert).encode()
    assert client.request("PUT", where, content=text).status_code == 200, "MLRun's client names no kind"
    for led_astray in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
        assert client.request("PUT", where, content=text, headers=led_astray).status_code == 403
    ours = client.request("PUT", where, content=text, headers={"sec-fetch-site": "same-origin"})
    assert ours.status_code == 415
    assert client.request("DELETE", where).status_code == 200
    for method, path in (("DELETE", where), ("POST", f"{where}/reset"), ("GET", where)):
        assert client.request(method, path).status_code == 404
    assert asked(client, f"{BASE}/alerts")["alerts"] == []
