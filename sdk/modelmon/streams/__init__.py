"""Streams by URL: `open_stream("sqlite:///folder/name")`."""

from __future__ import annotations

from importlib import import_module

from modelmon.errors import ConfigError
from modelmon.extras import install
from modelmon.secrecy import SCHEME
from modelmon.settings import Settings
from modelmon.streams.base import Consumer, Record, Stream

__all__ = ["Consumer", "Record", "Stream", "check_url", "open_stream"]

# scheme: (module, extra that brings its dependency)
BACKENDS = {
    "sqlite": ("modelmon.streams.sqlite", ""),
    "memory": ("modelmon.streams.memory", ""),
    "kafka": ("modelmon.streams.kafka", "kafka"),
}


def open_stream(
    url: str, partitions: int = 1, settings: Settings | None = None, *, create: bool = True
) -> Stream:
    """Open the stream at `url`, created with `partitions` when it does not exist, unless `create` is False.

    `settings` say how durable it is and how its technology is reached (`kafka_*`); without them the
    environment does.

    Raises ConfigError for an unknown scheme and for a stream that is not there and not to be created,
    UnavailableError when the log can't be reached.
    """
    scheme = _scheme(url)
    module, extra = BACKENDS[scheme]
    try:
        backend = import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{scheme}:// streams need {error.name}, which is not installed: {install(extra)}"
        ) from error
    stream: Stream = backend.open(url, partitions, settings or Settings.load(), create=create)
    return stream


def check_url(url: str) -> None:
    """ConfigError for a URL that no stream can have. Nothing is opened, and no library is needed."""
    if _scheme(url) == "kafka":
        from modelmon.streams.kafka_address import read_address

        read_address(url)


def _scheme(url: str) -> str:
    found = SCHEME.match(url)
    scheme = found.group(1) if found else ""
    if scheme not in BACKENDS:
        known = ", ".join(f"{name}://" for name in sorted(BACKENDS))
        # A miswritten address may hold a password anywhere: nothing else of it is shown.
        said = (
            f"stream {scheme}://…: unknown scheme {scheme!r}" if found else "a stream's address has no scheme"
        )
        raise ConfigError(f"{said}, known are {known}")
    return scheme
