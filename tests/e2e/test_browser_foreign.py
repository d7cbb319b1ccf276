"""A page that somebody logged, with scripts of its own, in a real browser: it draws, and reaches nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.test_browser import served
from modelmon.project import get_or_create_project
from services.chromium import browser, missing

SILENT = "a connection without a word"
TRIES = """
<!doctype html><title>kept</title>
<meta http-equiv="refresh" content="3; url=http://{there}/refresh">
<link rel="stylesheet" href="http://{there}/style"><link rel="prefetch" href="http://{there}/prefetch">
<link rel="dns-prefetch" href="http://{there}"><link rel="preconnect" href="http://{there}">
<script src="http://{there}/script"></script>
<style>@font-face {{ font-family: a; src: url(http://{there}/font) }} p {{ font-family: a }}</style>
<h1 id="drawn">not drawn</h1><p>text</p><img src="http://{there}/image"><iframe src="http://{there}/frame"></iframe>
<form id="form" action="http://{there}/form"></form>
<script>
const said = [];
function attempt(name, work) {{ try {{ work(); said.push(name) }} catch (error) {{ }} }}
document.getElementById("drawn").textContent = new Function("return 'drawn'")();
attempt("fetch", () => fetch("http://{there}/fetch").catch(() => 0));
attempt("beacon", () => navigator.sendBeacon("http://{there}/beacon", "x"));
attempt("socket", () => new WebSocket("ws://{there}/socket"));
attempt("events", () => new EventSource("http://{there}/events"));
attempt("worker", () => new Worker(URL.createObjectURL(new Blob(["fetch('http://{there}/worker')"]))));
attempt("window", () => window.open("http://{there}/window"));
setTimeout(() => attempt("form", () => document.getElementById("form").submit()), 1500);
attempt("top", () => {{ window.top.location = "http://{there}/top" }});
attempt("rtc", () => {{ const one = new RTCPeerConnection({{iceServers: [{{urls: "stun:{there}"}}]}});
  one.createDataChannel("a"); one.createOffer().then(each => one.setLocalDescription(each)) }});
attempt("parent", () => {{ document.title = window.parent.document.title; said.push("READ THE PAGE") }});
attempt("cookie", () => {{ document.title = document.cookie; said.push("READ COOKIES") }});
attempt("inner", () => {{ const inner = document.createElement("iframe");
  inner.srcdoc = "<scr" + "ipt>new RTCPeerConnection()</scr" + "ipt>"; document.body.append(inner);
  document.body.insertAdjacentHTML("beforeend", "<iframe srcdoc='x'></iframe>");
  said.push(document.querySelectorAll("iframe").length + " frames") }});
document.getElementById("drawn").dataset.said = said.join(" ");
setTimeout(() => attempt("away", () => {{ location = "http://{there}/away" }}), 2000);
</script>
"""
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.xdist_group("browser"),
]


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A port that nobody may reach, and the first line of whoever does; UDP too, for WebRTC."""
    reached: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        place = server.getsockname()
        datagrams.bind(place)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(1)
                    try:
                        reached.append(connection.recv(200).decode(errors="replace").partition("\r")[0])
                    except TimeoutError:
                        reached.append(SILENT)

        def receive() -> None:
            try:
                reached.append(f"UDP {datagrams.recv(2000)!r}")
            except OSError:
                return

        for each in (accept, receive):
            threading.Thread(target=each, daemon=True).start()
        yield f"{place[0]}:{place[1]}", reached


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a browser made of such a page in its frame, and then of the same one in a tab."""
    project = get_or_create_project("shop", context=tmp_path_factory.mktemp("shop"))
    with listening() as (there, reached):
        project.log_artifact("evil.html", body=TRIES.format(there=there))
        with served("--project-dir", str(project.context)) as address, browser() as started:
            page = started.new_page()
            page.goto(f"{address}/projects/shop/logged?key=evil.html")
            still = page.frame_locator("iframe.kept").locator("#drawn")
            still.wait_for()
            page.wait_for_timeout(1500)  # longer than a connection takes that is opened ahead
            found: dict[str, Any] = {"still": still.text_content(), "reached": list(reached)}
            page.click("text=Run its scripts in the frame")
            frame = page.frame_locator("iframe.kept")
            frame.locator("#drawn").wait_for()
            found |= {
                "drawn": frame.locator("#drawn").text_content(),
                "said": frame.locator("#drawn").get_attribute("data-said"),
            }
            page.wait_for_timeout(4000)  # longer than its refresh takes
            found |= {"at": page.url, "framed": list(reached)}
            reached.clear()
            source = page.get_attribute("iframe.kept", "src")
            tab = started.new_page()
            tab.goto(f"{address}{source}")
            found |= {"alone": tab.text_content("#drawn"), "address": address}
            yield found


def test_no_script_runs_until_a_person_says_so(seen: dict[str, Any]) -> None:
    assert (seen["still"], seen["reached"]) == ("not drawn", [])


def test_its_scripts_draw(seen: dict[str, Any]) -> None:
    assert seen["drawn"] == "drawn"
    assert "fetch" in seen["said"]


def test_nothing_outside_the_frame_is_reached(seen: dict[str, Any]) -> None:
    """A browser that is told to go elsewhere has a connection open before it asks whether it may, and then
    sends nothing over it."""
    assert set(seen["framed"]) <= {SILENT}
    assert "READ" not in seen["said"]
    assert "0 frames" in seen["said"]
    assert seen["at"].startswith(seen["address"])


def test_in_a_tab_by_itself_no_script_runs(seen: dict[str, Any]) -> None:
    assert seen["alone"] == "not drawn"
