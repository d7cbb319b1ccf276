"""Sockets of HTTP triggers."""

from __future__ import annotations

import errno
import json
import socket
from pathlib import Path

import pytest

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import address_file, functions_folder
from modelmon.local.listening import Listening

HOST = "127.0.0.1"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    functions_folder(tmp_path).mkdir(parents=True)
    return tmp_path


def listening_on(project: Path, first: int = 0, told: list[str] | None = None) -> Listening:
    return Listening(
        project, HOST, first, lambda level, text: (told if told is not None else []).append(text)
    )


def address(project: Path, function: str) -> str:
    return address_file(project, function).read_text()


def test_a_functions_address_is_written_while_it_listens(project: Path) -> None:
    listening = listening_on(project)
    listening.open("web", 0)
    host, port = address(project, "web").split(":")
    socket.create_connection((host, int(port))).close()
    listening.open("web", 0)  # a changed function
    assert address(project, "web") == f"{host}:{port}"
    listening.close_all()
    assert not address_file(project, "web").exists()


def test_functions_take_the_next_free_port_from_the_first_one_on(project: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        first, told = taken.getsockname()[1], list[str]()
        listening = listening_on(project, first, told)
        listening.open("web", 0)
        port = int(address(project, "web").split(":")[1])
        assert port > first
        (line,) = told
        assert line.startswith(f"web: port {first}")
        assert f"in use by another program; it listens on {port} (http_port" in line
        told.clear()
        listening.open("two", 0)  # beside one of our own, which is nothing to tell
        assert port < int(address(project, "two").split(":")[1])
        assert not [line for line in told if f" {port}," in line or f"port {port} " in line]
        listening.close_all()


def test_the_first_port_is_for_the_project_s_own_functions(project: Path) -> None:
    with socket.create_server((HOST, 0)) as found:
        first = found.getsockname()[1]
    listening = listening_on(project, first)
    listening.open("modelmon-controller", 0)
    listening.open("serving", 0)
    assert address(project, "serving") == f"{HOST}:{first}"
    assert address(project, "modelmon-controller") != f"{HOST}:{first}"
    listening.close_all()


def test_addresses_that_a_killed_runner_left_are_forgotten(project: Path) -> None:
    address_file(project, "old").write_text("127.0.0.1:1")
    listening_on(project)
    assert not address_file(project, "old").exists()


def test_a_port_of_its_own_that_is_taken_is_an_error(project: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"can't listen on {HOST}:{port}: Address already in use; end what uses it"
        ):
            listening_on(project).open("web", port)


def test_a_changed_port_moves_the_function(project: Path) -> None:
    listening = listening_on(project)
    listening.open("web", 0)
    with socket.create_server((HOST, 0)) as found:
        port = found.getsockname()[1]
    listening.open("web", port)
    assert address(project, "web") == f"{HOST}:{port}"
    listening.close_all()


def asked(project: Path, body: bytes = b"") -> socket.socket:
    host, port = address(project, "web").split(":")
    caller = socket.create_connection((host, int(port)), timeout=10)
    caller.sendall(b"POST /health HTTP/1.1\r\nHost: x\r\n\r\n" + body)
    return caller


def said(caller: socket.socket) -> tuple[str, dict[str, object]]:
    with caller, caller.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    return head.splitlines()[0].decode(), json.loads(body)


def test_callers_of_a_function_that_can_t_start_are_told_so(project: Path) -> None:
    listening = listening_on(project)
    listening.open("web", 0)
    callers = [asked(project), asked(project, b"x" * 100_000)]
    listening.turn_away("web", "can't start", 0.0)
    for caller in callers:
        status, body = said(caller)
        assert status == "HTTP/1.1 503 Service Unavailable"
        assert body["error"] == "function 'web' can't start: `modelmon functions` says more"
        assert body["healthy"] is False
    listening.turn_away("web", "can't start", 0.0)  # those that were answered are let go
    listening.close_all()


def test_callers_wait_their_time_first_and_for_a_worker_as_long_as_one_is_there(project: Path) -> None:
    listening = listening_on(project)
    listening.open("web", 0)
    with asked(project) as caller:
        caller.setblocking(False)
        listening.turn_away("web", "can't start", 3600.0)
        listening.turn_away("web", "", 0.0)
        with pytest.raises(BlockingIOError):
            caller.recv(1)
    listening.turn_away("controller", "can't start", 0.0)  # one that does not listen
    listening.close_all()


def test_no_port_that_is_free_up_to_the_last_one_is_an_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ConfigError, match="no port from 65535 to 65535 is free; give http_port a lower one"):
        listening_on(project, 65_535).open("web", 0)
