"""Alert configurations of MLRun's, kept as rules of the project's `alerts.yaml`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modelmon.alerting import read_alerts
from modelmon.alerting.alerts import Alerts
from modelmon.alerting.mlrun_configs import Translated, config_of, read_config, rule_name, rule_of
from modelmon.alerting.writing import with_channel, with_rule, without_rule
from modelmon.counting import count
from modelmon.errors import ConfigError, no_such
from modelmon.ledger import incidents as ledger
from modelmon.ledger import outbox
from modelmon.ledger.access import Deed, note
from modelmon.ledger.alert_files import AlertFile, edit_file, newest_file
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.open_by_rule import open_of, rules_with_open
from modelmon.model import wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.wire import write_moment

MOST_RESET = 10_000


@dataclass(frozen=True, slots=True)
class Storing:
    """What is stored, by whom; one who `may_bring_channels` may say where secrets of this machine go."""

    given: object
    who: str = ""
    force_reset: bool = False
    may_bring_channels: bool = True


class NoSuchAlertError(ConfigError):
    """An alert that is not there, or that MLRun has no words for."""


class ChannelRefusedError(ConfigError):
    """A new channel, of somebody who may not bring one."""


def store_config(settings: Settings, storing: Storing) -> dict[str, Any]:
    """Keep an alert configuration as a rule, with its channels; returns it as it is kept.

    Raises ConfigError for what has no counterpart, and then nothing is kept.
    """
    given = read_config(storing.given)
    wanted, by, now_us = (
        rule_of(given, settings.project, settings.base_period),
        storing.who or whoever(),
        wall_clock_us(),
    )

    def edit(text: str) -> str:
        alerts = read_alerts(text) if text else Alerts()
        return with_rule(_with_channels(text, alerts, wanted, storing), wanted.rule)

    with opened(settings) as database, database.write() as connection:
        file = edit_file(connection, edit, by, now_us, f"stored the alert {given.name}")
        if storing.force_reset:
            _reset(connection, settings, str(wanted.rule["name"]), by, now_us)
        kept = _shown(connection, settings, file, [str(wanted.rule["name"])])
    return kept[0]


def configs(settings: Settings) -> list[dict[str, Any]]:
    """The own rules that MLRun has words for, in the order of the file."""
    with opened(settings) as database, database.read() as connection:
        return _shown(connection, settings, newest_file(connection))


def config(settings: Settings, name: str) -> dict[str, Any]:
    """One of them. Raises NoSuchAlertError where there is none of this name, or MLRun has no words for it."""
    with opened(settings) as database, database.read() as connection:
        file = newest_file(connection)
        _check_there(file.alerts, name)
        found = _shown(connection, settings, file, [rule_name(name)])
    if not found:
        raise NoSuchAlertError(
            f"{name!r} is a rule of alerts.yaml that MLRun has no words for: see list_alert_rules"
        )
    return found[0]


def delete_config(settings: Settings, name: str, who: str = "") -> None:
    """Take its rule out; channels stay. Raises ConfigError where there is none of this name."""

    def edit(text: str) -> str:
        _check_there(read_alerts(text) if text else Alerts(), name)
        return without_rule(text, rule_name(name))

    with opened(settings) as database, database.write() as connection:
        edit_file(connection, edit, who or whoever(), wall_clock_us(), f"deleted the alert {name}")


def reset_config(settings: Settings, name: str, who: str = "") -> int:
    """End what its rule has open: a window that comes later raises anew. Returns how many were ended."""
    with opened(settings) as database, database.write() as connection:
        _check_there(newest_file(connection).alerts, name)
        return _reset(connection, settings, rule_name(name), who or whoever(), wall_clock_us())


def _with_channels(text: str, alerts: Alerts, wanted: Translated, storing: Storing) -> str:
    for name in wanted.rule.get("channels", ()):
        channel = wanted.channels.get(name)
        if channel is None:
            if name not in alerts.channels:
                raise no_such(f"notifications: alerts.yaml has no channel {name!r}", name, alerts.channels)
            continue
        known = alerts.channels.get(name)
        if known is not None:
            if read_alerts(with_channel("", name, channel)).channels[name] != known:
                raise ConfigError(
                    f"notifications: there is a channel {name!r} already, and it says something else: give "
                    "its name alone, or another name"
                )
            continue
        if not storing.may_bring_channels:
            raise ChannelRefusedError(
                f"notifications: the channel {name!r} is new, and needs the role admin: it may send secrets "
                "of the server somewhere"
            )
        text = with_channel(text, name, channel)
    return text


def _check_there(alerts: Alerts, name: str) -> None:
    if alerts.rule(rule_name(name)) is None:
        known = [each.called or each.name for each in alerts.rules]
        raise NoSuchAlertError(str(no_such(f"name: there is no alert {name!r}", name, known)))


def _reset(connection: Connection, settings: Settings, rule: str, who: str, now_us: int) -> int:
    ids = open_of(connection, rule, MOST_RESET)
    for incident_id in ids:
        told = ledger.reset(connection, incident_id, now_us)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)
    if ids:
        note(connection, Deed(now_us, who, "reset an alert", rule, f"{count(len(ids), 'incident')} ended"))
    return len(ids)


def _shown(
    connection: Connection, settings: Settings, file: AlertFile, names: Collection[str] | None = None
) -> list[dict[str, Any]]:
    alerts, found = file.alerts, []
    active = rules_with_open(connection)
    for rule in alerts.rules:
        if names is not None and rule.name not in names:
            continue
        shown = config_of(rule, alerts, settings.project, settings.base_period)
        if shown is not None:
            state = "active" if rule.name in active else "inactive"
            found.append({**shown, "state": state, "updated": write_moment(file.set_us)})
    return found
