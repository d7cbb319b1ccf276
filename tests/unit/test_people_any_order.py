"""Whatever people do, in whatever order, between whatever is found: what may be told is told."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from modelmon.alerting.rules import Match
from modelmon.errors import ConfigError
from modelmon.ledger.handling import acknowledge, give_back, is_acknowledged
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.silences import add_silence, end_silence, silences_at
from modelmon.notify import Message
from repeating import examples
from unit.notifying_support import NOW, Notifying

MINUTE = 60_000_000
LONG = 30 * MINUTE
ALERTS = """
format: 1
channels:
  hook: {kind: webhook, url: http://127.0.0.1:9/hook, per_second: 1000}
send: {group_wait: 0, group_interval: 0, repeat: 2h}
"""
DEEDS = ["suspected", "detected", "calm", "ack", "ack a while", "give back", "silence", "end silence", "wait"]


class Play:
    """Findings and deeds in an order, the clock of which goes on by two minutes with each."""

    def __init__(self, folder: Path) -> None:
        self.news = Notifying(folder, ALERTS)
        self.now, self.window = NOW, 0
        self.sent: list[Any] = []
        self.news.notifier._send = self._send

    def _send(self, channel: Any, message: Message, attached: Any = None) -> str:
        self.sent += message.lines
        return ""

    def play(self, what: str) -> None:
        self.now += LONG if what == "wait" else 2 * MINUTE
        if what in ("suspected", "detected", "calm") and self.window < 5:
            status = {"suspected": 1, "detected": 2, "calm": 0}[what]
            self.news.judge(self.window, status, now=self.now)
            self.window += 1
        elif what != "wait":
            self._do(what)
        self.tick()

    def _do(self, what: str) -> None:
        with self.news.chain.database.write() as connection:
            newest = connection.scalar(
                select(incidents.c.incident_id).order_by(incidents.c.incident_id.desc())
            )
        try:
            with self.news.chain.database.write() as connection:
                if what == "silence":
                    add_silence(connection, Match(apps=("app",)), "ann", "", self.now + LONG, self.now)
                elif what == "end silence":
                    for each in silences_at(connection, self.now):
                        end_silence(connection, each.silence_id, "ann", self.now)
                elif what == "give back":
                    give_back(connection, newest or 1, "ann", self.now)
                elif what.startswith("ack"):
                    until_us = self.now + LONG if what == "ack a while" else None
                    acknowledge(connection, newest or 1, "ann", "", until_us, self.now)
        except ConfigError:
            pass  # there is none, or it is over

    def tick(self) -> None:
        before = len(self.sent)
        self.news.tick(self.now)
        with self.news.chain.database.read() as connection:
            rows = {row.incident_id: row for row in connection.execute(select(incidents))}
            is_silenced = bool(silences_at(connection, self.now))
        for line in self.sent[before:]:
            assert not is_silenced, line
            assert line.what == "resolved" or not is_acknowledged(rows[line.incident_id], self.now), line

    def told_of(self, incident_id: int) -> list[str]:
        return [line.what for line in self.sent if line.incident_id == incident_id]


@pytest.mark.slow
@given(st.lists(st.sampled_from(DEEDS), min_size=4, max_size=14))
@settings(max_examples=examples(60), deadline=None)
def test_what_is_told_is_what_may_be_and_in_the_end_everything_that_is_open(deeds: list[str]) -> None:
    with TemporaryDirectory() as folder:
        play = Play(Path(folder))
        for each in deeds:
            play.play(each)
        play._do("end silence")
        play._do("give back")
        for _ in range(6):  # longer than it takes to tell again what is open
            play.play("wait")
        with play.news.chain.database.read() as connection:
            rows = connection.execute(select(incidents)).all()
        for row in rows:
            told = play.told_of(row.incident_id)
            assert told.count("raised") <= 1, told
            assert told.count("resolved") <= 1, told
            if row.state == "resolved":
                assert not told or told[-1] == "resolved", told
            else:
                assert told, "it is open, and nobody is at it"
                assert "resolved" not in told, told
