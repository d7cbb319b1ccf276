"""Our own routes for programs: pages, one endpoint, incidents, what an operator does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api_client import ApiClient
from made_api import SMALL, UNTIL_US, asked_in_its_time
from made_project import APP, Made, make
from modelmon.ledger import dead_letters
from modelmon.model import DeadLetter, from_us

BASE = "/api/v1/projects/made"
UID = f"{0:032x}"
ONE = f"{BASE}/model-endpoints/{UID}"
SPAN = {"start": "2025-12-31T18:00:00Z", "end": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", SMALL, private="feature_00")


@pytest.fixture
def client(made: Made) -> Iterator[ApiClient]:
    with asked_in_its_time(made) as client:
        yield client


def asked(client: ApiClient, path: str, **parameters: Any) -> Any:
    found = client.get(path, params=parameters)
    assert found.status_code == 200, found.text
    return found.json()


def pages(client: ApiClient, path: str, size: int) -> Iterator[Any]:
    token = ""
    while True:
        page = asked(client, path, **{"page-size": size, "page-token": token})
        yield page
        token = page["after"]
        if not token:
            return


def test_pages_of_endpoints_hold_each_once_the_worst_first(client: ApiClient) -> None:
    found = [row for page in pages(client, f"{BASE}/endpoints", 3) for row in page["rows"]]
    assert len({row["endpoint"]["endpoint_id"] for row in found}) == len(found) == 7
    assert [found[0]["endpoint"][name] for name in ("endpoint_id", "state")] == [UID, "detected"]


def test_pages_of_incidents_hold_each_once(client: ApiClient) -> None:
    found = [each for page in pages(client, f"{BASE}/incidents", 1) for each in page["incidents"]]
    assert [each["incident_id"] for each in found] == [1, 2]  # the worst first
    assert "feature_00" not in str(found)


def test_an_incident_has_its_events_and_windows(client: ApiClient) -> None:
    one = asked(client, f"{BASE}/incidents/1")
    assert (one["incident"]["endpoint_id"], len(one["windows"])) == (UID, 23)
    assert asked(client, f"{BASE}/incidents/1/events") == one["events"]


def test_windows_go_on_where_the_page_ended(client: ApiClient) -> None:
    first = asked(client, f"{ONE}/windows", **{"page-size": 2})
    second = asked(client, f"{ONE}/windows", **{"page-size": 2, "page-token": first["before"]})
    starts = [each["start_infer_time"][:16] for each in (*first["windows"], *second["windows"])]
    assert starts == [f"2025-12-31 {hour}:00" for hour in (23, 22, 21, 20)]


def test_features_of_a_window_are_without_private_ones(client: ApiClient) -> None:
    found = asked(client, f"{ONE}/features", window="2025-12-31T23:30:00Z")
    assert [each["feature"] for each in found["features"]["features"]] == ["feature_01"]
    assert found["features"]["window"]["application_name"] == APP


def test_traffic_has_at_most_so_many_buckets(client: ApiClient) -> None:
    found = asked(client, f"{ONE}/traffic", buckets=6, **SPAN)
    assert 1 < len(found["buckets"]) <= 6
    assert sum(each["requests"] for each in found["buckets"]) > 0


def test_the_project_at_one_look_counts_what_the_list_has(client: ApiClient) -> None:
    found = asked(client, f"{BASE}/overview", **SPAN)
    assert (found["endpoints"], found["open_incidents"], sum(found["by_state"].values())) == (7, 2, 7)
    (app,) = asked(client, f"{BASE}/functions")["apps"]
    assert (app["name"], app["detected"]) == (APP, 1)


def letter(offset: int, not_kept: int = 0) -> DeadLetter:
    return DeadLetter(
        "stream1", 0, offset, -1, "modelmon-events", UID, "inputs", "not JSON", b"{", from_us(UNTIL_US),
        not_kept=not_kept,
    )  # fmt: skip


def test_dead_letters_come_in_pages_and_are_sent_again(client: ApiClient) -> None:
    database = client.application.state.projects["made"].database
    with database.write() as connection:
        dead_letters.keep(connection, [letter(each) for each in range(3)] + [letter(3, not_kept=9)])
    found = [each for page in pages(client, f"{BASE}/dead-letters", 2) for each in page["letters"]]
    ids = {each["offset"]: each["id"] for each in found}
    assert sorted(ids) == [0, 1, 2, 3]
    path = f"{BASE}/dead-letters/resend"
    assert client.request("POST", path, json={"ids": [ids[0], ids[3]]}).status_code == 409
    assert asked(client, f"{BASE}/dead-letters", resent=True)["total"] == 0
    assert client.request("POST", path, json={"ids": [ids[0]]}).json() == {"ids": [ids[0]]}
    assert asked(client, f"{BASE}/dead-letters", resent=True)["total"] == 1


def test_windows_are_asked_for_again(client: ApiClient) -> None:
    body = {"application": APP, "endpoints": ["model-0000"], **SPAN}
    found = client.request("POST", f"{BASE}/windows/rerun", json=body)
    assert (found.status_code, found.json()["application_name"]) == (200, APP)


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (
            "windows/rerun",
            {"application": "histogram", "start": "2025-12-31T00:00:00Z"},
            "no app 'histogram'",
        ),
        ("windows/rerun", {"application": APP}, "missing required field `start`"),
        ("windows/rerun", {"application": APP, "start": SPAN["start"], "from": 1}, "unknown field `from`"),
        ("dead-letters/resend", {"ids": []}, "name 1 to 500 dead letters, got 0"),
    ],
)
def test_a_body_that_cannot_be_is_refused(
    client: ApiClient, path: str, body: dict[str, Any], reason: str
) -> None:
    found = client.request("POST", f"{BASE}/{path}", json=body)
    assert (found.status_code, reason in found.json()["detail"]["reason"]) == (400, True), found.text


@pytest.mark.parametrize("path", [f"{ONE}/windows?page-size=501", f"{BASE}/incidents?page-size=0"])
def test_a_page_has_1_to_500(client: ApiClient, path: str) -> None:
    assert client.get(path).json()["detail"]["field"] == "page_size"


def test_a_list_that_has_not_changed_is_not_sent_again(client: ApiClient) -> None:
    first = client.get(f"{BASE}/endpoints")
    tag = first.headers["etag"]
    packed = tag.removesuffix('"') + '-gzip"'  # as a proxy that packs answers marks it
    for known in (tag, f'"other", {packed}'):
        again = client.get(f"{BASE}/endpoints", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.get(f"{BASE}/endpoints", params={"sort": "name"}, headers={"If-None-Match": tag})
    assert (other.status_code, other.headers["cache-control"]) == (200, "private, no-cache")


def test_an_endpoint_stands_in_the_list_once(client: ApiClient) -> None:
    assert client.get(f"{BASE}/endpoints").text.count('"model-0003"') == 1
