"""Every setting, with its default, unit and meaning. 'Settings' in the docs is checked against this file.

A setting `grace_seconds` is read from the environment as MODELMON_GRACE_SECONDS, else from the
project folder's `modelmon.yaml` under `grace_seconds`, else it has its default. Locations given as
credentials (`.modelmon/credentials.json`, written by the project SDK) win over `modelmon.yaml`.

What one technology needs to know is declared beside it (see `technologies`); to users it is one flat list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from modelmon.errors import ConfigError
from modelmon.secrecy import may_hold_credential
from modelmon.settings.declaring import check, converted, setting, settings_of
from modelmon.settings.refusing import refuse_empty, unknown_setting
from modelmon.settings.stream_addresses import KAFKA, check_stream_address, check_template
from modelmon.settings.technologies import defaults, technologies
from modelmon.sources import FILE_NAME, PREFIX, STATE_FOLDER, from_credentials, from_environment, from_file

Technology = TypeVar("Technology")
_EMBEDDED = {
    "stream_path": ("sqlite:///", "streams"),
    "samples_path": ("", "samples"),
    "records_url": ("sqlite:///", "records.db"),
    "artifacts_path": ("", "artifacts"),
}
PROJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
STREAM_SETTINGS = ("stream_path", "events_stream", "app_stream", "writer_stream")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one project; make one with `Settings.load`."""

    project: str = setting(
        "default", "Name of the project: lower-case letters, digits and '-'.", section="The first day"
    )
    project_dir: str = setting(
        "", "Folder that holds modelmon.yaml and, under .modelmon/, the embedded state."
    )
    base_period: int = setting(10, "Length of an analysis window, minutes.", least=1)
    grace_seconds: float = setting(30.0, "How long a window waits for stragglers after its end.", least=0)
    retention_days: float = setting(
        0.0, "Samples, series and closed windows older than this are deleted; 0 keeps them.", least=0
    )
    stream_path: str = setting(
        "",
        "Where streams live: sqlite:///folder, kafka://host:9092, memory://. Empty: in the project folder.",
        secret=True,
        credential=True,
    )
    records_url: str = setting(
        "",
        "URL of the database of the records and the ledger: postgresql://user@host/name, mysql://…, "
        "sqlite:///file. Empty: SQLite under the project folder.",
        secret=True,
        credential=True,
    )
    samples_path: str = setting(
        "",
        "Folder or fsspec URL (s3://…) of the Parquet samples. Empty: under the project folder.",
        secret=True,
    )
    platform: str = setting(
        "embedded",
        "What functions are deployed to: `modelmon up` (embedded), Nuclio on Docker (local) or on Kubernetes "
        "(kube).",
        choices=("embedded", "local", "kube"),
    )

    private: str = setting(
        "",
        "Columns that are shown nowhere: names or patterns with `*`, with commas between them. They are kept "
        "and judged all the same; while there are any, no body of a dead letter and no text of an error is "
        "shown.",
    )

    events_stream: str = setting("events", "Name or URL of the stream of serving events.", section="Streams")
    app_stream: str = setting("app-{name}", "Name or URL of an app's stream; {name} is the app.")
    writer_stream: str = setting("writer", "Name or URL of the stream of reports.")
    events_partitions: int = setting(2, "Partitions of the events stream when it is created.", least=1)
    app_partitions: int = setting(1, "Partitions of an app's stream when it is created.", least=1)
    writer_partitions: int = setting(1, "Partitions of the writer's stream when it is created.", least=1)

    series_url: str = setting(
        "",
        "URL of the database of the time series. Empty: the same as the records.",
        secret=True,
        credential=True,
        section="Stores",
    )
    artifacts_path: str = setting(
        "", "Folder or fsspec URL of what apps log. Empty: under the project folder.", secret=True
    )
    drift_report: str = setting("none", "Windows that the drift app reports.", choices=("none", "bad", "all"))
    durability: str = setting(
        "power",
        "power: fsync every write; process: survives kill -9, not a power cut.",
        choices=("power", "process"),
    )

    future_seconds: float = setting(
        300.0, "Events further in the future than this are set aside.", least=0, section="Windows"
    )

    batch_max_events: int = setting(
        10_000, "A batch is cut at this many messages.", least=1, section="The stream function"
    )
    batch_max_bytes: int = setting(
        64 * 2**20,
        "A batch is cut at this many bytes of message bodies; a value of actuals counts as 100.",
        least=1,
    )
    buffer_max_bytes: int = setting(
        256 * 2**20, "The stream function takes no more messages while it holds this many bytes.", least=1
    )
    flush_after_seconds: float = setting(
        1.0, "A batch is cut when its oldest message has waited this long.", least=0
    )
    batch_tries: int = setting(
        3, "A batch that could not be written after this many starts is halved.", least=1
    )

    endpoint_max_columns: int = setting(
        10_000,
        "An event that would give its endpoint more columns that nobody registered is set aside.",
        least=1,
    )

    controller_interval_seconds: float = setting(
        5.0,
        "Time between two ticks of the controller in the embedded runner.",
        least=0.1,
        section="The controller",
    )
    maintenance_seconds: float = setting(
        2.0, "Time that one tick may spend on compaction and retention.", least=0
    )
    compact_min_files: int = setting(8, "A closed hour with at least this many files is compacted.", least=2)
    stream_retention_hours: float = setting(
        72.0,
        "Messages of an embedded stream that every group has read are deleted after this long; 0 keeps them. "
        "A stream that is named by URL keeps everything.",
        least=0,
    )
    stream_max_bytes: int = setting(
        4 * 2**30,
        "An embedded stream that takes more loses what every group has read earlier, the oldest first; 0: no "
        "limit.",
        least=0,
    )

    dead_letter_days: float = setting(
        30.0,
        "Messages that were set aside are deleted after this long; 0 keeps them.",
        least=0,
        section="Dead letters",
    )
    dead_letters_max: int = setting(
        10_000, "So many dead letters are kept; of more only their number.", least=1
    )
    dead_letters_max_bytes: int = setting(
        256 * 2**20, "Dead letters of so many bytes are kept; of more only their number.", least=1
    )
    dead_letters_of_message: int = setting(
        100, "So many dead letters of one message are kept; of more only their number.", least=1
    )
    dead_letter_bytes_of_message: int = setting(
        16 * 2**20,
        "So many bytes of one message are kept as dead letters; a longer one is kept to that length, and "
        "can't be sent again.",
        least=1,
    )

    app_attempts: int = setting(
        3, "How often an app may try a window before it is marked failed.", least=1, section="Apps"
    )
    app_retry_seconds: float = setting(
        10.0, "Wait before a failed window is sent again; doubles each time.", least=0
    )
    app_min_rows: int = setting(
        50, "Below this many rows, or rows of the training set, there is no drift verdict.", least=1
    )

    publish_buffer_events: int = setting(
        10_000,
        "The publisher of a model server holds at most this many events.",
        least=1,
        section="Model servers",
    )
    publish_buffer_bytes: int = setting(
        64 * 2**20,
        "The publisher of a model server holds requests and answers of at most this many bytes.",
        least=1,
    )
    publish_flush_seconds: float = setting(
        1.0, "The publisher sends what it has at least this often.", least=0.01
    )

    heartbeat_seconds: float = setting(
        5.0,
        "A worker says this often how it is; it counts as gone after three times as long.",
        least=0.1,
        section="Health",
    )
    behind_after_seconds: float = setting(
        60.0, "A function whose messages wait longer than this is `behind`.", least=0
    )

    stream_workers: int = setting(
        1,
        "Worker processes of the stream function, in each replica.",
        least=1,
        section="Workers and replicas",
    )
    stream_replicas: int = setting(1, "Replicas of the stream function under Nuclio.", least=1)
    app_workers: int = setting(1, "Worker processes of an app, in each replica.", least=1)
    app_replicas: int = setting(1, "Replicas of an app under Nuclio.", least=1)
    writer_workers: int = setting(1, "Worker processes of the writer, in each replica.", least=1)
    writer_replicas: int = setting(1, "Replicas of the writer under Nuclio.", least=1)
    serving_workers: int = setting(1, "Worker processes of a serving function, in each replica.", least=1)
    serving_replicas: int = setting(1, "Replicas of a serving function under Nuclio.", least=1)

    http_host: str = setting(
        "127.0.0.1", "Address that embedded HTTP triggers listen on.", section="The embedded runner"
    )
    http_port: int = setting(
        0,
        "First port of embedded HTTP triggers, ModelMon's own aside; 0 takes any free one.",
        least=0,
        most=65_535,
    )
    log_max_bytes: int = setting(
        10 * 2**20,
        "A function's log in .modelmon/logs is begun anew at this many bytes; the one before is NAME.log.1.",
        least=1024,
    )
    unavailable_first_wait_seconds: float = setting(
        0.1,
        "First wait for a dependency that is down; doubles up to unavailable_max_wait_seconds.",
        least=0.001,
        section="Waiting for what is down",
    )
    unavailable_max_wait_seconds: float = setting(
        5.0, "Longest wait between two tries of a dependency that is down.", least=0.001
    )

    technologies: tuple[Any, ...] = ()
    """What is set of the settings that technologies declare; `of` reads them."""

    def __post_init__(self) -> None:
        if not PROJECT_NAME.fullmatch(self.project):
            raise ConfigError(
                f"project: {self.project!r} is not a project name; use lower-case letters, digits and '-' "
                "(at most 63, first and last a letter or digit)"
            )
        if "?" in self.project_dir:
            raise ConfigError(
                f"project_dir: {self.project_dir!r} holds a '?', which no database URL can name; move it"
            )
        for name in STREAM_SETTINGS:
            check_stream_address(name, getattr(self, name))
        check_template("app_stream", self.app_stream)
        check(self)

    @classmethod
    def load(
        cls, project_dir: str | Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any
    ) -> Settings:
        """Read the settings from `overrides`, the environment and the project's modelmon.yaml, in that order.

        Raises ConfigError for an unknown key, a value of the wrong type or one out of its range.
        """
        environ = os.environ if environ is None else environ
        folder = project_dir or environ.get(PREFIX + "PROJECT_DIR") or ""
        known = every_setting()
        credentials = [name for name, entry in known.items() if entry.metadata["credential"]]
        written = from_file(folder)
        values = {
            **written,
            **from_credentials(folder, credentials),
            **from_environment(environ, known),
            **overrides,
        }
        if folder and not written and "project" not in values:
            refuse_empty(Path(folder, FILE_NAME))
        if folder:
            values["project_dir"] = str(Path(folder).resolve())
        unknown = sorted(str(name) for name in values if name not in known)
        if unknown:
            raise ConfigError(unknown_setting(unknown[0], Path(folder, FILE_NAME) if folder else None, known))
        return _made({name: converted(known[name], value) for name, value in values.items()})

    def of(self, technology: type[Technology]) -> Technology:
        """The settings that one technology declares: `settings.of(KafkaSettings).kafka_timeout_seconds`."""
        return next((each for each in self.technologies if type(each) is technology), defaults()[technology])

    def value(self, name: str) -> Any:
        """The setting of this name, whoever declares it."""
        holders = (self, *self.technologies, *defaults().values())
        return next(getattr(each, name) for each in holders if hasattr(each, name))

    def changed(self, **values: Any) -> Settings:
        """The same settings but for these, whoever declares them."""
        return _made({name: self.value(name) for name in every_setting()} | values)

    def environment(self) -> dict[str, str]:
        """The settings that differ from their defaults, as environment variables for a function."""
        return {
            PREFIX + name.upper(): str(self.value(name))
            for name, entry in every_setting().items()
            if self.value(name) != entry.default
        }

    def location(self, setting: str) -> str:
        """Where `stream_path`, `samples_path`, `records_url`, `series_url` or `artifacts_path` is: the
        setting, or the embedded default under the project folder.

        Raises ConfigError when there is neither.
        """
        given: str = getattr(self, setting)
        if given:
            return given
        if setting == "series_url":
            return self.location("records_url")
        if not self.project_dir:
            raise ConfigError(
                f"{setting}: not set, and no project folder to take the default from; run inside a folder "
                f"with {FILE_NAME} (`modelmon init` writes one) or set {PREFIX}{setting.upper()}"
            )
        scheme, name = _EMBEDDED[setting]
        return f"{scheme}{Path(self.project_dir) / STATE_FOLDER / name}"

    def stream_url(self, stream: str) -> str:
        """URL of a stream given by name (joined to `stream_path`) or already by URL.

        Projects share Kafka's brokers: there a name gets the project's in front. A `kafka://` URL that
        names no topic means the project's events stream on those brokers.
        """
        if not stream.startswith(KAFKA) and "://" in stream:
            return stream
        if stream.startswith(KAFKA) and re.search(r"[/?].", stream.removeprefix(KAFKA)):
            return stream
        base, name = (
            (stream, self.events_stream) if "://" in stream else (self.location("stream_path"), stream)
        )
        prefix = f"{self.project}-" if base.startswith(KAFKA) else ""
        return f"{base}{'' if base.endswith('/') else '/'}{prefix}{name}"

    def consumer_group(self, group: str, stream: str) -> str:
        """What a group of this project is called where it reads a stream, given by name or URL; see
        `stream_url`."""
        address = stream if "://" in stream else self.stream_path
        return f"{self.project}-{group}" if address.startswith(KAFKA) else group

    @property
    def events_url(self) -> str:
        return self.stream_url(self.events_stream)

    @property
    def writer_url(self) -> str:
        return self.stream_url(self.writer_stream)

    def app_url(self, application_name: str) -> str:
        return self.stream_url(self.app_stream.format(name=application_name))


@cache
def every_setting() -> Mapping[str, Field[Any]]:
    """Every setting by its name, those of technologies last."""
    return {entry.name: entry for kind in (Settings, *technologies()) for entry in settings_of(kind)}


@cache
def secret_settings() -> frozenset[str]:
    """Settings that may hold a password or a key; see `is_secret`."""
    return frozenset(name for name, entry in every_setting().items() if entry.metadata["secret"])


def is_secret(name: str, value: str) -> bool:
    """Whether the setting's value is to be shown nowhere: a password, or an address that may hold one."""
    return name in secret_settings() and (name.endswith("_password") or may_hold_credential(value))


def _made(values: Mapping[str, Any]) -> Settings:
    """Settings of these values, the technologies' own among them."""

    def own(kind: type) -> dict[str, Any]:
        return {entry.name: values[entry.name] for entry in settings_of(kind) if entry.name in values}

    given = tuple(each for kind in technologies() if (each := kind(**own(kind))) != defaults()[kind])
    return Settings(**own(Settings), technologies=given)
