"""What is deployed where: the settings as they hold inside a function under Nuclio."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from modelmon.deploying.addresses import V3IO, check_files, check_names, check_streams, read_brokers
from modelmon.deploying.nuclio_settings import NuclioSettings
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import KUBE, LOCAL, PLATFORMS
from modelmon.secrecy import shown_address
from modelmon.settings import KAFKA, STATE_FOLDER, Settings

DEFAULT_BROKERS = ("kafka:9092",)
FLUSH_AFTER_SECONDS = 30.0  # files of a cluster are worth waiting for
MOUNTED_PROJECT = "/modelmon"  # where a container finds the project's state
SECRETS_FOLDER = "secrets"


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings` as the functions get them, `platform` Nuclio's name of where to, `brokers` Kafka's.

    `state` is the folder of this machine that containers share, None where servers hold the state.
    `has_streams` says whether somebody named the streams, or the brokers are only the usual ones.
    The controller ticks every `tick_minutes`.
    """

    settings: Settings
    platform: str
    brokers: tuple[str, ...]
    project_dir: str
    state: Path | None
    has_streams: bool
    tick_minutes: int

    @property
    def nuclio(self) -> NuclioSettings:
        return self.settings.of(NuclioSettings)

    @property
    def nuclio_project(self) -> str:
        return self.nuclio.nuclio_project or self.settings.project

    @property
    def on_v3io(self) -> bool:
        return self.settings.stream_path.startswith(V3IO)

    @property
    def secrets_folder(self) -> Path:
        """Where this machine keeps what containers on Docker mount as their secrets."""
        return Path(self.project_dir).absolute() / STATE_FOLDER / SECRETS_FOLDER


def make_plan(
    settings: Settings, platform: str = "", brokers: str = "", tick_minutes: int | None = None
) -> Plan:
    """The plan for `platform` (empty: the setting, on Kubernetes if that is embedded).

    `brokers` are host:port as the functions reach them, with commas between; empty: the setting, else
    those of `stream_path`. `tick_minutes` is by default the base period.
    Raises ConfigError for another platform, and for a setting that can't work there.
    """
    platform = platform or (settings.platform if settings.platform in PLATFORMS else KUBE)
    if platform not in PLATFORMS:
        raise ConfigError(f"--platform: must be one of {', '.join(PLATFORMS)}, got {platform!r}")
    check_names(settings)
    check_files(settings, platform)
    named = (
        ("--brokers", brokers) if brokers else ("nuclio_brokers", settings.of(NuclioSettings).nuclio_brokers)
    )
    brokers = named[1]
    hosts = read_brokers(*named) or _brokers_of(settings.stream_path)
    has_streams = bool(brokers) or settings.stream_path.startswith((KAFKA, V3IO))
    project_dir = settings.project_dir
    state = Path(project_dir).absolute() / STATE_FOLDER if _shares_state(settings, platform) else None
    inside = _inside(settings, hosts, state)
    check_streams(inside)
    return Plan(
        inside, platform, hosts, project_dir, state, has_streams, tick_minutes or settings.base_period
    )


def out_of_reach(plan: Plan) -> Iterator[str]:
    """What of the settings a function on this platform could not find: the setting, and what would do."""
    settings = plan.settings
    if not plan.has_streams:
        yield "stream_path: Nuclio reads Kafka or V3IO; write kafka://host:9092, or name brokers by --brokers"
    if plan.state is None and not settings.records_url:
        where = "on Docker outside a project" if plan.platform == LOCAL else "on Kubernetes"
        yield f"records_url: not set, and {where} functions share no folder; name a server, postgresql://…"
    for name in ("records_url", "series_url"):
        if getattr(settings, name).startswith("sqlite"):
            yield f"{name}: a SQLite file of this machine is not in the functions' containers; name a server"
    for name in ("samples_path", "artifacts_path", "actuals_path"):
        value = settings.value(name)
        if name == "actuals_path" and not value:  # beside the samples
            continue
        if "://" not in value and (value or plan.state is None):
            yield f"{name}: {shown_address(value)!r} is no folder that all functions share; write for example s3://bucket/folder"


def _shares_state(settings: Settings, platform: str) -> bool:
    """On Docker, the containers of a project mount its folder for what no server holds."""
    elsewhere = settings.records_url and settings.samples_path and settings.artifacts_path
    return platform == LOCAL and bool(settings.project_dir) and not elsewhere


def _inside(settings: Settings, brokers: tuple[str, ...], state: Path | None) -> Settings:
    changed: dict[str, str | float] = {
        "project_dir": MOUNTED_PROJECT if state else "",
        "platform": "embedded",
    }
    if settings.flush_after_seconds == Settings().flush_after_seconds:
        changed["flush_after_seconds"] = FLUSH_AFTER_SECONDS
    if not settings.stream_path.startswith(V3IO):
        changed["stream_path"] = KAFKA + ",".join(brokers)
    return settings.changed(**changed)


def _brokers_of(stream_path: str) -> tuple[str, ...]:
    if not stream_path.startswith(KAFKA):
        return DEFAULT_BROKERS
    return read_brokers("stream_path", urlsplit(stream_path).netloc.rpartition("@")[2]) or DEFAULT_BROKERS


def run_as() -> dict[str, int]:
    """The user whose files the state folder holds: containers work as the same one."""
    return {"runAsUser": os.getuid(), "runAsGroup": os.getgid()}
