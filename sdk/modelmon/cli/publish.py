"""`modelmon publish`: recorded events onto a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json
from modelmon.errors import ConfigError, RejectedError, UnavailableError

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.streams import Record, Stream

BATCH_LINES, BATCH_BYTES = 1_000, 4 * 2**20


def publish(
    file: Annotated[str, typer.Argument(help="A file of JSON values, one a line; - reads standard input.")],
    stream: Annotated[str, typer.Option(help="Name or URL of the stream.")] = "events",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Put recorded events on a stream, as they are and in order.

    Each line is one message: an event, or an array of events. Its key is
    the endpoint it speaks of, so events of one endpoint keep their order.
    Blank lines are skipped. A line that is not JSON ends the command and is
    named; the lines before it are published.

    Examples:

      modelmon publish recorded.jsonl

      zcat old.jsonl.gz | modelmon publish - --stream events
    """
    from modelmon.local.topics import open_topic

    settings = load_settings(project_dir)
    opened = open_topic(settings, _topic(settings, stream))
    try:
        with _source(file) as (source, size):
            published = _publish(opened, file, source, size)
    finally:
        opened.close()
    name = opened.url.rpartition("/")[2]  # not the URL: it may hold a password
    if as_json:
        print_json({"stream": name, "published": published})
    else:
        console.print(f"published on {name}: {published:,} messages", highlight=False)


def _topic(settings: Settings, stream: str) -> str:
    """A stream's URL, or the name of a stream that is read; ConfigError for a name that nobody reads."""
    if stream == "events":
        return settings.events_stream
    known = {settings.events_stream, settings.writer_stream, *_topics_read(settings)}
    if "://" not in stream and stream not in known:
        raise ConfigError(
            f"--stream: no function of this project reads a stream {stream!r}; there are: "
            f"{', '.join(sorted(name for name in known if '://' not in name))}"
        )
    return stream


def _topics_read(settings: Settings) -> Iterator[str]:
    """What the deployed functions read; one whose function.yaml is wrong reads nothing."""
    from modelmon.local.deployment import deployed
    from modelmon.local.folders import functions_folder
    from modelmon.local.function_yaml import read_function
    from modelmon.local.triggers import StreamTrigger

    for folder in deployed(functions_folder(Path(settings.project_dir))).values():
        with suppress(ConfigError):
            for trigger in read_function(folder, settings).triggers:
                if isinstance(trigger, StreamTrigger):
                    yield from trigger.topics


@contextmanager
def _source(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The open file and its bytes, None where nobody knows."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with Path(file).open("rb") as source:
            yield source, Path(file).stat().st_size
    except OSError as error:
        raise UnavailableError(f"{file} can't be read: {error.strerror}") from error


def _publish(stream: Stream, file: str, source: BinaryIO, size: int | None) -> int:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("publishing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    published = 0
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("", total=size)
        for records, consumed, problem in _batches(source):
            try:
                stream.publish(records)
            except UnavailableError as error:
                raise UnavailableError(
                    f"{error}; {_so_far(published)}, of the next {len(records):,} some may be"
                ) from error
            published += len(records)
            progress.update(task, completed=consumed)
            if problem:
                raise RejectedError(f"{file}, {problem}; {_so_far(published)}")
    return published


def _so_far(published: int) -> str:
    return f"published before it: {published:,} messages"


def _batches(source: BinaryIO) -> Iterator[tuple[list[Record], int, str]]:
    """(records, bytes read so far, what is wrong with the line after them)."""
    records: list[Record] = []
    consumed = held = 0
    for number, line in enumerate(source, 1):
        consumed += len(line)
        body = line.strip()
        if not body:
            continue
        problem = _problem(body)
        if problem:
            yield records, consumed, f"line {number}: {problem}"
            return
        records.append((_key(body), body))
        held += len(body)
        if len(records) >= BATCH_LINES or held >= BATCH_BYTES:
            yield records, consumed, ""
            records, held = [], 0
    if records:
        yield records, consumed, ""


def _problem(body: bytes) -> str:
    import json

    try:
        json.loads(body)  # not msgspec: recorded events may hold NaN
    except ValueError as error:
        return f"not a JSON value: {error}"
    return ""


def _key(body: bytes) -> str:
    """The endpoint that the message speaks of first, "" when it can't be read."""
    from modelmon.model import UNKNOWN_ENDPOINT
    from modelmon.wire import read_message

    for item in read_message(body):
        endpoint_id: str = getattr(item, "endpoint_id", UNKNOWN_ENDPOINT)
        return "" if endpoint_id == UNKNOWN_ENDPOINT else endpoint_id
    return ""
