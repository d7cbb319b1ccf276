"""Which projects `modelmon dashboard --all` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from api_client import ApiClient
from modelmon.cli.dashboard import projects_below
from modelmon.errors import ConfigError


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
    assert "left out" in capsys.readouterr().err


def test_two_of_one_name_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="modelmon init"):
        projects_below(tmp_path)
    put(tmp_path / "a", "shop")
    put(tmp_path / "b", "shop")
    with pytest.raises(ConfigError, match="under one name"):
        projects_below(tmp_path)


def test_a_project_that_cannot_be_read_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    put(tmp_path / "a", "shop")
    put(tmp_path / "b", "trains")
    state = tmp_path / "b" / ".modelmon"
    state.mkdir()
    (state / "records.db").write_bytes(b"no database at all" * 100)
    client = ApiClient(*projects_below(tmp_path))
    assert client.get("/projects/shop/endpoints").status_code == 200
    assert client.get("/projects/trains/endpoints").status_code >= 400
    assert "shop" in client.get("/").text
    client.close()
