"""What lies beside each other under *Alerts*."""

from __future__ import annotations

from collections.abc import Callable

from modelmon.api.asked import Asked
from modelmon.api.frame import address

OPEN, RESOLVED, SILENCES, MESSAGES, RULES = "Open", "Resolved", "Silences", "Messages", "Rules"


def alert_tabs(
    asked: Asked, here: str, listed: Callable[[str], str] | None = None
) -> list[tuple[str, str, bool]]:
    """Title, address, and whether that is where one is. `listed` makes the address of a list, where it has
    more to keep than the time range."""
    of = listed or (lambda show: address(asked, "incidents", show=show))
    tabs = {
        OPEN: of("open"),
        RESOLVED: of("resolved"),
        SILENCES: address(asked, "silences"),
        MESSAGES: address(asked, "messages"),
        RULES: address(asked, "rules"),
    }
    return [(title, where, title == here) for title, where in tabs.items()]
