"""The page of an app: runs, windows that failed and are asked for again, files; dead letters are deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api_client import ApiClient, addresses
from ledger_rows import all_windows
from made_pages import rows_of, text_of
from modelmon.ledger import dead_letters, registry
from modelmon.ledger.access import list_deeds
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, note_requirements
from modelmon.model import Answer, ArtifactNote, DeadLetter, from_us
from unit.kept_support import KeptChain
from unit.window_support import E1, Chain, at, done, envelope, failed, result

SAME = {"Sec-Fetch-Site": "same-origin"}
EVIL = b"<!doctype html><h1>Kept</h1><script>parent.document.title = 'taken'</script>"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Three windows: one done with files, one that failed for good, one done."""
    chain = KeptChain(tmp_path)
    chain.endpoint(E1)
    chain.serve(*[at(10 * number + 1) for number in range(4)], now=at(31))
    chain.tick(at(31))
    first, second, third = chain.app_events()
    place = Path(chain.settings.location("artifacts_path")) / "app" / "w"
    place.mkdir(parents=True)
    notes = []
    for name, content in (("page.html", EVIL), ("scores.json", b"{}"), ("plot.svg", b"<svg onload='x()'/>")):
        (place / name).write_bytes(content)
        notes.append(ArtifactNote(name, f"app/w/{name}", len(content), at(11)))
    notes.append(ArtifactNote("far.html", "s3://bucket/far.html", 9, at(11)))
    answer = Answer("done", rows=9, artifacts=tuple(notes))
    chain.report(result(first, 2, 0.9), envelope(first, answer), now=at(33))
    chain.report(failed(second, "ValueError: no such model"), now=at(34))
    chain.report(result(third, 0, 0.1), done(third), now=at(35))
    for second in range(0, 200, 10):  # it is sent again until it counts as failed
        chain.tick(at(36, second))
        for event in chain.app_events():
            chain.report(failed(event, "ValueError: no such model"), now=at(40))
    yield chain
    chain.close()


@pytest.fixture
def client(chain: Chain) -> Iterator[ApiClient]:
    client = ApiClient(chain.settings)
    yield client
    client.close()


def test_an_app_that_sleeps_says_what_it_waits_for(client: ApiClient, chain: Chain) -> None:
    with chain.database.write() as connection:
        registry.register_app(connection, "sleeper", None, 0)
        note_requirements(connection, "sleeper", {ACTUALS_OR_SCORES})
        note_requirements(connection, "app", {ACTUALS_OR_SCORES})  # which has judged something: it is awake
    base = f"/projects/{chain.settings.project}"
    rows = rows_of(client.get(f"{base}/functions").text)
    said = {each.split()[0]: "sleeps: no actuals, no scores" in each for each in rows}
    assert (said["app"], said["sleeper"]) == (False, True)
    assert "It sleeps: " in client.get(f"{base}/apps/sleeper").text
    assert "It sleeps: " not in page(client, chain)


def page(client: ApiClient, chain: Chain) -> str:
    answer = client.get(f"/projects/{chain.settings.project}/apps/app")
    assert answer.status_code == 200, answer.text
    return answer.text


def part(text: str, title: str) -> str:
    return text.split(f"<h2>{title}")[1].split("</section>")[0]


def post(client: ApiClient, text: str, button: str, **changed: str) -> httpx.Response:
    """Press the first button of this name."""
    form = next(each for each in text.split("<form")[1:] if f">{button}<" in each.split("</form>")[0])
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.split("</form>")[0]))
    return client.request("POST", addresses(form, ["action="])[0], data={**fields, **changed}, headers=SAME)


def test_runs_say_how_they_ended_how_long_they_took_and_over_what_they_failed(
    chain: Chain, client: ApiClient
) -> None:
    rows = rows_of(part(page(client, chain), "Newest runs"))
    assert len(rows) == 3
    assert [("ValueError: no such model" in each) for each in rows] == [False, True, False]
    assert all(re.search(r" [\d.,]+ s\b", each) for each in rows), rows
    found = client.get(f"/api/v1/projects/{chain.settings.project}/runs?application=app&failed=true").json()
    assert [each["window"]["error"] for each in found] == ["ValueError: no such model"]
    assert found[0]["seconds"] > 0


