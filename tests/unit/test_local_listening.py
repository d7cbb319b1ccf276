"""Sockets of HTTP triggers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from modelmon.errors import ConfigError
from modelmon.local.folders import address_file, functions_folder
from modelmon.local.listening import Listening

HOST = "127.0.0.1"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    functions_folder(tmp_path).mkdir(parents=True)
    return tmp_path


def address(project: Path, function: str) -> str:
    return address_file(project, function).read_text()


def test_a_functions_address_is_written_while_it_listens(project: Path) -> None:
    listening = Listening(project, HOST, 0)
    listening.open("web", 0)
    host, port = address(project, "web").split(":")
    socket.create_connection((host, int(port))).close()
    listening.open("web", 0)  # a changed function
    assert address(project, "web") == f"{host}:{port}"
    listening.close_all()
    assert not address_file(project, "web").exists()


def test_functions_take_the_next_free_port_from_the_first_one_on(project: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        first = taken.getsockname()[1]
        listening = Listening(project, HOST, first)
        listening.open("web", 0)
        assert int(address(project, "web").split(":")[1]) > first
        listening.close_all()


def test_addresses_that_a_killed_runner_left_are_forgotten(project: Path) -> None:
    address_file(project, "old").write_text("127.0.0.1:1")
    Listening(project, HOST, 0)
    assert not address_file(project, "old").exists()


def test_a_port_of_its_own_that_is_taken_is_an_error(project: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't listen on {HOST}:{port}: Address already in use"):
            Listening(project, HOST, 0).open("web", port)


def test_a_changed_port_moves_the_function(project: Path) -> None:
    listening = Listening(project, HOST, 0)
    listening.open("web", 0)
    with socket.create_server((HOST, 0)) as found:
        port = found.getsockname()[1]
    listening.open("web", port)
    assert address(project, "web") == f"{HOST}:{port}"
    listening.close_all()
