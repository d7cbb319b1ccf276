"""`modelmon alerts …`: who is told when something goes wrong, whether it gets there, what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.checked_yaml.given import given_text
from modelmon.cli.found import print_findings
from modelmon.cli.kept_versions import print_history, print_version
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.errors import ConfigError

if TYPE_CHECKING:
    from modelmon.model_monitoring.alerts import Tried

app = typer.Typer(
    no_args_is_help=True,
    help="Who is told when something goes wrong, whether it gets there, what was sent.",
)
File = Annotated[Path, typer.Argument(help="An alerts.yaml.")]


@app.command()
def check(file: File, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Find mistakes in an alerts.yaml: the line, the mend. Exit code 1 when there is an error.

    Where a project is at hand, patterns that fit nothing in it now are warned of.

    Example:

      modelmon alerts check alerts.yaml
    """
    from modelmon.alerting import check_alerts
    from modelmon.cli.alert_rules import settings_at_hand
    from modelmon.model_monitoring.alert_rules import check_beside

    text, settings = given_text(file, "alerts"), settings_at_hand(project_dir)
    read = check_alerts(text) if settings is None else check_beside(settings, text)
    print_findings(file, read.findings, as_json)


@app.command("set")
def set_(
    file: Annotated[Path | None, typer.Argument(help="An alerts.yaml; without it --back is needed.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Take back what was set: nobody is told.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Have an alerts.yaml count from now on. Every version stays on record, with who set it.

    Examples:

      modelmon alerts set alerts.yaml

      modelmon alerts set --back
    """
    from modelmon.model_monitoring.alerts import set_alerts

    if (file is None) == (not back):
        raise ConfigError("alerts set: give a file, or --back")
    made = set_alerts(load_settings(project_dir), "" if file is None else given_text(file, "alerts"))
    if as_json:
        print_json(made)
        return
    names = ", ".join(made.alerts.told) or "nobody"
    told = "nobody is told any more" if back else f"told are: {escape(names)}"
    console.print(f"Version {made.version} counts from now on; {told}.", highlight=False, soft_wrap=True)


@app.command()
def show(
    version: Annotated[int | None, typer.Option(help="This version instead of the newest.", min=1)] = None,
    history: Annotated[bool, typer.Option("--history", help="List the versions instead.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the alerts.yaml that counts, or list its versions.

    Examples:

      modelmon alerts show > alerts.yaml

      modelmon alerts show --history
    """
    from modelmon.model_monitoring.alerts import alert_versions, shown_file

    found = [shown_file(each) for each in alert_versions(load_settings(project_dir))]
    if history:
        print_history(found, "alerts.yaml", _what, as_json=as_json)
        return
    sets = "is set; `modelmon alerts set FILE` sets one"
    print_version(found, version, lambda which: f"no alerts.yaml {which}{sets}", as_json=as_json)


@app.command("test")
def send_test(
    channel: Annotated[
        str, typer.Argument(metavar="[CHANNEL]", help="This one alone.", show_default=False)
    ] = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a message to each channel, the way that all go. Exit code 1 when one was not delivered.

    Examples:

      modelmon alerts test

      modelmon alerts test oncall
    """
    from modelmon.model_monitoring.alerts import try_channels

    tell = (lambda _: None) if as_json else _print_tried
    tried = try_channels(load_settings(project_dir), channel, tell=tell)
    if as_json:
        print_json(tried)
    raise typer.Exit(0 if all(each.delivered for each in tried) else 1)


@app.command()
def messages(
    failed: Annotated[bool, typer.Option("--failed", help="Those that were given up alone.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 50,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List messages and how they stand: waiting, sent, refused, or expired after a day in vain.

    Example:

      modelmon alerts messages --failed
    """
    from modelmon.ledger.abbreviated import SHOWN
    from modelmon.model_monitoring.alerts import list_messages

    found = list_messages(load_settings(project_dir), limit, failed=failed)
    if as_json:
        print_json(found)
        return
    rows = [
        (f"{each.made:%Y-%m-%d %H:%M:%S}", escape(each.channel), each.state, f"{each.tries}",
         escape(each.title), escape(each.problem), each.message_id[:SHOWN])
        for each in found
    ]  # fmt: skip
    print_table("Messages", ["=made (UTC)", "channel", "state", "#tries", "what", "problem", "id"], rows)


@app.command()
def retry(
    message: Annotated[
        str, typer.Argument(metavar="ID", help="As `alerts messages` shows it, or the whole.")
    ],
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Have a message that was given up sent after all.

    Example:

      modelmon alerts retry 4f1c0d2a
    """
    from modelmon.model_monitoring.alerts import retry_message

    again = retry_message(load_settings(project_dir), message)
    if as_json:
        print_json(again)
    else:
        console.print(f"It waits to be sent to {escape(again.channel)} again.", highlight=False)


@app.command()
def runs(
    incident: Annotated[int | None, typer.Option(help="Of this incident alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, the newest first.")] = 50,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List runs of actions that rules asked for: requested, started, failed, skipped or dry run.

    Example:

      modelmon alerts runs --incident 3
    """
    from modelmon.ledger.abbreviated import SHOWN
    from modelmon.model_monitoring.action_runs import list_runs

    found = list_runs(load_settings(project_dir), incident, limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (f"{each.made:%Y-%m-%d %H:%M:%S}", escape(each.action), f"{each.incident_id}", each.state,
         f"{each.tries}", escape(each.why or each.answer), each.run_id[:SHOWN])
        for each in found
    ]  # fmt: skip
    print_table("Runs", ["=made (UTC)", "action", "#incident", "state", "#tries", "said", "id"], rows)


@app.command()
def rerun(
    run: Annotated[str, typer.Argument(metavar="ID", help="As `alerts runs` shows it, or the whole.")],
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Have an action that failed, was skipped or was dry started after all.

    Example:

      modelmon alerts rerun 9d0c3a5b
    """
    from modelmon.model_monitoring.action_runs import retry_run

    again = retry_run(load_settings(project_dir), run)
    if as_json:
        print_json(again)
    else:
        console.print(f"{escape(again.action)} waits to be started.", highlight=False)


def _print_tried(tried: Tried) -> None:
    if tried.delivered:
        noted = f" ({tried.problem})" if tried.problem else ""
        told = f"{tried.channel}: delivered in {tried.seconds:.1f} s{noted}"
        console.print(told, style="green", markup=False, highlight=False, soft_wrap=True)
    else:
        told = f"{tried.channel}: not delivered: {tried.problem}"
        console.print(told, style="red", markup=False, highlight=False, soft_wrap=True)


def _what(text: str) -> str:
    from modelmon.alerting import check_alerts

    alerts = check_alerts(text).alerts
    return "can't be read" if alerts is None else f"channels: {', '.join(alerts.channels) or 'none'}"
