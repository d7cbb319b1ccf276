"""Rules of what time brings about: looked at once a minute, each minute a window of the rule's watch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import msgspec

from modelmon.alerting import Alerts
from modelmon.alerting.measures import FUNCTION, MEASURES, PROJECT, Measure
from modelmon.alerting.rules import Comparison, Rule, Subject, TimedCondition
from modelmon.incidents import IncidentKey, Said, of_function
from modelmon.ledger import outbox
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.ledger.rules_in_force import timed_rules
from modelmon.ledger.timed_incidents import TimedFinding, settle_minute
from modelmon.model import MINUTE_US, WorkerState
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier.listening import (
    gap_us,
    listening,
    read_listening,
    write_listening,
)
from modelmon.stages.notifier.measuring import (
    Function,
    Looking,
    Measured,
    heard_now,
    known_endpoints,
    known_functions,
    measured,
)
from modelmon.stores.series.base import SeriesStore
from modelmon.views.results_in_words import BEGINNING, IN_WORDS
from modelmon.wire import write_moment

logger = logging.getLogger(__name__)

READER = "modelmon-stream"
"""Who takes over what model servers send."""
NEXT = {
    "silent": "Look at the model server, and at what lies between it and the events stream.",
    "silent_alone": "Others are heard: look at this model server, and at who calls it.",
    "requests": "Look at who calls the model.",
    "requests_of_usual": "Look at who calls the model, and at what lies before it.",
    "error_share": "Look at the model server's log; the endpoint's page has the newest error.",
    "latency_p95": "Look at the model server: its load, its replicas, what the model waits for.",
    "late_share": "Look at what lies between the model server and the events stream.",
    "missing_events": "Look at the publishers: who ended hard, and whose buffer was full.",
    "schema_changes": "Look at the endpoint's page, which lists the columns, and at who sends them.",
    "lag": "Look at `modelmon health`: which function is slow, or has too few workers.",
    "behind": "Look at `modelmon health`: which function is slow, or has too few workers.",
    "dead_letters": "`modelmon deadletters list` says what was wrong with them.",
    "not_running": "Look at `modelmon health`, and at the function's log.",
}


@dataclass(frozen=True, slots=True)
class TimedRules:
    """Where rules look, and what they find is written."""

    database: Database
    settings: Settings
    series: Callable[[], SeriesStore]

    def look(self, alerts: Alerts, now_us: int) -> int:
        """Look if nobody has within this minute; returns how many findings there were.

        Raises UnavailableError where the records or the series can't be reached: then nothing is judged.
        """
        looking, resumed = self._begin(now_us)
        if looking is None:
            return 0
        gone = looking.gone()
        found = [each for rule in timed_rules(alerts) for each in findings(rule, looking, gone)]
        with self.database.write() as connection:
            write_listening(connection, looking.listening)
            told = settle_minute(connection, found, now_us, gone, looking.functions, resumed=resumed)
            outbox.write(connection, [incident_fact(self.settings, each) for each in told], now_us)
        return len(found)

    def _begin(self, now_us: int) -> tuple[Looking | None, bool]:
        with self.database.read() as connection:
            before = read_listening(connection)
            if before is not None and 0 <= now_us - before.looked_us < MINUTE_US:
                return None, False
            functions = known_functions(connection, now_us)
            endpoints = known_endpoints(connection)
        longest_us = gap_us(self.settings.of(NotifySettings).notifier_interval_seconds)
        reads, hears = _reads(functions.get(READER)), bool(heard_now(endpoints, now_us))
        now = listening(before, now_us, longest_us, reads=reads, hears=hears)
        resumed = before is None or now.since_us == now_us
        return Looking(self.database, self.series, now_us, now, endpoints, functions), resumed


def _reads(reader: Function | None) -> bool:
    """Whether all that was sent is taken over: its worst worker is well, and not behind."""
    return reader is not None and reader.health.state == WorkerState.READY.value


def findings(rule: Rule, looking: Looking, gone: Collection[str]) -> Iterator[TimedFinding]:
    """What a rule says of each of its subjects now; of endpoints that are `gone` nothing is."""
    assert isinstance(rule.when, TimedCondition), "the caller has chosen them"
    measure = MEASURES[rule.when.measure]
    subjects = [name for name in _subjects(rule, measure, looking) if name not in gone]
    found = measured(looking, rule.when.measure, rule.when.over_us) if subjects else {}
    for name in subjects:
        yield _finding(rule, rule.when, measure, name, found.get(name), looking.now_us)


def _subjects(rule: Rule, measure: Measure, looking: Looking) -> list[str]:
    """Endpoints by id, or functions by name; "": the project as a whole."""
    if measure.of == PROJECT:
        return [""]
    if measure.of == FUNCTION:
        return [each for each in sorted(looking.functions) if rule.match.fits(Subject("", function=each))]
    return [each for each, known in looking.endpoints.items() if rule.match.fits(known.subject)]


def _finding(
    rule: Rule, when: TimedCondition, measure: Measure, name: str, value: Measured | None, now_us: int
) -> TimedFinding:
    whose = ("", of_function(name)) if measure.of == FUNCTION else (name, "")
    key = IncidentKey(rule.name, *whose, when.measure)
    if value is None:
        return TimedFinding(key, Said.SILENT, policy=rule.in_effect)
    said = said_of(when.value, value)
    detail = _detail(when, measure, value, now_us) if said.is_bad else ""
    is_high = when.value.sign in (">", ">=")
    return TimedFinding(key, said, value.told, detail, rule.in_effect, rule.severity, is_high)


def said_of(limit: Comparison, value: Measured) -> Said:
    """Bad or calm where that is so wherever the true value lies, else nothing is said.

    >>> limit = Comparison(">=", 2.0)
    >>> said_of(limit, Measured(3, 5, 5)).name, said_of(limit, Measured(1, 5, 5)).name
    ('DETECTED', 'SILENT')
    """
    holds = {limit.holds(value.low), limit.holds(value.high)}
    if holds == {True}:
        return Said.DETECTED
    return Said.CALM if holds == {False} else Said.SILENT


def _detail(when: TimedCondition, measure: Measure, value: Measured, now_us: int) -> str:
    more = f" ({value.more})" if value.more else ""
    words = f"{measure.words(value.told, when.over_us)}{more}"
    why = f"the rule: {when.words}"
    detail = {IN_WORDS: words, "why": why, "next": NEXT[when.measure]}
    if (
        measure.unit == "seconds" and not measure.over_us
    ):  # it has lasted so long, whenever it became too long
        detail[BEGINNING] = write_moment(now_us - round(1e6 * value.high))
    return msgspec.json.encode(detail).decode()
