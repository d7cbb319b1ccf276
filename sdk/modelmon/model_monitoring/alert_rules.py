"""Rules of a project: which count, one set or taken out, a file checked beside what the project has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from modelmon.alerting import Alerts, Read, check_alerts, read_alerts
from modelmon.alerting.actions import ActionKind
from modelmon.alerting.measures import FUNCTION, MEASURES
from modelmon.alerting.rules import TimedCondition, any_fits
from modelmon.alerting.writing import rules_of, with_rule, without_rule
from modelmon.checked_yaml.document import Node, read_document
from modelmon.checked_yaml.findings import Finding, did_you_mean, warning
from modelmon.errors import ConfigError, no_such
from modelmon.ledger.alert_files import edit_file, newest_file
from modelmon.ledger.registry import list_functions
from modelmon.model import DAY_US, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.whoever import whoever
from modelmon.settings import Settings
from modelmon.views.alert_rules import AlertRule, Known, known_subjects, rules_that_count

JOB = "job"
"""Kind of the functions that an action may start."""


def list_rules(settings: Settings) -> tuple[AlertRule, ...]:
    """The rules that count, own and built-in ones, and what each looks at now."""
    with opened(settings) as database, database.read() as connection:
        file = newest_file(connection)
        return rules_that_count(connection, file.alerts, rules_of(file.text))


def set_rule(settings: Settings, rule: Mapping[str, Any], who: str = "") -> AlertRule:
    """Set one rule, with the keys that it has in `alerts.yaml`: in place of the one of its name, else as the
    last one. Raises ConfigError that tells every mistake, and then nothing is set."""
    name = _name(rule)
    given = _written(rule)

    def edit(text: str) -> str:
        if text:
            read_alerts(text)
        return with_rule(text, given)

    with opened(settings) as database, database.write() as connection:
        file = edit_file(connection, edit, who or whoever(), wall_clock_us(), f"set the rule {name}")
        shown = rules_that_count(connection, file.alerts, rules_of(file.text))
    return next(each for each in shown if each.name == name)


def remove_rule(settings: Settings, name: str, who: str = "") -> None:
    """Take one rule out: the next report resolves what it has open. Raises ConfigError where there is none
    of this name."""

    def edit(text: str) -> str:
        names = [each.name for each in read_alerts(text).rules] if text else []
        if name not in names:
            raise no_such(f"name: alerts.yaml has no rule {name!r}", str(name), names)
        return without_rule(text, name)

    with opened(settings) as database, database.write() as connection:
        edit_file(connection, edit, who or whoever(), wall_clock_us(), f"took out the rule {name}")


def check_beside(settings: Settings, text: str) -> Read:
    """A file, what is wrong with it, and warnings of patterns that fit nothing in the project now."""
    read = check_alerts(text)
    if read.alerts is None:
        return read
    with opened(settings) as database, database.read() as connection:
        known = known_subjects(connection)
        jobs = [each.name for each in list_functions(connection, JOB)]
    document = read_document(text)
    rules = document.at("rules")
    warnings = [each for rule in (rules.items if rules else ()) for each in _fitting_nothing(rule, known)]
    warnings += _beyond_what_is_kept(read.alerts, rules, settings)
    warnings += _without_job(document.at("actions"), jobs)
    findings = sorted((*read.findings, *warnings), key=lambda each: (each.line, each.level, each.key))
    return Read(read.alerts, tuple(findings))


def _beyond_what_is_kept(alerts: Alerts, rules: Node | None, settings: Settings) -> Iterator[Finding]:
    """Of stretches of time of which a part is deleted already."""
    for rule, node in zip(alerts.rules, rules.items if rules else (), strict=True):
        when = node.at("when")
        over = when.at("over") if when is not None else None
        if over is None or not isinstance(rule.when, TimedCondition):
            continue
        name = "dead_letter_days" if rule.when.measure == "dead_letters" else "retention_days"
        days = getattr(settings, name)
        if days and rule.when.over_us > days * DAY_US:
            yield warning(over, "reaches further back than anything is kept", f"{name} is {days:g}")


def _without_job(actions: Node | None, jobs: list[str]) -> Iterator[Finding]:
    """Of actions that start a job here which there is not."""
    listed = f"there are {', '.join(sorted(jobs)[:12])}" if jobs else "`project.set_job(…)` makes one"
    for action in actions.entries.values() if actions is not None else ():
        job, is_here = action.at("job"), action.get("kind") == ActionKind.RETRAIN and action.at("url") is None
        if is_here and job is not None and job.data not in jobs:
            yield warning(job, "is no job now", did_you_mean(str(job.data), jobs, listed))


def _name(rule: object) -> str:
    if not isinstance(rule, Mapping):
        raise ConfigError(f"rule: must be a mapping with the keys of a rule, got {rule!r}")
    name = rule.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"rule: needs a name, a text, got {name!r}")
    return name


def _written(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule as YAML has it. Raises ConfigError for a value that YAML has no word for."""
    try:
        written = yaml.safe_load(yaml.safe_dump(_listed(rule)))
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"rule: can't be written as YAML: {str(error)[:200]}") from None
    assert isinstance(written, dict), "it was a mapping"
    return written


def _listed(value: Any) -> Any:
    """Mappings and sequences of any kind as dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value


def _fitting_nothing(rule: Node, known: Known) -> Iterator[Finding]:
    match = rule.at("match")
    if match is None or rule.get("enabled") is False:
        return
    results, when = known.results, rule.at("when")
    measures = {MEASURES[each].of for each in (when.entries if when else ()) if each in MEASURES}
    whose = known.functions if FUNCTION in measures else known.endpoints
    there = {
        "endpoints": {each.endpoint for each in known.endpoints},
        "endpoint_ids": {each.endpoint_id for each in known.endpoints},
        "functions": {each.function for each in whose} - {""},
        "apps": {each.application for each in results},
        "results": {each.result for each in results},
    }
    for key, names in there.items():
        node = match.at(key)
        for item in (node.items or (node,)) if node is not None else ():
            yield from _unfit(item, str(item.data), names, _WHAT[key])
    labels = match.at("labels")
    for name, node in (labels.entries if labels is not None else {}).items():
        having = [each.labels for each in known.endpoints if name in each.labels]
        if not having:
            names = {label for each in known.endpoints for label in each.labels}
            yield _warned(node, f"names the label {name!r}, which no endpoint has", name, names)
        else:
            yield from _unfit(node, str(node.data), {each[name] for each in having}, "value of this label")


_WHAT = {
    "endpoints": "endpoint", "endpoint_ids": "endpoint's id", "functions": "function",
    "apps": "app that has found anything", "results": "result that was found",
}  # fmt: skip


def _unfit(node: Node, pattern: str, names: set[str], what: str) -> Iterator[Finding]:
    if not any(any_fits((pattern,), each) for each in names):
        yield _warned(node, f"fits no {what} now", pattern, names)


def _warned(node: Node, problem: str, name: str, names: set[str]) -> Finding:
    listed = ", ".join(sorted(names)[:12])
    otherwise = f"there are {listed}" if listed else "it counts once there is one"
    return warning(node, problem, did_you_mean(name, sorted(names), otherwise))
