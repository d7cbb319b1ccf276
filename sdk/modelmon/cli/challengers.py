"""`modelmon challenger …`: models that wait to take the place of what an endpoint serves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.records import opened_records

if TYPE_CHECKING:
    from modelmon.project import Project
    from modelmon.views.challenger_reviews import Review
    from modelmon.views.challengers import Challenger

app = typer.Typer(
    no_args_is_help=True,
    help="Models that wait to take the place of what an endpoint serves: judge, approve, roll back.",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `challenger list` shows it.")]
Comment = Annotated[str, typer.Option(help="Why, for whoever looks later.")]


@app.command("list")
def list_(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the challengers, the newest first.

    Example:

      modelmon challenger list
    """
    from modelmon.views.challengers import list_challengers
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        page = list_challengers(connection, settings)
    if as_json:
        print_json(to_json(page))
    elif not page.challengers:
        _say("No challenger: log a model with challenger_of=, or have a job do it.")
    else:
        rows = [
            (str(each.number), escape(each.endpoint_name), escape(each.model),
             f"{each.state}, not deployed yet" if each.is_left else each.state, each.verdict,
             escape(each.who))
            for each in page.challengers
        ]  # fmt: skip
        print_table(
            "Challengers", ["#number", "endpoint", "model", "state", "beside the champion", "by"], rows
        )


@app.command()
def show(number: Number, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show one beside the champion, on the same rows.

    Example:

      modelmon challenger show 1
    """
    _show(_project(project_dir), number, as_json)


@app.command()
def judge(
    number: Number,
    start: Annotated[
        str | None,
        typer.Option("--from", help="A UTC time or day; by default after the newest row it was trained on."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to here; now, if it is left out.")] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Judge one on stored rows that have actuals, and keep what comes out.

    It is asked about rows that came after its training data. The champion's answers
    are those that it gave then.

    Examples:

      modelmon challenger judge 1

      modelmon challenger judge 1 --from 2026-11-01 --to 2026-11-15
    """
    from modelmon.cli.spans import given_span
    from modelmon.retraining.judging import judge as judge_one

    first, last = given_span(start, end)
    project = _project(project_dir)
    judge_one(project, number, first, last)
    _show(project, number, as_json)


@app.command()
def approve(
    number: Number, comment: Comment = "", project_dir: ProjectDir = None, as_json: AsJson = False
) -> None:
    """Have one take the place of the champion: its function is deployed anew with it.

    One that is not judged beside the champion needs a --comment that says why.
    Where that fails, or this is not where functions are deployed from, it stands
    as approved. Then the exit code is 1, and `modelmon challenger deploy` goes on.

    Example:

      modelmon challenger approve 1 --comment "better in every week"
    """
    from modelmon.project.deciding import approve as approve_one

    project = _project(project_dir)
    approve_one(project, number, comment)
    _end(_show(project, number, as_json, whole=False))


@app.command()
def reject(
    number: Number, comment: Comment = "", project_dir: ProjectDir = None, as_json: AsJson = False
) -> None:
    """Say that one is not wanted. Its files stay.

    Example:

      modelmon challenger reject 1 --comment "worse on long flights"
    """
    from modelmon.project.deciding import reject as reject_one

    project = _project(project_dir)
    reject_one(project, number, comment)
    _show(project, number, as_json, whole=False)


@app.command()
def rollback(
    number: Number, comment: Comment = "", project_dir: ProjectDir = None, as_json: AsJson = False
) -> None:
    """Bring back the champion that one has taken the place of.

    Exit code 1 where that is not deployed yet, as of `approve`.

    Example:

      modelmon challenger rollback 1 --comment "too slow"
    """
    from modelmon.project.deciding import roll_back

    project = _project(project_dir)
    roll_back(project, number, comment)
    _end(_show(project, number, as_json, whole=False))


@app.command()
def deploy(
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="All, if it is left out.")] = None,
    due: Annotated[
        bool, typer.Option("--due", help="Leave alone what has failed lately: for a scheduled job.")
    ] = False,
    project_dir: ProjectDir = None,
) -> None:
    """Deploy what is approved or to be rolled back, and is not deployed yet.

    Call it where the project's folder is and `nuctl` reaches Nuclio, by hand or as a
    scheduled job. With --due what has failed waits a minute, then two, four, up to an
    hour, and nothing is done while another one deploys. Exit code 1 where something
    is left.

    Examples:

      modelmon challenger deploy

      modelmon challenger deploy --due
    """
    from modelmon.model import wall_clock_us
    from modelmon.project.deploying_decided import deploy_decided

    project = _project(project_dir)
    done = deploy_decided(project, number, due_us=wall_clock_us() if due else None)
    found = [_read(project, each.number) for each in done]
    for each in found:
        for line in _lines(each):
            _say(line)
    if not found:
        _say("Nothing is left to deploy.")
    _end(*found)


def _project(project_dir: ProjectDir) -> Project:
    from modelmon.project.project import Project

    settings = load_settings(project_dir)
    return Project(settings.project, Path(settings.project_dir))


def _read(project: Project, number: int) -> Challenger:
    from modelmon.views.challengers import one_challenger

    with opened_records(project.settings) as records, records.read() as connection:
        return one_challenger(connection, project.settings, number)


def _end(*found: Challenger) -> NoReturn:
    """With exit code 1 where something is not deployed yet."""
    raise typer.Exit(int(any(each.is_left for each in found)))


def _show(project: Project, number: int, as_json: bool, *, whole: bool = True) -> Challenger:
    from modelmon.views.encoding import to_json

    found = _read(project, number)
    if as_json:
        print_json(to_json(found))
        return found
    for line in _lines(found):
        _say(line)
    if whole and found.review is not None:
        _print_review(found.review)
    return found


def _lines(found: Challenger) -> list[str]:
    from modelmon.views.challenger_words import left, standing

    lines = [f"Challenger {found.number}: {found.model} for {found.endpoint_name}. {standing(found)}"]
    return [*lines, left(found)] if found.is_left else lines


def _print_review(review: Review) -> None:
    from modelmon.views.challenger_words import metric_rows, sentences

    for sentence in sentences(review):
        _say(sentence)
    rows = [(name, one, other) for name, one, other in metric_rows(review)]
    if rows:
        print_table("On the same rows", ["metric", "#champion", "#challenger"], rows)


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
