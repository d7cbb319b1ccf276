"""A chain whose news is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from modelmon.ledger.alert_files import set_file
from modelmon.ledger.delivery_schema import messages, notices
from modelmon.model import to_us
from modelmon.stages.notifier import Notifier
from receivers import WebServer
from unit.window_support import Chain, at, done, result

NOW = at(61)


def told(web: WebServer, send: str = "group_wait: 0", rules: str = "") -> str:
    """An alerts.yaml by which a hook is told, and a boss only where a rule says so."""
    return f"""
format: 1
channels:
  hook: {{kind: webhook, url: {web.address}/hook, per_second: 1000}}
  boss: {{kind: webhook, url: {web.address}/boss, per_second: 1000}}
send: {{group_interval: 0, channels: hook, {send}}}
{rules}
"""


def heard(web: WebServer) -> list[tuple[str, str]]:
    """Which channel was told what, in order."""
    return [(got.path.strip("/"), each["what"]) for got in web.got for each in got.json["data"]["incidents"]]


def do(news: Notifying, deed: Any, *given: Any) -> Any:
    """In a transaction of its own."""
    with news.chain.database.write() as connection:
        return deed(connection, *given)


class Notifying:
    """Endpoints of which windows are judged, and a notifier that tells of it."""

    def __init__(
        self, folder: Path, alerts: str, endpoints: int = 1, labels: Any = None, **settings: Any
    ) -> None:
        self.chain = Chain(folder, page_url="https://monitoring.example", **settings)
        self.endpoints = [f"endpoint-{number + 1}" for number in range(endpoints)]
        for endpoint_id in self.endpoints:
            self.chain.endpoint(endpoint_id, function_name="serving", labels=labels or {})
            self.chain.serve(*[at(10 * number) for number in range(7)], now=at(60), endpoint_id=endpoint_id)
        self.chain.tick(at(61))
        events = self.chain.app_events("app")
        self.events = {(each.endpoint_id, self._number(each.window.start)): each for each in events}
        self.alerts(alerts)
        self.notifier = Notifier(self.chain.settings, self.chain.database)

    def alerts(self, text: str) -> None:
        with self.chain.database.write() as connection:
            set_file(connection, text, "ann", NOW)

    def judge(
        self, number: int, status: int, value: float = 0.8, now: int = NOW, which: int = 0, **more: Any
    ) -> None:
        """Window `number` of an endpoint is found so."""
        event = self.events[self.endpoints[which], number]
        self.chain.report(result(event, status, value, **more), done(event), now=now)

    def tick(self, now: int = NOW) -> Any:
        return self.notifier.tick_blocking(now)

    def notices(self) -> list[Any]:
        with self.chain.database.read() as connection:
            return list(connection.execute(select(notices).order_by(notices.c.number, notices.c.channel)))

    def messages(self) -> list[Any]:
        with self.chain.database.read() as connection:
            return list(connection.execute(select(messages).order_by(messages.c.number)))

    @staticmethod
    def _number(start: Any) -> int:
        return round((to_us(start) - at(0)) / 600e6)
