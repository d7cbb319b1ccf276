"""`modelmon alerts rules` and `replay`: which rules count, what they look at and would have raised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.checked_yaml.given import given_text
from modelmon.cli.output import (
    AsJson,
    ProjectDir,
    console,
    load_settings,
    print_json,
    print_table,
)
from modelmon.counting import count, were
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.views.alert_rules import AlertRule
    from modelmon.views.replaying import Replayed

MOST_ROWS = 200


def rules(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the rules that count, the built-in ones too, and what each looks at now.

    Example:

      modelmon alerts rules
    """
    from modelmon.model_monitoring.alert_rules import list_rules

    found = list_rules(load_settings(project_dir))
    if as_json:
        print_json(found)
        return
    columns = ["rule", "says that", "looks at now", "#endpoints", "#subjects", "told are"]
    print_table("Rules", columns, [_row(each) for each in found])


def settings_at_hand(project_dir: Path | None) -> Settings | None:
    """Of the project that is meant; None where nobody named one, and there is none here."""
    try:
        find_project(Path(project_dir or ".").absolute(), exact=project_dir is not None)
    except ConfigError:
        if project_dir is not None:
            raise
        return None
    return load_settings(project_dir)


def _row(rule: AlertRule) -> tuple[str, ...]:
    name = rule.name if not rule.built_in else f"{rule.name} (built in)"
    looks = ", ".join(rule.endpoints[:3]) + (", …" if rule.endpoint_count > 3 else "")
    looks = {"project": "the project", "functions": "the functions"}.get(rule.of, looks)
    return (
        escape(name), escape(rule.when), escape(looks) if rule.enabled else "nothing: it is off",
        f"{rule.endpoint_count:,}", f"{rule.subject_count:,}", escape(", ".join(rule.channels) or "nobody"),
    )  # fmt: skip


def replay(
    file: Annotated[
        Path | None, typer.Argument(help="An alerts.yaml; without it the rules that count.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="From when on: a time, or 30d before the newest window that was judged.")
    ] = "30d",
    endpoint: Annotated[
        list[str] | None, typer.Option(help="These alone, by name or id.", show_default=False)
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what rules would have raised over stored results, beside what was raised. Nothing is sent.

    Examples:

      modelmon alerts replay --since 30d

      modelmon alerts replay alerts.yaml --endpoint churn
    """
    from modelmon.model_monitoring.replayed_alerts import replay_alerts

    text = None if file is None else given_text(file, "alerts")
    found = replay_alerts(load_settings(project_dir), since, text, endpoint)
    if as_json:
        print_json(found)
        return
    rows = [
        (escape(each.rule), escape(each.endpoint_name), f"{each.day}", f"{each.would:,}", f"{each.raised:,}")
        for each in found.days[:MOST_ROWS]
    ]
    if rows:
        print_table("Incidents", ["rule", "endpoint", "=day (UTC)", "#would be", "#were"], rows)
    for rule, (would, raised) in found.by_rule.items():
        console.print(
            f"{escape(rule)}: {would:,} would have been raised, {raised:,} {were(raised)}", highlight=False
        )
    console.print(_in_all(found), highlight=False, soft_wrap=True)


def _in_all(found: Replayed) -> str:
    lines = [
        f"In all {count(found.would, 'incident')} over {count(found.windows, 'window')} since "
        f"{found.start:%Y-%m-%d %H:%M}; {found.raised:,} {were(found.raised)} raised. Nothing was sent."
    ]
    if len(found.days) > MOST_ROWS:
        lines.append(f"{MOST_ROWS} of {len(found.days):,} lines are shown; --json has all.")
    if found.flapping:
        held = count(found.flapping, "incident")
        lines.append(f"Flapping, {held} would have been held open: {count(found.spared, 'message')} fewer.")
    if found.not_replayed:
        lines.append(f"Not replayed, as time brings them about: {escape(', '.join(found.not_replayed))}.")
    return "\n".join(lines)
