"""`modelmon publish`: recorded events onto a stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json
from modelmon.cli.published import PublishProgress, progress
from modelmon.cli.recorded import lines, of_line, recorded
from modelmon.counting import count
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.function_spec.folders import state_folder
from modelmon.model import wall_clock_us

if TYPE_CHECKING:
    from modelmon.cli.event_numbers import Numbering
    from modelmon.settings import Settings
    from modelmon.streams import Record, Stream

BATCH_LINES, BATCH_BYTES = 1_000, 4 * 2**20


def publish(
    file: Annotated[str, typer.Argument(help="A file of JSON values, one a line; - reads standard input.")],
    stream: Annotated[str, typer.Option(help="Name or URL of the stream.")] = "events",
    anew: Annotated[
        bool, typer.Option("--anew", help="From the beginning, where an earlier command was interrupted.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="The file is all there is: its windows close at once.")
    ] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Put recorded events on a stream, in order.

    Each line is one message: an event, or an array of events. Its key is
    the endpoint it speaks of, so events of one endpoint keep their order.
    Blank lines are skipped. A line that is not JSON ends the command and is
    named; the lines before it are published. A command that was interrupted
    or killed goes on where it was when it is given again: no event counts
    twice, none is missing. With --complete it is announced at the end that
    the batch job of each endpoint is complete.

    Examples:

      modelmon publish recorded.jsonl

      modelmon publish scored-in-june.jsonl --complete

      zcat old.jsonl.gz | modelmon publish - --stream events
    """
    from modelmon.cli.event_numbers import Numbering
    from modelmon.function_spec.topics import open_topic

    settings = load_settings(project_dir)
    opened = open_topic(settings, _topic(settings, stream))
    is_events = settings.stream_url(_topic(settings, stream)) == settings.events_url
    if complete and not is_events:
        raise ConfigError("--complete: only batch jobs of the events stream can be complete")
    completed: list[str] = []
    try:
        with (
            recorded(file) as (source, size),
            _progress(settings, file, opened, anew=anew) as way,
            _told(way),
        ):
            numbering = Numbering(way.reached.publisher_id) if is_events else None
            _publish(opened, _batches(file, source, way, numbering), size, way)
            if complete and numbering:
                completed = _complete(opened, numbering, settings)
    finally:
        opened.close()
    name = opened.url.rpartition("/")[2]  # not the URL: it may hold a password
    published = way.reached.messages - way.before
    if as_json:
        told = {"completed": completed} if complete else {}
        print_json({"stream": name, "published": published, "published_before": way.before, **told})
    else:
        earlier = f", {way.before:,} before" if way.before else ""
        ended = f"; complete: {count(len(completed), 'endpoint')}" if complete else ""
        console.print(f"published on {name}: {count(published, 'message')}{earlier}{ended}", highlight=False)


def _complete(stream: Stream, numbering: Numbering, settings: Settings) -> list[str]:
    """Announce that the batch jobs of the file are complete, behind their events: the key is the same."""
    from modelmon.wire import write_batch_complete

    now_us = wall_clock_us()
    found = numbering.completions()
    stream.publish(
        [
            (each.endpoint_id, write_batch_complete(each, project=settings.project, completed_us=now_us))
            for each in found
        ]
    )
    return [each.endpoint_id for each in found]


def _topic(settings: Settings, stream: str) -> str:
    """A stream's URL, or the name of a stream that is read; ConfigError for a name that nobody reads."""
    from modelmon.function_spec.project_streams import streams_read

    if stream == "events":
        return settings.events_stream
    read = (each.topic for each in streams_read(settings))
    known = {settings.events_stream, settings.writer_stream, *read}
    if "://" not in stream and stream not in known:
        raise ConfigError(
            f"--stream: no function of this project reads a stream {stream!r}; there are: "
            f"{', '.join(sorted(name for name in known if '://' not in name))}"
        )
    return stream


@contextmanager
def _progress(settings: Settings, file: str, stream: Stream, *, anew: bool) -> Iterator[PublishProgress]:
    if file == "-":  # nobody can read it again from its beginning
        yield PublishProgress(file)
        return
    folder = state_folder(Path(settings.project_dir)) / "publishing"
    with progress(folder, file, stream.stream_id, anew=anew) as found:
        if found.before:
            errors.print(
                f"Going on after line {found.reached.lines:,}, published before: "
                f"{count(found.before, 'message')}.",
                highlight=False,
            )
        yield found


def _publish(
    stream: Stream, batches: Iterator[tuple[list[Record], int, int]], size: int | None, way: PublishProgress
) -> None:
    from rich import progress as bars

    columns = (
        bars.TextColumn("publishing"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=size)
        for records, line, consumed in batches:
            if records:
                stream.publish(records)
            way.advance(line, len(records))
            bar.update(task, completed=consumed)


@contextmanager
def _told(way: PublishProgress) -> Iterator[None]:
    """What stops the command also says how far it has come."""
    try:
        yield
    except (RejectedError, UnavailableError) as error:
        raise type(error)(f"{error}; {_so_far(way)}") from error
    except KeyboardInterrupt:
        errors.print(f"Stopped; {_so_far(way)}.", highlight=False)
        raise


def _so_far(way: PublishProgress) -> str:
    messages = way.reached.messages
    again = ", the same command goes on there" if way.is_kept and messages else ""
    return f"published before it: {count(messages, 'message')}{again}"


def _batches(
    file: str, source: BinaryIO, way: PublishProgress, numbering: Numbering | None
) -> Iterator[tuple[list[Record], int, int]]:
    """(records, the last line they come of, bytes read so far) of what is not published yet."""
    from modelmon.cli.event_numbers import key_of

    records: list[Record] = []
    consumed = held = line = 0
    stopped: RejectedError | None = None
    try:
        for number, raw, body in lines(file, source):
            if body:
                with of_line(file, number):
                    record = numbering.record(body) if numbering else (key_of(body), body)
            consumed, line = consumed + len(raw), number
            if way.is_published(raw) or not body:
                continue
            records.append(record)
            held += len(record[1])
            if len(records) >= BATCH_LINES or held >= BATCH_BYTES:
                yield records, line, consumed
                records, held = [], 0
        way.end()
    except RejectedError as error:
        stopped = error
    if records:
        yield records, line, consumed
    if stopped is not None:
        raise stopped
