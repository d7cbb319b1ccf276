"""The pages of alerts and of jobs and workflows, over a made project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_client import ApiClient, addresses
from made_pages import Pages, rows_of
from made_project import APP, Made, Shape, make
from modelmon.ledger import dead_letters, registry
from modelmon.ledger.access import list_deeds
from modelmon.ledger.records import open_records
from modelmon.model import DeadLetter, from_us
from modelmon.streams import open_stream

UNTIL_US = 1_767_225_600_000_000
HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made") / "project", Shape(UNTIL_US))


@pytest.fixture(scope="module")
def client(made: Made) -> Iterator[ApiClient]:
    client = ApiClient(made.settings)
    yield client
    client.close()


@pytest.fixture(scope="module")
def base(made: Made) -> str:
    return f"/projects/{made.settings.project}"


@pytest.mark.slow
def test_open_alerts_lead_to_their_endpoint_and_to_one_page_each(client: ApiClient, base: str) -> None:
    page = client.get(f"{base}/incidents").text
    links = set(addresses(page))
    numbers = {each.rpartition("/")[2] for each in links if re.fullmatch(f"{base}/incidents/\\d+", each)}
    assert numbers
    for number in numbers:
        shown = client.get(f"{base}/incidents/{number}")
        assert shown.status_code == 200
        assert "<h2>Evidence</h2>" in shown.text


def test_alerts_of_one_endpoint_alone(client: ApiClient, base: str) -> None:
    page = client.get(f"{base}/incidents?endpoint=model-0000").text
    assert "model-0000" in page
    assert "model-0001" not in page
    assert client.get(f"{base}/incidents?endpoint=model-000x").status_code == 400


def test_a_resolved_alert_has_the_sign_of_its_worst_window(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    pages.change(
        "update incidents set status = 1, state = 'resolved', reason = 'calm', detected = 3, "
        "ended_us = last_us, resolved_us = changed_us"
    )
    (row,) = rows_of(pages.get("/projects/made/incidents?show=resolved"))
    assert row.startswith("◆ high model-0000")
    pages.change("update incidents set detected = 0")
    assert rows_of(pages.get("/projects/made/incidents?show=resolved"))[0].startswith("▲ medium")
    pages.client.close()


def test_where_nothing_ended_the_page_says_how_an_alert_ends(client: ApiClient, base: str) -> None:
    page = client.get(f"{base}/incidents?show=resolved&endpoint=model-0007").text
    assert "modelmon incidents resolve NUMBER" in page


@pytest.mark.parametrize("number", ["999999", "x", "-1", "1e3"])
def test_an_alert_that_is_not_there_is_not_found(client: ApiClient, base: str, number: str) -> None:
    assert client.get(f"{base}/incidents/{number}").status_code == 404


def test_an_alert_says_its_course_and_draws_its_windows(client: ApiClient, base: str) -> None:
    links = addresses(client.get(f"{base}/incidents?endpoint=model-0000").text)
    (own,) = {each for each in links if re.fullmatch(f"{base}/incidents/\\d+", each)}
    page = client.get(own).text
    assert 'class="chart timeline"' in page
    assert 'class="threshold detected"' in page
    assert "◆ detected" in page.split("<h2>Evidence")[1]
    assert "/features?window=" in page


def test_the_apps_are_shown_with_their_windows(client: ApiClient, base: str) -> None:
    page = client.get(f"{base}/functions").text
    assert f'<th scope="row"><a href="{base}/apps/{APP}">{APP}</a>' in page
    assert f"{base}/endpoints?app={APP}&amp;state=failed" in page


@pytest.fixture
def set_aside(made: Made) -> None:
    """A message of hostile words that has nobody's stream."""
    letter = DeadLetter(
        stream="kafka://user:sesame@broker:9092/events", stream_id="s", partition=0, offset=1, item=0,
        endpoint_id=HOSTILE, field=HOSTILE, reason=HOSTILE, body=b"{}", created=from_us(UNTIL_US),
    )  # fmt: skip
    records = open_records(made.settings)
    with records.write() as connection:
        dead_letters.keep(connection, [letter])
    records.close()