def test_a_window_that_failed_is_asked_for_again_by_its_form_alone(chain: Chain, client: ApiClient) -> None:
    text = page(client, chain)
    assert text.count(">Run again<") == 1
    assert post(client, text, "Run again", form_token="guessed").status_code == 403
    with chain.database.read() as connection:
        before = [row.wanted for row in all_windows(connection)]
    answer = post(client, text, "Run again")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].endswith("/apps/app#failed")
    with chain.database.read() as connection:
        wanted = [row.wanted for row in all_windows(connection)]
        deeds, _ = list_deeds(connection, 5)
    assert wanted == [1, 2, 1, 1] != before
    assert any(each.what.endswith("/apps/{app}/rerun") and each.outcome == "303" for each in deeds)
    assert post(client, text, "Run again", start="x").status_code == 400
    assert post(client, text, "Run again", endpoint="").status_code == 400


def test_a_page_that_an_app_kept_is_shown_where_nothing_of_it_runs(chain: Chain, client: ApiClient) -> None:
    files = part(page(client, chain), "Files it kept")
    assert [each.split()[0] for each in rows_of(files)] == [
        "far.html",
        "page.html",
        "plot.svg",
        "scores.json",
    ]
    (look,) = {each.replace("&amp;", "&") for each in addresses(files, ["href="]) if "/artifacts?" in each}
    framed = client.get(look).text
    assert "taken" not in framed
    assert re.search(r'<iframe class="kept" src="[^"]+" sandbox title="page.html">', framed)
    source = addresses(framed.split("<iframe")[1], ["src="])[0].replace("&amp;", "&")
    answer = client.get(source)
    assert answer.content == EVIL
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    svg = source.replace("page.html", "plot.svg")
    assert client.get(svg).status_code == 415


def test_its_scripts_run_when_a_person_says_so_and_then_in_a_frame_alone(
    chain: Chain, client: ApiClient
) -> None:
    files = part(page(client, chain), "Files it kept")
    (look,) = {each.replace("&amp;", "&") for each in addresses(files, ["href="]) if "/artifacts?" in each}
    (drawn,) = [
        each.replace("&amp;", "&")
        for each in addresses(client.get(look).text, ["href="])
        if "scripts=" in each
    ]
    framed = client.get(drawn).text
    assert 'sandbox="allow-scripts" title="page.html">' in framed
    source = addresses(framed.split("<iframe")[1], ["src="])[0].replace("&amp;", "&")
    answer = client.get(source, headers={"Sec-Fetch-Dest": "iframe"})
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert answer.content.index(b"RTCPeerConnection") < answer.content.index(b"taken")
    by_itself = client.get(source, headers={"Sec-Fetch-Dest": "document"})
    assert by_itself.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert by_itself.content == EVIL


@pytest.mark.parametrize("name", ["page.html", "scores.json", "plot.svg"])
def test_every_file_is_a_download_that_no_browser_shows(chain: Chain, client: ApiClient, name: str) -> None:
    files = part(page(client, chain), "Files it kept")
    places = [each.replace("&amp;", "&") for each in addresses(files, ["href="]) if "/content?" in each]
    assert len(places) == 3
    answer = client.get(next(each for each in places if each.endswith(name)))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["content-type"] == "application/octet-stream"


def test_an_app_that_is_not_there_is_not_found(chain: Chain, client: ApiClient) -> None:
    answer = client.get(f"/projects/{chain.settings.project}/apps/ap")
    assert answer.status_code == 404
    assert "app" in text_of(answer.text)


def letter(offset: int) -> DeadLetter:
    return DeadLetter("e", 0, offset, -1, "events", "", "", "not JSON", b"{", from_us(at(5)))


def test_a_dead_letter_is_deleted_for_good_by_a_button_and_by_programs(
    chain: Chain, client: ApiClient
) -> None:
    with chain.database.write() as connection:
        dead_letters.keep(connection, [letter(each) for each in (1, 2, 3)])
    base = f"/projects/{chain.settings.project}"
    text = client.get(f"{base}/functions").text
    assert post(client, text, "Delete for good", form_token="guessed").status_code == 403
    assert post(client, text, "Delete for good").status_code == 303
    rest = f"/api/v1{base}/dead-letters"
    left = [each["id"] for each in client.get(rest).json()["letters"]]
    assert len(left) == 2
    gone = client.request("POST", f"{rest}/delete", json={"ids": left})
    assert (gone.status_code, gone.json()) == (200, {"deleted": 2})
    assert client.get(rest).json()["total"] == 0
    assert client.request("POST", f"{rest}/delete", json={"ids": []}).status_code == 400
