"""Which projects `modelmon dashboard --all` shows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api_client import ApiClient
from made_pages import rows_of
from made_project import HOUR, Shape, make
from modelmon.cli.dashboard import projects_below
from modelmon.errors import ConfigError
from modelmon.ledger.access import create_token
from modelmon.ledger.records import open_records
from modelmon.model import wall_clock_us
from modelmon.settings import Settings
from services import free_ports

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schemas"


def put(folder: Path, name: str, more: str = "") -> None:
    folder.mkdir(parents=True)
    (folder / "modelmon.yaml").write_text(f"project: {name}\n{more}")


def test_every_project_below_the_folder_is_found_by_name(tmp_path: Path) -> None:
    put(tmp_path / "z", "shop")
    put(tmp_path / "a" / "deep", "trains")
    put(tmp_path / ".hidden", "not-this")
    assert [each.project for each in projects_below(tmp_path)] == ["shop", "trains"]


def test_one_whose_settings_are_wrong_is_told_and_the_others_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "a", "shop")
    put(tmp_path / "b", "trains", "base_period: 0\n")
    assert [each.project for each in projects_below(tmp_path)] == ["shop"]
    assert "left out" in " ".join(capsys.readouterr().err.split())


def test_two_of_one_name_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="modelmon init"):
        projects_below(tmp_path)
    put(tmp_path / "a", "shop")
    put(tmp_path / "b", "shop")
    with pytest.raises(ConfigError, match="under one name"):
        projects_below(tmp_path)


def records(folder: Path) -> Path:
    (folder / ".modelmon").mkdir()
    return folder / ".modelmon" / "records.db"


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A project in full and five others, of which one alone can be read: that of an older ModelMon."""
    made = make(tmp_path / "made", Shape(wall_clock_us() // HOUR * HOUR, endpoints=2, days=2))
    assert made.settings.project == "made"
    for name in ("broken", "newer", "older"):
        put(tmp_path / name, name)
    put(tmp_path / "down", "down", f"records_url: postgresql://u:geheim@127.0.0.1:{free_ports(1)[0]}/db\n")
    put(tmp_path / "empty", "empty")
    records(tmp_path / "broken").write_bytes(b"no database at all" * 100)
    with closing(sqlite3.connect(records(tmp_path / "older"))) as older:
        older.executescript((FIXTURES / "sqlite-4.sql").read_text(encoding="utf-8"))
        older.executescript("delete from heartbeats;")  # whose rows there say what no worker does
    open_records(Settings.load(tmp_path / "newer")).close()
    with closing(sqlite3.connect(tmp_path / "newer" / ".modelmon" / "records.db")) as newer, newer:
        newer.execute("update schema_versions set version = 9999")
    return tmp_path


@pytest.mark.slow
def test_each_project_says_in_its_row_how_it_is_and_one_that_cannot_be_read_holds_up_no_other(
    several: Path,
) -> None:
    client = ApiClient(*projects_below(several))
    answer = client.get("/")
    assert answer.status_code == 200
    assert "geheim" not in answer.text
    rows = {row.split()[0]: row for row in rows_of(answer.text)}
    assert list(rows) == ["broken", "down", "newer", "made", "older", "empty"]
    assert "can't be read: " in rows["broken"]
    assert "is not a database" in rows["broken"]
    assert "can't be read: " in rows["down"]
    assert "schema version 9999" in rows["newer"]
    assert "install a newer one" in rows["newer"]
    assert "◆ detected 1" in rows["made"]
    assert "model-0000" in rows["made"]
    assert "◆ detected 1" in rows["older"]
    assert "none yet" in rows["empty"]
    status = {name: client.get(f"/projects/{name}/endpoints").status_code for name in rows}
    assert {name for name, code in status.items() if code == 200} == {"made", "older", "empty"}
    client.close()


def test_of_a_project_that_needs_a_login_only_the_name_is_told(tmp_path: Path) -> None:
    put(tmp_path / "a", "shop")
    put(
        tmp_path / "b",
        "trains",
        "auth: proxy\nproxy_secret: hidden-words-of-some-length\nproxy_roles: '*=viewer'\n",
    )
    client = ApiClient(*projects_below(tmp_path))
    rows = {row.split()[0]: row for row in rows_of(client.get("/").text)}
    assert rows["trains"] == "trains opens after a login"
    assert "none yet" in rows["shop"]
    client.close()


def test_users_of_one_project_are_let_in_while_another_cannot_be_read(several: Path) -> None:
    for name in ("made", "broken", "down"):
        with (several / name / "modelmon.yaml").open("a") as settings:
            settings.write("\nauth: token\n")
    found = projects_below(several)
    database = open_records(next(each for each in found if each.project == "made"))
    with database.write() as connection:
        token = create_token(connection, "ann", "viewer", wall_clock_us(), None)
    database.close()
    client = ApiClient(*(each for each in found if each.project in ("made", "broken", "down")))
    assert client.get("/", headers={"Authorization": "Bearer mm_wrong"}).status_code in (303, 401)
    answer = client.get("/", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, "opens after a login" in answer.text) == (200, True)
    client.close()
