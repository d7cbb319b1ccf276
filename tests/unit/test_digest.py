"""The weekly digest: sent once, at its time, with what is worst, what changed, what was false."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from modelmon.alerting import check_alerts
from modelmon.alerting.beginning import TEXT
from modelmon.alerting.digest import Digest
from modelmon.cli import app
from modelmon.ledger.endpoints import put
from modelmon.ledger.false_alarms import mark
from modelmon.model import MINUTE_US, Endpoint, from_us, to_us
from modelmon.notify.mail import as_text
from modelmon.stages.notifier.digesting import read_week
from unit.notifying_support import NOW, Notifying
from unit.timed_support import DAY, HOUR, START, Clocked

DIGEST = "digest: {channels: hook, day: %s, at: '%s', time_zone: UTC}\n"
RULES = "  - {name: quiet, severity: high, channels: [], when: {silent: 5m}}\n"


def weekly(moment_us: int) -> str:
    moment = from_us(moment_us)
    return DIGEST % (f"{moment:%A}".lower(), f"{moment:%H:%M}")


def test_it_comes_once_a_week_with_what_was(tmp_path: Path) -> None:
    of = Clocked(tmp_path, RULES, endpoints=2, top=weekly(START + HOUR))
    of.served(*of.endpoints)
    of.wait(12)
    with of.database.write() as connection:
        mark(connection, 1, "ann", "a holiday", of.now)
        put(connection, Endpoint("endpoint-2", "flights", "endpoint-2", model_uri="models/2"), of.now)
    of.wait(60)
    (said,) = of.sent
    assert said.title == f"Week until {from_us(START):%Y-%m-%d}: 1 open, 2 new, 1 over"
    what = [(line.what, line.endpoint, line.found) for line in said.lines]
    numbers = "2 endpoints; 2 incidents raised, 0 the week before; 1 over; 1 false alarm"
    assert what[0] == ("in numbers", "The week", numbers)
    assert what[1] == ("still open", "endpoint-2", "nothing came for 1 h")
    assert what[2] == ("false alarm", "endpoint-1", "nothing came for 12 min")
    assert ("said by", "ann: a holiday") in said.lines[2].facts
    assert "endpoint-2: model anew" in what[3][2]
    of.tick(1, step=7 * DAY - 2 * HOUR)
    assert len(of.sent) == 1
    of.tick(1, step=2 * HOUR)
    assert len(of.sent) == 2


def test_a_calm_week_says_so(tmp_path: Path) -> None:
    of = Clocked(tmp_path, top=weekly(START + 8 * 60_000_000))
    of.wait(12)
    assert "No incident is open now." in as_text(of.sent[0])


def test_one_that_was_due_while_nobody_looked_for_a_day_is_left_out(tmp_path: Path) -> None:
    of = Clocked(tmp_path, top=weekly(START + HOUR))
    of.tick(1)
    of.tick(1, step=3 * DAY)
    assert of.sent == []


def test_a_clock_that_was_ahead_by_a_year_takes_no_digest_away(tmp_path: Path) -> None:
    of = Clocked(tmp_path, top=weekly(START + HOUR))
    of.tick(1, step=MINUTE_US)
    of.tick(1, step=364 * DAY)
    of.tick(1, step=-364 * DAY)
    of.tick(1, step=MINUTE_US)
    assert of.sent == []
    of.tick(1, step=HOUR)
    of.tick(1, step=MINUTE_US)
    assert [each.title[:21] for each in of.sent] == [f"Week until {from_us(START):%Y-%m-%d}"]


def test_it_goes_by_the_clock_of_its_zone_in_summer_and_winter() -> None:
    digest = Digest(("a",), "sunday", time_zone="Europe/Berlin")
    for now, due in [
        (datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 18, 6, tzinfo=UTC)),
        (datetime(2026, 10, 25, 7, tzinfo=UTC), datetime(2026, 10, 25, 7, tzinfo=UTC)),
    ]:
        assert from_us(digest.last_due_us(to_us(now))) == due


def test_what_it_can_not_be_is_a_mistake() -> None:
    text = "format: 1\ndigest: {channels: [x], day: someday, at: 8, time_zone: Mars/Base}\n"
    assert len(check_alerts(text).findings) == 4


def test_the_file_to_begin_with_is_right_and_replaces_none(tmp_path: Path) -> None:
    made = tmp_path / "alerts.yaml"
    assert CliRunner().invoke(app, ["alerts", "init", str(made)]).exit_code == 0
    assert not check_alerts(made.read_text(encoding="utf-8")).findings
    made.write_text("mine", encoding="utf-8")
    assert CliRunner().invoke(app, ["alerts", "init", str(made)]).exit_code == 1
    assert made.read_text(encoding="utf-8") == "mine"
    filled = TEXT.replace("# channels:", "channels:").replace("#   ", "  ").replace("# heart", "heart")
    assert not check_alerts(filled.replace("# digest", "digest")).findings


def test_what_was_replayed_from_the_past_is_no_news_of_the_week(tmp_path: Path) -> None:
    news = Notifying(tmp_path, "")
    late = NOW + 30 * DAY
    news.judge(0, 2, now=late)
    with news.chain.database.read() as connection:
        week = read_week(connection, news.chain.settings, late + HOUR)
        then = read_week(connection, news.chain.settings.changed(historical_days=0), late + HOUR)
    assert (week.open, week.raised, week.worst) == (0, 0, ())
    assert (then.open, then.raised) == (1, 1)
