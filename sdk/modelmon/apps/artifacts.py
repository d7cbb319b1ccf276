"""Files that an app keeps: charts, tables, anything; on a local folder or any fsspec URL."""

from __future__ import annotations

import io
import json
import re
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modelmon.apps.sample_frames import is_arrow
from modelmon.errors import ConfigError, UnavailableError
from modelmon.model import wall_clock_us
from modelmon.sources import make_folder
from modelmon.stats.frames import as_frame
from modelmon.stores.artifacts import RECORD

KEY = re.compile(r"[\w.@+-]+(/[\w.@+-]+)*")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file that was kept; `path` is where."""

    key: str
    path: str
    tag: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def target_path(self) -> str:
        """MLRun's name of `path`."""
        return self.path


@dataclass(frozen=True, slots=True)
class PlotlyArtifact:
    """A Plotly figure to be kept as a page of HTML: what `log_artifact` takes in MLRun."""

    key: str
    figure: Any

    def __post_init__(self) -> None:
        if not callable(getattr(self.figure, "to_html", None)):
            raise ConfigError(f"figure: must be a Plotly figure, got a {type(self.figure).__name__}")


def keep(artifact: Artifact, content: bytes) -> Artifact:
    """Write the file, and beside it `<path>.meta.json` with its key, tag and labels.

    Raises UnavailableError when the place can't be written now.
    """
    record = json.dumps(asdict(artifact), sort_keys=True, ensure_ascii=False)
    try:
        _write(artifact.path, content)
        _write(f"{artifact.path}{RECORD}", record.encode())
    except OSError as error:
        raise UnavailableError(f"artifact {artifact.path} can't be written: {error}") from error
    return artifact


def location(folder: str, key: str, suffix: str, extension: str) -> str:
    """`folder/key-suffix.extension`; ConfigError for a key that would lead out of the folder."""
    if not isinstance(key, str) or not KEY.fullmatch(key) or ".." in key.split("/"):
        raise ConfigError(f"an artifact's key has letters, digits and . _ @ + - between '/', got {key!r}")
    stem, dot, own = key.rpartition(".") if "." in key.split("/")[-1] else (key, "", "")
    extension = extension.lstrip(".") or own
    name = f"{stem if dot else key}{'-' + suffix if suffix else ''}"
    return f"{folder.rstrip('/')}/{name}{'.' + extension if extension else ''}"


def body_of(body: Any, local_path: str) -> bytes:
    """The bytes of an artifact given as text, bytes, a JSON value or a local file."""
    if body is None and local_path:
        return Path(local_path).read_bytes()
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, dict | list):
        return json.dumps(body, ensure_ascii=False).encode()
    raise ConfigError(
        f"an artifact needs body= (text, bytes, a dict or a list) or local_path=, got {type(body).__name__}"
    )


def content_of(item: str | PlotlyArtifact, body: Any, local_path: str) -> tuple[str, bytes]:
    """The key and the bytes of what `log_artifact` was given."""
    if isinstance(item, PlotlyArtifact):
        key = item.key if item.key.endswith(".html") else f"{item.key}.html"
        return key, str(item.figure.to_html()).encode()
    return item, body_of(body, local_path)


def dataset(frame: Any, extension: str) -> bytes:
    """A frame of any library as a Parquet or CSV file."""
    frame, sink = as_frame(frame), io.BytesIO()
    if is_arrow(frame):
        import pyarrow.csv
        import pyarrow.parquet

        from modelmon.stats.arrow_layout import writable

        frame = writable(frame)
        write = {"parquet": pyarrow.parquet.write_table, "csv": pyarrow.csv.write_csv}
    else:
        write = {
            "parquet": lambda frame, sink: frame.to_parquet(sink, index=False),
            "csv": lambda frame, sink: frame.to_csv(sink, index=False),
        }
    if extension not in write:
        raise ConfigError(f"a data set is written as parquet or csv, got {extension!r}")
    try:
        write[extension](frame, sink)
    except (ValueError, TypeError, ArithmeticError) as error:  # half a character, several types in a column
        raise ConfigError(f"this frame can't be written as {extension}: {error}") from error
    return sink.getvalue()


def temporary_folder() -> str:
    """Where an app that is tried out without a project keeps its artifacts."""
    return tempfile.mkdtemp(prefix="modelmon-artifacts-")


def _write(path: str, content: bytes) -> None:
    if "://" not in path:
        make_folder(Path(path).parent)
        hidden = Path(path).with_name(f".{wall_clock_us()}-{uuid.uuid4().hex}.tmp")
        hidden.write_bytes(content)
        hidden.replace(path)  # who reads it sees the file before it or this one
        return
    import fsspec

    with fsspec.open(path, "wb") as file:
        file.write(content)
