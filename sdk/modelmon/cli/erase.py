"""`modelmon erase`: somebody's rows are taken out of an endpoint's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.counting import count
from modelmon.errors import ConfigError

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.upkeep.erasing import Erased
    from modelmon.views.erasures import ShownErasure

SHOWN = 100


def erase(
    endpoint: Annotated[str, typer.Option(help="Name or id of the endpoint.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Rows with this value; all have to hold where several are given."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the rows, change nothing.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show what was erased, and when.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person's rows from an endpoint's samples. There is no way back.

    Counts, series and verdicts stay, no window is judged again. What it does not
    reach: 'Erase a person's rows' in the docs. Killed halfway, run it again. Exit
    code 1 when no row matches.

    Examples:

      modelmon erase --endpoint churn --where customer=4711 --dry-run

      modelmon erase --endpoint churn --where entities.customer=4711

      modelmon erase --list
    """
    settings = load_settings(project_dir)
    if show:
        _list(settings, as_json)
        return
    if not endpoint or not where:
        raise ConfigError("erase: name the --endpoint and at least one --where COLUMN=VALUE")
    from modelmon.model_monitoring.erasing import erase_samples
    from modelmon.views.encoding import to_json

    erased = erase_samples(settings, endpoint, _conditions(where), dry_run)
    if as_json:
        print_json({"endpoint": endpoint, "dry_run": dry_run, **to_json(erased)})
    else:
        _show(erased, endpoint, dry_run)
    if not erased.rows:
        raise typer.Exit(1)


def _conditions(where: list[str]) -> dict[str, str]:
    conditions: dict[str, str] = {}
    for each in where:
        column, equals, value = each.partition("=")
        if not equals or not column:
            raise ConfigError(f"--where: must be COLUMN=VALUE, got {each!r}")
        if conditions.setdefault(column, value) != value:
            raise ConfigError(
                f"--where: no row has two values of {column}: {conditions[column]!r}, {value!r}"
            )
    return conditions


def _show(erased: Erased, endpoint: str, dry_run: bool) -> None:
    if not erased.rows:
        said = f"No row of {endpoint} matches, in {count(erased.looked_at, 'file')}: nothing was erased."
        console.print(escape("\n  ".join((said, *erased.why))), highlight=False, soft_wrap=True)
        return
    did = "would be erased" if dry_run else "erased"
    beside = f" and {count(erased.actuals, 'actual')}" if erased.actuals else ""
    console.print(
        f"{count(erased.rows, 'row')}{beside} of {escape(endpoint)} {did}, in {erased.files:,} of "
        f"{count(erased.looked_at, 'file')}.",
        highlight=False,
        soft_wrap=True,
    )


def _list(settings: Settings, as_json: bool) -> None:
    from modelmon.model_monitoring.locating import opened
    from modelmon.views.encoding import to_json
    from modelmon.views.erasures import newest_erasures

    with opened(settings) as records, records.read() as connection:
        found = newest_erasures(connection, settings, SHOWN)
    if as_json:
        print_json({"erasures": to_json(found)})
        return
    rows = [
        (
            f"{each.started:%Y-%m-%d %H:%M:%S}", escape(each.endpoint_name or each.endpoint_id),
            escape(", ".join(each.columns)), f"{each.rows:,}", f"{each.files:,}",
            _remark(each),
        )
        for each in found
    ]  # fmt: skip
    print_table("Erased", ["=at (UTC)", "=endpoint", "by", "#rows", "#files", "+remark"], rows)


def _remark(erasure: ShownErasure) -> str:
    if erasure.finished:
        return ""
    if erasure.run_again:
        return "did not come to its end; a later run by the same columns did"
    return "did not come to its end: run it again"
