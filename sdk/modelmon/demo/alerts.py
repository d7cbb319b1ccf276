"""What the functions say while the demo runs: the first alert of each kind as it comes, the rest counted."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.markup import escape

ALERT_KINDS = ("data-drift-detected", "data-drift-suspected")


class AlertLines:
    """Takes what the runner tells (from its thread) and prints what a spectator wants to read."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._alerts: Counter[str] = Counter()

    def tell(self, level: str, text: str) -> None:
        kind = next((kind for kind in ALERT_KINDS if kind in text), "")
        if kind:
            self._alerts[kind] += 1
        if not kind or self._alerts[kind] == 1:
            colour = "red" if level == "error" or kind == ALERT_KINDS[0] else "yellow"
            said = text[text.index(kind) :] if kind else text
            self._console.print(f"  [{colour}]{escape(said)}[/]", highlight=False)

    def summary(self) -> str:
        """How many alerts there were of each kind."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self._alerts.items())) or "none"
