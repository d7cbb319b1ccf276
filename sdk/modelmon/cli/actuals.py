"""`modelmon actuals`: what came true for predictions, from a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.counting import count
from modelmon.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from modelmon.model_monitoring.actuals import LoggedActuals, Naming


def actuals(
    file: Annotated[
        str, typer.Argument(help="A .csv, .parquet or .jsonl file; - reads JSON lines of standard input.")
    ],
    endpoint: Annotated[str, typer.Option(help="Name or id of the endpoint.")],
    request_id: Annotated[str, typer.Option(help="Column with the request's id.")] = "request_id",
    row: Annotated[
        str, typer.Option(help="Column with the row in the request, from 0; may be absent.")
    ] = "row",
    entity: Annotated[
        str, typer.Option(help="Column that names whose prediction it is, in place of the request's id.")
    ] = "",
    time: Annotated[
        str, typer.Option(help="With --entity: column with the prediction's time.")
    ] = "timestamp",
    within_seconds: Annotated[
        float, typer.Option(min=0, help="With --entity: of all predictions that long from the time on.")
    ] = 0.0,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Log what came true for predictions. Every other column is a prediction's.

    A cell that is empty is not known yet. A later value replaces an earlier one,
    so a file that was sent in part is sent again as it is. What finds no
    prediction waits for it, and is counted: `modelmon status`. A row that its
    request does not have, and an entity that no event names, are refused.

    Examples:

      modelmon actuals arrived.csv --endpoint delay

      modelmon actuals churned.parquet --endpoint churn --entity customer --within-seconds 86400
    """
    from modelmon.model_monitoring.actuals import Naming, log_actuals
    from modelmon.views.encoding import to_json

    if within_seconds and not entity:
        raise ConfigError("--within-seconds: goes together with --entity")
    settings = load_settings(project_dir)
    within = timedelta(seconds=within_seconds) if within_seconds else None
    naming = Naming(request_id, row, entity or None, time, within)
    logged = log_actuals(settings, endpoint, _read(file, naming), naming)
    if as_json:
        print_json(to_json(logged))
        return
    for line in _told(logged, endpoint):
        console.print(escape(line), highlight=False)


def _told(logged: LoggedActuals, endpoint: str) -> Iterator[str]:
    gaps = f"; {count(logged.without_value, 'row')} without a value" if logged.without_value else ""
    yield f"{count(logged.rows, 'actual')} of {endpoint} on the events stream{gaps}"
    if logged.without_prediction is None:
        yield "Their predictions were not looked up: stored rows can't be read now, or lie in many files."
    elif logged.without_prediction:
        waits = "waits for it" if logged.without_prediction == 1 else "wait for theirs"
        yield f"{logged.without_prediction:,} found no prediction so far and {waits}."


def _read(file: str, naming: Naming) -> Any:
    """The file as a table. Raises ConfigError for one that can't be read as what its name says."""
    import pyarrow as pa

    ways = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_json, ".json": _read_json}
    kind = ".jsonl" if file == "-" else Path(file).suffix.lower()
    if kind not in ways:
        raise ConfigError(
            f"{file}: must be a .csv, .parquet or .jsonl file, or - for JSON lines, got {kind!r}"
        )
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            return ways[kind](source, naming)
    except pa.ArrowException as error:
        raise ConfigError(f"{file} can't be read as {kind}: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise UnavailableError(f"{file} can't be read: {error.strerror or error}") from error


def _read_csv(source: Any, naming: Naming) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    texts = {naming.request_id: pa.string(), **({naming.entity: pa.string()} if naming.entity else {})}
    found = csv.read_csv(source, convert_options=csv.ConvertOptions(column_types=texts))
    for place, column in enumerate(found.columns):
        if column.type == pa.string():  # `strings_can_be_null` would take NA, which may be a class, too
            known = pc.if_else(pc.equal(column, ""), None, column)
            found = found.set_column(place, found.column_names[place], known)
    return found


def _read_parquet(source: Any, _naming: Naming) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(source).read()


def _read_json(source: Any, _naming: Naming) -> Any:
    from pyarrow import json

    return json.read_json(source)
