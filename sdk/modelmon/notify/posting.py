"""A request over HTTP, and what its answer means for the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelmon import __version__
from modelmon.notify.deadline import Deadline, within
from modelmon.notify.outcome import LaterError, RefusedError
from modelmon.notify.trusting import trusted_by_web
from modelmon.retry_after import retry_after_seconds

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
"""How long the other side has, for all of the request together."""
MOST_ANSWER_BYTES, MOST_WORDS = 4096, 200
MOST_WAIT_SECONDS = 86_400.0
AGAIN = (408, 425, 429)
"""Of the statuses that speak of the request, those that speak of the moment."""


def post(address: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Returns where the answer says that what was asked for is, or "".

    Raises LaterError where it may be taken if it is sent again, RefusedError where it won't."""
    import httpx  # the extra notify's; who only looks at messages has it not

    told = {"User-Agent": f"modelmon/{__version__}", **headers}
    with within(SECONDS) as deadline:
        extensions = {"trace": _watching(deadline)}
        try:
            with (
                httpx.Client(timeout=SECONDS, verify=trusted_by_web()) as client,
                client.stream("POST", address, content=body, headers=told, extensions=extensions) as answer,
            ):
                # What was taken is taken, whatever else it says.
                said = "" if answer.is_success else _words(_beginning(answer))
        except httpx.InvalidURL as error:
            raise RefusedError(f"its address is none: {error}") from None
        except httpx.HTTPError as error:
            raise LaterError(_problem(error, deadline)) from None
    _judge(answer, said)
    return answer.headers.get("Location", "") if answer.status_code in (201, 202) else ""


def _watching(deadline: Deadline) -> Callable[[str, Mapping[str, Any]], None]:
    """The deadline knows the socket as soon as there is one, and the other one that TLS makes of it."""

    def trace(event: str, about: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            deadline.watch(about["return_value"].get_extra_info("socket"))

    return trace


def _judge(answer: httpx.Response, said: str) -> None:
    status = answer.status_code
    told = f"it answers {status} {answer.reason_phrase} {said}".strip()
    if answer.is_success:
        return
    if status in AGAIN or status >= 500:
        raise LaterError(told, retry_after_seconds(answer.headers.get("Retry-After", ""), MOST_WAIT_SECONDS))
    if answer.is_redirect:
        told = f"it answers {status} and sends us elsewhere, which is not followed: write that address"
    raise RefusedError(told)


def _problem(error: httpx.HTTPError, deadline: Deadline) -> str:
    import httpx

    if deadline.passed or isinstance(error, httpx.TimeoutException):
        return f"it does not answer within {SECONDS:g} s"
    return f"it can't be reached: {error or type(error).__name__}"


def _beginning(answer: httpx.Response) -> bytes:
    """The first of an answer that may be long, never end, or be no text: its status has said what counts."""
    import httpx

    read = b""
    with suppress(httpx.HTTPError):
        for some in answer.iter_bytes():
            read += some
            if len(read) >= MOST_ANSWER_BYTES:
                break
    return read[:MOST_ANSWER_BYTES]


def _words(answer: bytes) -> str:
    text = "".join(each if each.isprintable() else " " for each in answer.decode(errors="ignore"))
    return " ".join(text.split())[:MOST_WORDS]
