"""The page while what it reads from is full, read-only, frozen or slow to refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_client import ApiClient, addresses
from made_project import APP, Shape, make
from modelmon.ledger import dead_letters
from modelmon.ledger.records import open_records
from modelmon.model import DeadLetter, from_us, wall_clock_us
from modelmon.settings import Settings
from services.postgres import Postgres, missing

HOUR_US = 3_600_000_000
BASE = "/projects/made"
UID = f"{0:032x}"
PAGES = [
    f"{BASE}/endpoints", f"{BASE}/endpoints/heat-map", f"{BASE}/endpoints/{UID}",
    f"{BASE}/endpoints/{UID}/features", f"{BASE}/endpoints/{UID}/metrics", f"{BASE}/endpoints/{UID}/rows",
    f"{BASE}/incidents", f"{BASE}/functions", f"{BASE}/apps/{APP}", f"{BASE}/models", "/metrics", "/readyz",
]  # fmt: skip
pytestmark = pytest.mark.e2e


class Disk:
    """A small file system of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def mount(self, *options: str) -> bool:
        done = subprocess.run(["mount", *options, str(self.place)], capture_output=True, text=True)
        return done.returncode == 0

    def fill(self) -> None:
        """To the last byte."""
        with (self.place / "fill").open("wb", buffering=0) as file:
            for size in (65_536, 512, 1):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        (self.place / "fill").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(tmp_path / "disk")
    found.place.mkdir()
    if not found.mount("-t", "tmpfs", "-o", "size=24m", "tmpfs"):
        pytest.skip("needs to mount a file system: root, and rights to do so")
    yield found
    subprocess.run(["umount", "--lazy", str(found.place)], check=True)


@pytest.fixture
def settings(disk: Disk) -> Settings:
    until_us = wall_clock_us() // HOUR_US * HOUR_US
    made = make(disk.place / "p", Shape(until_us, endpoints=2, features=2, days=1))
    letter = DeadLetter(
        "e", 0, 7, -1, made.settings.events_stream, "", "", "not JSON", b"{", from_us(until_us)
    )
    records = open_records(made.settings)
    with records.write() as connection:
        dead_letters.keep(connection, [letter])
    records.close()
    return made.settings


def posted(client: ApiClient, ending: str) -> int:
    page = client.get(f"{BASE}/functions").text
    token = addresses(page, ['name="form_token" value='])[0]
    action = next(each for each in addresses(page, ["action="]) if each.endswith(ending))
    headers = {"Sec-Fetch-Site": "same-origin"}
    return client.request("POST", action, data={"form_token": token}, headers=headers).status_code


def test_on_a_full_disk_everything_is_read_and_what_is_refused_is_there_later(
    disk: Disk, settings: Settings
) -> None:
    client = ApiClient(settings)
    assert client.get(f"{BASE}/functions").status_code == 200  # its databases are open
    disk.fill()
    assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
    assert posted(client, "/resend") == 503
    disk.empty()
    assert [posted(client, each) for each in ("/resend", "/delete")] == [303, 303]
    client.close()


def test_on_a_read_only_disk_the_page_says_so_and_comes_back(disk: Disk, settings: Settings) -> None:
    assert disk.mount("-o", "remount,ro")
    client = ApiClient(settings)
    for path in PAGES:
        answer = client.get(path)
        assert (answer.status_code, "takes no writes: is its disk read-only?" in answer.text) == (503, True)
    assert disk.mount("-o", "remount,rw")
    assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
    client.close()


@pytest.fixture
def server() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_who_looks_is_told_that_a_server_is_frozen_long_before_a_function_gives_up(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmon.api.opened.PATIENCE_SECONDS", 1.0)
    url, path = server.database(), f"{BASE}/functions"
    client = ApiClient(Settings.load(project="made", project_dir=str(tmp_path), records_url=url))
    assert client.get(path).status_code == 200
    server.freeze()
    assert client.get(path).status_code == 503  # `sql_timeout_seconds` is two minutes
    server.thaw()
    assert client.get(path).status_code == 200
    server.kill()
    assert {client.get(each).status_code for each in PAGES} == {503}
    server.start()
    assert client.get(path).status_code == 200
    client.close()
