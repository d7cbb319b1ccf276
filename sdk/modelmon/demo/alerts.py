"""What the functions say while the demo runs: the first alert of each kind as it comes; all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

ALERT_KINDS = ("data-drift-detected", "data-drift-suspected")


class AlertLines:
    """Takes what the runner tells (from its thread) and prints what a spectator wants to read."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: set[str] = set()

    def tell(self, level: str, text: str) -> None:
        kind = next((kind for kind in ALERT_KINDS if kind in text), "")
        if not kind or kind not in self._shown:
            self._shown.add(kind)
            colour = "red" if level == "error" or kind == ALERT_KINDS[0] else "yellow"
            said = text[text.index(kind) :] if kind else text
            self._console.print(f"  [{colour}]{escape(said)}[/]", highlight=False)


def summary(alerts: Iterable[Mapping[str, Any]]) -> str:
    """How many there are of each kind.

    >>> summary([{"kind": "data-drift-detected"}])
    '1 data-drift-detected'
    """
    counts = Counter(alert["kind"] for alert in alerts)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
