"""Every other place that apprise knows how to reach."""

from __future__ import annotations

import importlib
from concurrent.futures import Future
from threading import Thread
from typing import Any

from modelmon.counting import count
from modelmon.notify.message import Line, Message, hint
from modelmon.notify.outcome import LaterError, RefusedError

MISSING = "apprise is not installed; install modelmon[apprise] where the notifier runs"
MOST_BODY = 4000
SECONDS = 60.0
"""How long a service has: apprise's own limits are for each read of a socket."""


def body_of(message: Message) -> str:
    """The message as plain text."""
    parts = [_line(line) for line in message.lines]
    if message.more:
        parts.append(f"and {count(message.more, 'more incident')}")
    parts += filter(None, (hint(message), message.link))
    return "\n\n".join(parts)


def send_apprise(address: str, message: Message) -> None:
    """Raises LaterError and RefusedError. Of why it did not get there apprise says nothing."""
    try:
        apprise = importlib.import_module("apprise")
    except ModuleNotFoundError:
        raise LaterError(MISSING) from None
    to = apprise.Apprise()
    if not to.add(address):
        raise RefusedError("apprise knows no service with such an address; look into its list of services")
    what = {
        "title": f"[{message.project}] {message.title}",
        "body": body_of(message)[:MOST_BODY],
        "body_format": apprise.NotifyFormat.TEXT,
    }
    if not _notified(to, what):
        raise LaterError("the service did not take it; apprise does not say why")


def _notified(to: Any, what: dict[str, Any]) -> bool:
    """Whether it was taken. Who takes too long is waited for no more; nothing else could end it."""
    said: Future[bool] = Future()

    def notify() -> None:
        try:
            said.set_result(bool(to.notify(**what)))
        except Exception as error:  # noqa: BLE001 - seam: it is raised where it is waited for
            said.set_exception(error)

    Thread(target=notify, name="modelmon-apprise", daemon=True).start()
    try:
        return said.result(SECONDS)
    except TimeoutError:
        raise LaterError(f"the service was not done within {SECONDS:g} s") from None


def _line(line: Line) -> str:
    facts = " · ".join(f"{name} {value}" for name, value in line.facts)
    return "\n".join(filter(None, (f"{line.endpoint} {line.what}", line.found, facts, line.todo, line.link)))