@pytest.mark.usefixtures("set_aside")
def test_what_was_set_aside_is_shown_as_text(client: ApiClient, base: str) -> None:
    page = client.get(f"{base}/functions").text
    assert "<script>alert" not in page
    assert "sesame" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_dead_letter_is_sent_again_by_its_form_alone(made: Made, client: ApiClient, base: str) -> None:
    letter = DeadLetter(
        stream_id="e", partition=0, offset=7, item=-1, stream=made.settings.events_stream, endpoint_id="",
        field="", reason="not JSON", body=b"{", created=from_us(UNTIL_US),
    )  # fmt: skip
    records = open_records(made.settings)
    with records.write() as connection:
        dead_letters.keep(connection, [letter])
    page = client.get(f"{base}/functions").text
    (action,) = {
        each
        for each in addresses(page, ["action="])
        if each.startswith(f"{base}/dead-letters/e.0.7") and each.endswith("/resend")
    }
    token = addresses(page, ['name="form_token" value='])[0]
    same = {"Sec-Fetch-Site": "same-origin"}
    assert client.request("POST", action, data={"form_token": "guessed"}, headers=same).status_code == 403
    sent = client.request("POST", action, data={"form_token": token}, headers=same)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{base}/functions#dead-letters")
    twice = client.request("POST", action, data={"form_token": token}, headers=same)
    assert (twice.status_code, "was sent again at" in twice.text) == (409, True)
    with records.read() as connection:
        (found,) = dead_letters.find(connection, dead_letters.Chosen(reason="not JSON"), 10)
        deeds, _ = list_deeds(connection, 5)
    records.close()
    assert found.resent is not None
    stream = open_stream(made.settings.stream_url(made.settings.events_stream), 2, made.settings)
    assert sum(stream.end_offsets().values()) == 1
    stream.close()
    assert [(each.what.partition(" ")[0], each.outcome) for each in deeds] == [
        ("POST", "409"),
        ("POST", "303"),
        ("POST", "403"),
    ]


@pytest.mark.usefixtures("set_aside")
@pytest.mark.parametrize("what", ["resend", "delete"])
@pytest.mark.parametrize("letter", ["e.0.9.0", "x", f"e.0.{10**30}.0"])
def test_a_letter_that_another_has_deleted_is_not_here_and_the_page_leads_back(
    client: ApiClient, base: str, what: str, letter: str
) -> None:
    page = client.get(f"{base}/functions").text
    token = addresses(page, ['name="form_token" value='])[0]
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://127.0.0.1{base}/functions?range=7d"}
    found = client.request(
        "POST", f"{base}/dead-letters/{letter}/{what}", data={"form_token": token}, headers=headers
    )
    assert (found.status_code, "no dead letter" in found.text) == (404, True)
    assert f'href="{base}/functions?range=7d">Back to where you were' in found.text
    rest = client.request("POST", f"/api/v1{base}/dead-letters/{what}", json={"ids": [letter]})
    assert rest.status_code == 404


@pytest.mark.parametrize("referer", ["", "http://evil.example/x", "http://127.0.0.1:1/x", "//127.0.0.1/x"])
def test_a_refusal_leads_back_to_no_page_but_ours(client: ApiClient, base: str, referer: str) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": referer}
    found = client.request(
        "POST", f"{base}/dead-letters/x/delete", data={"form_token": "no"}, headers=headers
    )
    assert (found.status_code, "Back to" in found.text) == (403, referer.startswith("//127"))


def test_a_function_without_a_heartbeat_is_missed_nowhere(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "project", endpoints=1, days=1)
    records = open_records(pages.made.settings)
    with records.write() as connection:
        for name, kind in (("modelmon-api", "page"), ("serving", "serving"), ("modelmon-writer", "infra")):
            registry.put_function(connection, name, kind, {}, deployed=True, now_us=1)
    records.close()
    base = "/api/v1/projects/made"
    found = pages.client.get(f"{base}/functions").json()["functions"]
    assert [each["function"] for each in found] == ["modelmon-writer"]
    summary = pages.client.get("/api/v1/project-summaries/made").json()
    assert summary["failed_model_monitoring_functions"] == 1
    scraped = pages.client.get("/metrics").text
    assert re.findall(r'modelmon_function_healthy{.*function="(.*)"}', scraped) == ["modelmon-writer"]
    rows = rows_of(pages.get("/projects/made/functions"))
    assert [each.partition(" –")[0] for each in rows[1:3]] == [
        "modelmon-api answers",
        "serving serves models",
    ]
    pages.client.close()
