"""The page and the API answer the same on every server: uvicorn, the embedded runner, the real processor.

What Nuclio changes of a request is stated in test_platform.py, and left out here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from conformance.platforms import ALONE, Make
from deploying import HTTP, eventually
from made_project import HOUR, Shape, make
from modelmon.function_spec.folders import template
from modelmon.model import wall_clock_us
from services import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform")]

HOME, API = "/projects/test/endpoints", "/api/v1/projects/test/endpoints"
GZIP, PLAIN = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}
PAGES = ["/", "/projects/test", HOME, "/docs", "/login"]
QUERIES = [
    "range=24h", "range=7d", "range=1y", "range=9d", "from=yesterday",
    "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", "name=a,b", "q=%C3%BC%20x", "q=a+b",
    "q=a%26b%3Dc", "q=", "state=detected", "state=x", "limit=2", "limit=0", "limit=x", "nothing=1",
    "q=%3Cscript%3E", "after=x",
]  # fmt: skip
ASKED = [
    *(("GET", path, headers) for path in PAGES for headers in (GZIP, PLAIN)),
    *(("GET", f"{path}?{query}", PLAIN) for query in QUERIES for path in (HOME, API)),
    *(("HEAD", path, PLAIN) for path in ("/", HOME, API, "/nothing", "/openapi.json")),
    *(("GET", path, headers) for path in (API, "/openapi.json") for headers in (GZIP, PLAIN)),
    ("GET", "/health", PLAIN), ("GET", "/readyz", PLAIN), ("GET", "/nothing", PLAIN),
    ("GET", "/api/v1/nothing", PLAIN), ("GET", "/api/v1/projects/tset/endpoints", PLAIN),
    ("GET", "/projects/%C3%BCbung/endpoints", PLAIN), ("GET", "/projects/a%20b/endpoints", PLAIN),
    ("GET", "/static/0/nothing.css", PLAIN), ("POST", HOME, PLAIN), ("DELETE", API, PLAIN),
    ("OPTIONS", API, PLAIN), ("POST", "/logout", {**PLAIN, "Origin": "https://elsewhere.example"}),
    ("GET", HOME, {**PLAIN, "Host": "elsewhere.example"}),
]  # fmt: skip
OF_THE_SERVER = {"date", "server", "connection"}
TRIES = 4  # the two are asked at two moments, and a moment's digits are in the length that HEAD tells
NOW = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?|\d\d:\d\d(:\d\d)?|\d+ (seconds?|minutes?) ago"
    r"|(?<=age_seconds.:)\d+"
)


@pytest.fixture(scope="module", params=ALONE)
def addresses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """Of the same project: on uvicorn, and as a function."""
    folder = tmp_path_factory.mktemp("page") / "project"
    now_us = wall_clock_us()
    make(folder, Shape(now_us - now_us % HOUR, endpoints=5, features=3, days=2))
    create: Make = request.param
    platform = create(folder)
    (port,) = free_ports(1)
    try:
        platform.deploy("modelmon-api", (template("api") / "main.py").read_text(), http=HTTP)
        platform.start()
        with uvicorn(folder, port) as address:
            yield [address, f"http://{platform.address('modelmon-api')}"]
    finally:
        platform.close()


@contextmanager
def uvicorn(folder: Path, port: int) -> Iterator[str]:
    """The application as a server of one's own runs it."""
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "modelmon.api:app", "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=folder)
    try:
        eventually(lambda: is_there(address))
        yield address
    finally:
        process.terminate()
        process.wait(20)


def is_there(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health").status_code == 200
    return False


def ask(address: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of the answer, without what is of the server and of the moment."""
    answer = httpx.request(method, f"{address}{path}", headers=headers)
    left_out = OF_THE_SERVER | ({"content-length"} if "content-encoding" in answer.headers else set())
    if answer.is_redirect:  # it has no body: Nuclio tells a content type, and to HEAD no length
        left_out |= {"content-type", "content-length"}
    kept = {name: value for name, value in answer.headers.items() if name not in left_out}
    return answer.status_code, kept, NOW.sub("…", answer.text.replace(address, ""))


@pytest.mark.parametrize(
    ("method", "path", "headers"), ASKED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_the_same_request_gets_the_same_answer(
    addresses: list[str], method: str, path: str, headers: dict[str, str]
) -> None:
    for _ in range(TRIES):
        expected, found = (ask(address, method, path, headers) for address in addresses)
        if found == expected:
            break
    assert found == expected


def test_static_files_are_the_same(addresses: list[str]) -> None:
    page = httpx.get(f"{addresses[0]}{HOME}").text
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    answers = [[ask(address, "GET", path, GZIP) for path in found] for address in addresses]
    assert answers[0] == answers[1]
    assert 200 in {status for status, _, _ in answers[0]}
