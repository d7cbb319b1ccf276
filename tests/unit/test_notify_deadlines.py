"""Who answers slowly, without an end or with nonsense holds nobody up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from modelmon.alerting import Channel
from modelmon.alerting.channels import ChannelKind
from modelmon.notify import LaterError, Line, Message, RefusedError, mail, posting, send, with_apprise
from receivers import Answer, web_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by a library of apprise

SAID = Message(
    "ab" * 16,
    "shop",
    "delay",
    "high",
    (Line("raised", "high", "delay", "drift", ""),),
    "2026-11-30T02:00:35Z",
)


@contextmanager
def dripping(beginning: bytes) -> Iterator[str]:
    """A server that says this, then a letter again and again, until the other side has gone."""
    listening, ended = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def answer() -> None:
        with suppress(OSError):
            taken, _ = listening.accept()
            with taken:
                taken.sendall(beginning)
                while not ended.wait(0.02):
                    taken.sendall(b"x")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)  # where nobody came
        thread.join()
        listening.close()


def hook(place: str) -> Channel:
    return Channel("hook", ChannelKind.WEBHOOK, url=f"http://{place}/hook")


def service(place: str) -> Channel:
    return Channel("service", ChannelKind.APPRISE, url=f"json://{place}/")


def team(place: str) -> Channel:
    return Channel(
        "team", ChannelKind.MAIL, server=f"smtp://{place}", sender="m@example.com", to=("a@example.com",)
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("beginning", "channel", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", hook, "it does not answer within 0.2 s"),
        (b"HTTP/1.1 503 Down\r\nX-Long: ", hook, "it does not answer within 0.2 s"),
        (b"HTTP/1.1 503 Down\r\n\r\n", hook, "it answers 503 Down"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", service, "the service was not done within 0.2 s"),
        (b"220 ", team, "the mail server was not done within 0.2 s"),
    ],
)
def test_who_says_a_letter_at_a_time_is_left_when_its_time_is_over(
    beginning: bytes, channel: Callable[[str], Channel], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    monkeypatch.setattr(mail, "ALL_SECONDS", 0.2)
    monkeypatch.setattr(with_apprise, "SECONDS", 0.2)
    with dripping(beginning) as place, pytest.raises(LaterError) as found:
        send(channel(place), SAID)
    assert str(found.value).startswith(reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {"Content-Encoding": "gzip"}, b"no gzip"), "it answers 404 Not Found"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "it answers 302 and sends us elsewhere"),
        ((400, {}, b"x" * 10_000_000), "it answers 400 Bad Request xxx"),
    ],
)
def test_the_status_says_what_an_answer_means_whatever_is_below_it(answer: Answer, reason: str) -> None:
    with web_server() as web:
        web.answers = [answer]
        place = web.address.removeprefix("http://")
        with pytest.raises(RefusedError) as found:
            send(hook(place), SAID)
    assert str(found.value).startswith(reason)
    assert len(str(found.value)) < 300
