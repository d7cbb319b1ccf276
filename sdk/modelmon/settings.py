"""Every setting, with its default, unit and meaning. docs/reference/settings.md is checked against this file.

A setting `grace_seconds` is read from the environment as MODELMON_GRACE_SECONDS, else from the
project folder's `modelmon.yaml` under `grace_seconds`, else it has its default. Locations given as
credentials (`.modelmon/credentials.json`, written by the project SDK) win over `modelmon.yaml`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from modelmon.errors import ConfigError
from modelmon.secrecy import may_hold_credential, shown_address
from modelmon.sources import CREDENTIALS_NAME as CREDENTIALS_NAME
from modelmon.sources import FILE_NAME as FILE_NAME
from modelmon.sources import PREFIX as PREFIX
from modelmon.sources import STATE_FOLDER as STATE_FOLDER
from modelmon.sources import from_credentials, from_environment, from_file

KAFKA = "kafka://"
_EMBEDDED = {
    "stream_path": ("sqlite:///", "streams"),
    "samples_path": ("", "samples"),
    "records_url": ("sqlite:///", "records.db"),
    "artifacts_path": ("", "artifacts"),
}
CREDENTIAL_SETTINGS = (
    "stream_path", "records_url", "series_url", "kafka_security_protocol", "kafka_sasl_mechanism",
    "kafka_sasl_username", "kafka_sasl_password", "kafka_ssl_cafile",
)  # fmt: skip
"""Settings that may hold a password, or belong to one: kept in a file of their own and never shown."""
PROJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME = re.compile(r"[\w-]{1,64}")
APP_NAME = re.compile(r"[a-zA-Z0-9_-]+")
STREAM_SETTINGS = ("stream_path", "events_stream", "app_stream", "writer_stream", "nuclio_brokers")
WITH_FOLDERS = ("sqlite:///", "memory://")  # streams whose address holds no host, so an @ is a letter there


def _setting(
    default: Any,
    doc: str,
    *,
    least: float | None = None,
    most: float = float("inf"),
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    metadata = {"doc": doc, "least": least, "most": most, "choices": choices, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one project; make one with `Settings.load`."""

    project: str = _setting("default", "Name of the project: lower-case letters, digits and '-'.")
    project_dir: str = _setting(
        "", "Folder that holds modelmon.yaml and, under .modelmon/, the embedded state."
    )

    stream_path: str = _setting(
        "",
        "Where streams live: sqlite:///folder, kafka://host:9092, memory://. Empty: in the project folder.",
        secret=True,
    )
    events_stream: str = _setting("events", "Name or URL of the stream of serving events.")
    app_stream: str = _setting("app-{name}", "Name or URL of an app's stream; {name} is the app.")
    writer_stream: str = _setting("writer", "Name or URL of the stream of reports.")
    events_partitions: int = _setting(2, "Partitions of the events stream when it is created.", least=1)
    app_partitions: int = _setting(1, "Partitions of an app's stream when it is created.", least=1)
    writer_partitions: int = _setting(1, "Partitions of the writer's stream when it is created.", least=1)

    samples_path: str = _setting(
        "",
        "Folder or fsspec URL (s3://…) of the Parquet samples. Empty: under the project folder.",
        secret=True,
    )
    records_url: str = _setting(
        "",
        "URL of the database of the records and the ledger: postgresql://user@host/name, mysql://…, "
        "sqlite:///file. Empty: SQLite under the project folder.",
        secret=True,
    )
    series_url: str = _setting(
        "", "URL of the database of the time series. Empty: the same as the records.", secret=True
    )
    sql_password: str = _setting(
        "",
        "Password of the user that records_url and series_url name without one; never shown.",
        secret=True,
    )
    sql_timeout_seconds: float = _setting(
        120.0,
        "A database server that does not answer for this long is unavailable; locks are waited for 30 s.",
        least=1,
    )
    artifacts_path: str = _setting(
        "", "Folder or fsspec URL of what apps log. Empty: under the project folder.", secret=True
    )
    durability: str = _setting(
        "power",
        "power: fsync every write; process: survives kill -9, not a power cut.",
        choices=("power", "process"),
    )

    base_period: int = _setting(10, "Length of an analysis window, minutes.", least=1)
    grace_seconds: float = _setting(30.0, "How long a window waits for stragglers after its end.", least=0)
    future_seconds: float = _setting(300.0, "Events further in the future than this are set aside.", least=0)

    batch_max_events: int = _setting(10_000, "A batch is cut at this many messages.", least=1)
    batch_max_bytes: int = _setting(
        64 * 2**20, "A batch is cut at this many bytes of message bodies.", least=1
    )
    buffer_max_bytes: int = _setting(
        256 * 2**20, "The stream function takes no more messages while it holds this many bytes.", least=1
    )
    flush_after_seconds: float = _setting(
        1.0, "A batch is cut when its oldest message has waited this long.", least=0
    )
    batch_tries: int = _setting(
        3, "A batch that could not be written after this many starts is halved.", least=1
    )

    controller_interval_seconds: float = _setting(
        5.0, "Time between two ticks of the controller in the embedded runner.", least=0.1
    )
    maintenance_seconds: float = _setting(
        2.0, "Time that one tick may spend on compaction and retention.", least=0
    )
    compact_min_files: int = _setting(8, "A closed hour with at least this many files is compacted.", least=2)
    stream_retention_hours: float = _setting(
        72.0,
        "Messages of an embedded stream that every group has read are deleted after this long; 0 keeps them. "
        "A stream that is named by URL keeps everything.",
        least=0,
    )
    stream_max_bytes: int = _setting(
        4 * 2**30,
        "An embedded stream that takes more loses what every group has read earlier, the oldest first; 0: no "
        "limit.",
        least=0,
    )
    retention_days: float = _setting(
        0.0, "Samples, series and closed windows older than this are deleted; 0 keeps them.", least=0
    )

    app_attempts: int = _setting(3, "How often an app may try a window before it is marked failed.", least=1)
    app_retry_seconds: float = _setting(
        10.0, "Wait before a failed window is sent again; doubles each time.", least=0
    )
    app_min_rows: int = _setting(
        50, "Below this many rows, or rows of the training set, there is no drift verdict.", least=1
    )

    publish_buffer_events: int = _setting(
        10_000, "The publisher of a model server holds at most this many events.", least=1
    )
    publish_buffer_bytes: int = _setting(
        64 * 2**20,
        "The publisher of a model server holds requests and answers of at most this many bytes.",
        least=1,
    )
    publish_flush_seconds: float = _setting(
        1.0, "The publisher sends what it has at least this often.", least=0.01
    )

    heartbeat_seconds: float = _setting(
        5.0, "A worker says this often how it is; it counts as gone after three times as long.", least=0.1
    )
    behind_after_seconds: float = _setting(
        60.0, "A function whose messages wait longer than this is `behind`.", least=0
    )

    stream_workers: int = _setting(1, "Worker processes of the stream function, in each replica.", least=1)
    stream_replicas: int = _setting(1, "Replicas of the stream function under Nuclio.", least=1)
    app_workers: int = _setting(1, "Worker processes of an app, in each replica.", least=1)
    app_replicas: int = _setting(1, "Replicas of an app under Nuclio.", least=1)
    writer_workers: int = _setting(1, "Worker processes of the writer, in each replica.", least=1)
    writer_replicas: int = _setting(1, "Replicas of the writer under Nuclio.", least=1)
    serving_workers: int = _setting(1, "Worker processes of a serving function, in each replica.", least=1)
    serving_replicas: int = _setting(1, "Replicas of a serving function under Nuclio.", least=1)

    platform: str = _setting(
        "embedded",
        "What functions are deployed to: `modelmon up` (embedded), Nuclio on Docker (local) or on Kubernetes "
        "(kube).",
        choices=("embedded", "local", "kube"),
    )
    nuclio_project: str = _setting("", "Nuclio's project of the functions. Empty: the project's name.")
    nuclio_namespace: str = _setting("nuclio", "Namespace that the functions are deployed to.")
    nuclio_registry: str = _setting("", "Registry that images are pushed to. Empty: none, or NUCTL_REGISTRY.")
    nuclio_run_registry: str = _setting("", "Registry that images are pulled from. Empty: the same.")
    nuclio_brokers: str = _setting(
        "", "Kafka's host:port as functions under Nuclio reach it. Empty: the hosts of stream_path."
    )
    nuclio_secret: str = _setting("modelmon", "Kubernetes Secret that holds the passwords and certificates.")
    nuclio_wheel: str = _setting(
        "", "ModelMon's wheel that functions under Nuclio install. Empty: packed from the installed one."
    )

    http_host: str = _setting("127.0.0.1", "Address that embedded HTTP triggers listen on.")
    http_port: int = _setting(
        0,
        "First port of embedded HTTP triggers, ModelMon's own aside; 0 takes any free one.",
        least=0,
        most=65_535,
    )
    log_max_bytes: int = _setting(
        10 * 2**20,
        "A function's log in .modelmon/logs is begun anew at this many bytes; the one before is NAME.log.1.",
        least=1024,
    )
    unavailable_first_wait_seconds: float = _setting(
        0.1,
        "First wait for a dependency that is down; doubles up to unavailable_max_wait_seconds.",
        least=0.001,
    )
    unavailable_max_wait_seconds: float = _setting(
        5.0, "Longest wait between two tries of a dependency that is down.", least=0.001
    )

    kafka_replication: int = _setting(
        0, "Copies of each partition of a topic that is created; 0: the broker's default.", least=0
    )
    kafka_missing_topic: str = _setting(
        "create",
        "A topic that does not exist: create it, or refuse to go on. A process creates a topic once at most; "
        "workers of `modelmon up` that are started again refuse.",
        choices=("create", "refuse"),
    )
    kafka_max_message_bytes: int = _setting(
        8 * 2**20, "A topic that is created takes messages and batches of at most this size.", least=1024
    )
    kafka_compression: str = _setting(
        "none",
        "How messages are compressed; gzip needs no library of its own.",
        choices=("none", "gzip", "lz4", "snappy", "zstd"),
    )
    kafka_timeout_seconds: float = _setting(
        10.0, "How long a call waits for Kafka before it is unavailable.", least=0.1
    )
    kafka_retention_hours: float = _setting(
        0.0,
        "As stream_retention_hours, for topics of the project; 0 leaves them to the brokers. Groups that the "
        "user may not see don't count.",
        least=0,
    )
    kafka_session_seconds: float = _setting(
        10.0, "A consumer that is silent for this long has died: its partitions go to others.", least=0.1
    )
    kafka_security_protocol: str = _setting(
        "PLAINTEXT",
        "How Kafka is talked to.",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    kafka_sasl_mechanism: str = _setting(
        "",
        "How we say who we are, with SASL_PLAINTEXT and SASL_SSL.",
        choices=("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    )
    kafka_sasl_username: str = _setting("", "User that Kafka knows us by.")
    kafka_sasl_password: str = _setting("", "The user's password; never shown.", secret=True)
    kafka_ssl_cafile: str = _setting(
        "", "PEM file of who signed the brokers' certificates; empty: the system's."
    )
    kafka_ssl_certfile: str = _setting("", "PEM file of our own certificate, where the brokers ask for one.")
    kafka_ssl_keyfile: str = _setting("", "PEM file of its private key.")

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
        _check_template("app_stream", self.app_stream)
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), entry.metadata)

    @classmethod
    def load(
        cls, project_dir: str | Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any
    ) -> Settings:
        """Read the settings from `overrides`, the environment and the project's modelmon.yaml, in that order.

        Raises ConfigError for an unknown key, a value of the wrong type or one out of its range.
        """
        environ = os.environ if environ is None else environ
        folder = project_dir or environ.get(PREFIX + "PROJECT_DIR") or ""
        hints = get_type_hints(cls)
        written = from_file(folder)
        values = {
            **written,
            **from_credentials(folder, CREDENTIAL_SETTINGS),
            **from_environment(environ, hints),
            **overrides,
        }
        if folder and not written and "project" not in values:
            _refuse_empty(Path(folder, FILE_NAME))
        if folder:
            values["project_dir"] = str(Path(folder).resolve())
        unknown = sorted(str(name) for name in values if name not in hints)
        if unknown:
            raise ConfigError(_unknown(unknown[0], Path(folder, FILE_NAME) if folder else None, hints))
        return cls(**{name: _convert(name, value, hints[name]) for name, value in values.items()})

    def environment(self) -> dict[str, str]:
        """The settings that differ from their defaults, as environment variables for a function."""
        return {
            PREFIX + entry.name.upper(): str(getattr(self, entry.name))
            for entry in fields(self)
            if getattr(self, entry.name) != entry.default
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


def is_secret(name: str, value: str) -> bool:
    """Whether the setting's value is to be shown nowhere: a password, or an address that may hold one."""
    return name in SECRET_SETTINGS and (name.endswith("_password") or may_hold_credential(value))


def _refuse_empty(file: Path) -> None:
    """ConfigError for a modelmon.yaml that has lost what it said: its project would become another one."""
    if file.is_file():
        raise ConfigError(f"{file} is empty; write `project: NAME` into it, the project's name")


def _unknown(name: str, file: Path | None, known: Iterable[str]) -> str:
    """What is said of a setting that does not exist; `file` is where settings are written, if anywhere."""
    where = f"{file}: " if file is not None and file.is_file() else ""
    if not NAME.fullmatch(name):  # `password:secret` without a space is a name to YAML
        return f"{where}unknown setting: a line without `name: value`"
    close = get_close_matches(name.lower(), known, n=1)
    mend = f"did you mean {close[0]}?" if close else "docs/reference/settings.md lists them"
    return f"{where}unknown setting {name!r}; {mend}"


def _convert(name: str, value: Any, kind: type) -> Any:
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    if kind is str and value is None:
        return ""
    if name in SECRET_SETTINGS:  # as a number it would be another one: 0123 is 83
        raise ConfigError(f"{name}: expected str, got {type(value).__name__}; quote it")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{name}: expected {kind.__name__}, got {value!r}")
    try:
        converted = kind(value)
        if kind is int and float(value) != converted:
            raise ValueError("a part of a whole")
        return converted
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{name}: expected {kind.__name__}, got {value!r}") from error


def _check(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    least, choices = metadata["least"], metadata["choices"]
    if least is not None and not least <= value < float("inf"):
        raise ConfigError(f"{name}: must be a number of at least {least}, got {value!r}")
    if least is not None and value > metadata["most"]:
        raise ConfigError(f"{name}: must be a number from {least} to {metadata['most']}, got {value!r}")
    if choices and value not in choices:
        known = ", ".join(filter(None, choices)) + (" or empty" if "" in choices else "")
        raise ConfigError(f"{name}: must be one of {known}, got {value!r}")


def _check_template(name: str, value: str) -> None:
    """ConfigError unless {name}, and no other field, can be put in."""
    try:
        found = [tuple(part[1:]) for part in Formatter().parse(value) if part[1] is not None]
    except ValueError:
        found = [("", "", None)]
    if set(found) - {("name", "", None)}:
        raise ConfigError(
            f"{name}: the only braces that it may have are {{name}}, which is the app's name; "
            f"got {shown_address(value)!r}"
        )


def check_stream_address(name: str, value: str) -> None:
    """ConfigError for credentials in a stream's address: too many read it. It shows nothing of them.

    For an address that is none, too.
    """
    if "@" in value and not value.startswith(WITH_FOLDERS):
        raise ConfigError(
            f"{name}: has an '@', but credentials don't belong in a stream's address; set "
            "kafka_sasl_username and kafka_sasl_password, and write kafka://host:9092"
        )
    if value.startswith(KAFKA) and not value.removeprefix(KAFKA).strip("/, "):
        raise ConfigError(f"{name}: names no broker; write kafka://host:9092")
    try:
        urlsplit(value)
    except ValueError:
        raise ConfigError(
            f"{name}: is no address, its brackets don't match; write kafka://host:9092"
        ) from None


SECRET_SETTINGS = tuple(entry.name for entry in fields(Settings) if entry.metadata["secret"])
"""Settings that may hold a password or a key; see `is_secret`."""
