"""Datastore profiles, MLRun's way to name a broker or database with password, and what each means here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.model_monitoring.whole_folders import write_private
from modelmon.settings import Settings

FILE = "datastore_profiles.json"
_PASSED_ON = {
    "security_protocol": "kafka_security_protocol",
    "sasl_mechanism": "kafka_sasl_mechanism",
    "ssl_cafile": "kafka_ssl_cafile",
}
"""kafka-python's names in MLRun's `kwargs_public`, and our settings."""


@dataclass(frozen=True, slots=True)
class DatastoreProfileKafkaStream:
    """Brokers of Kafka, for `stream_profile_name`. ModelMon sees to topics, group and offsets itself."""

    kind: ClassVar[str] = "stream"
    name: str
    brokers: str | Sequence[str] = field(kw_only=True)
    topics: str | Sequence[str] = field(default=(), kw_only=True)
    group: str = field(default="", kw_only=True)
    initial_offset: str = field(default="earliest", kw_only=True)
    partitions: Any = field(default=None, kw_only=True)
    sasl_user: str | None = field(default=None, kw_only=True)
    sasl_pass: str | None = field(default=None, kw_only=True, repr=False)
    kwargs_public: Mapping[str, Any] | None = field(default=None, kw_only=True)
    kwargs_private: Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        brokers = self.brokers.split(",") if isinstance(self.brokers, str) else self.brokers
        if not brokers or not all(isinstance(each, str) and each for each in brokers):
            raise ConfigError(
                f"profile {self.name}: brokers: must be texts like 'host:9092', got {brokers!r}"
            )
        if self.kwargs_private:
            raise ConfigError(f"profile {self.name}: kwargs_private is not supported here; leave it out")
        for name in self.kwargs_public or {}:
            if name not in _PASSED_ON:
                raise ConfigError(
                    f"profile {self.name}: kwargs_public: {name!r} is not supported here; "
                    f"there are {', '.join(_PASSED_ON)}"
                )

    def settings(self) -> dict[str, str]:
        """The settings that it stands for."""
        brokers = self.brokers if isinstance(self.brokers, str) else ",".join(self.brokers)
        found = {"stream_path": f"kafka://{brokers}"}
        if self.sasl_user:
            protocol = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN"}
            found |= {**protocol, "kafka_sasl_username": self.sasl_user}
        if self.sasl_pass:
            found["kafka_sasl_password"] = self.sasl_pass
        return found | {_PASSED_ON[name]: str(value) for name, value in (self.kwargs_public or {}).items()}


DatastoreProfileKafkaSource = DatastoreProfileKafkaStream
"""The name before MLRun 1.9."""


@dataclass(frozen=True, slots=True)
class DatastoreProfilePostgreSQL:
    """A PostgreSQL database, for `tsdb_profile_name`: the series go there."""

    kind: ClassVar[str] = "tsdb"
    name: str
    user: str = field(kw_only=True)
    password: str | None = field(default=None, kw_only=True, repr=False)
    host: str = field(kw_only=True)
    port: int = field(default=5432, kw_only=True)
    database: str = field(default="postgres", kw_only=True)

    def __post_init__(self) -> None:
        _check_name(self.name)
        for name in ("user", "host", "database"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ConfigError(f"profile {self.name}: {name}: must be a text, got {getattr(self, name)!r}")
        if not isinstance(self.port, int) or not 0 < self.port < 65_536:
            raise ConfigError(f"profile {self.name}: port: must be a number up to 65535, got {self.port!r}")

    def settings(self) -> dict[str, str]:
        """The settings that it stands for."""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        place = f"{self.host}:{self.port}/{quote(self.database, safe='')}"
        return {"series_url": f"postgresql://{quote(self.user, safe='')}{password}@{place}"}


Profile = DatastoreProfileKafkaStream | DatastoreProfilePostgreSQL
_KINDS: Mapping[str, type[Profile]] = {
    each.kind: each for each in (DatastoreProfileKafkaStream, DatastoreProfilePostgreSQL)
}


def register(settings: Settings, profile: object) -> Profile:
    """Keep a profile in `.modelmon`, where only its owner can read it; one of the same name is replaced."""
    if not isinstance(profile, Profile):
        raise ConfigError(
            "profile: must be a DatastoreProfileKafkaStream or DatastoreProfilePostgreSQL of "
            f"modelmon.datastore, got a {type(profile).__module__}.{type(profile).__name__}"
        )
    others = [each for each in registered(settings) if each.name != profile.name]
    _write(settings, [*others, profile])
    return profile


def registered(settings: Settings) -> list[Profile]:
    """The project's profiles, by name."""
    path = _path(settings)
    try:
        entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        found = [_KINDS[entry.pop("kind")](**entry) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{path} can't be read ({type(error).__name__}): remove it and register the profiles again"
        ) from None
    return sorted(found, key=lambda profile: profile.name)


def get(settings: Settings, name: object) -> Profile:
    """The profile of this name; ConfigError when there is none."""
    known = {profile.name: profile for profile in registered(settings)}
    if not isinstance(name, str) or name not in known:
        there = ", ".join(known) or "none"
        raise ConfigError(f"no datastore profile {name!r} was registered in this project; there are: {there}")
    return known[name]


def delete(settings: Settings, name: object) -> None:
    """Forget a profile; ConfigError when there is none. What it was used for stays set."""
    gone = get(settings, name)
    _write(settings, [each for each in registered(settings) if each.name != gone.name])


def settings_for(settings: Settings, argument: str, kind: str, name: str | None) -> dict[str, str]:
    """The settings that the profile stands for which a caller named; {} for None."""
    if name is None:
        return {}
    profile = get(settings, name)
    if profile.kind != kind:
        wanted = _KINDS[kind].__name__
        raise ConfigError(f"{argument}: must name a {wanted}, {name!r} is a {type(profile).__name__}")
    return profile.settings()


def _write(settings: Settings, profiles: Sequence[Profile]) -> None:
    entries = [{"kind": profile.kind, **asdict(profile)} for profile in profiles]
    write_private(_path(settings), json.dumps(entries, indent=1).encode())


def _path(settings: Settings) -> Path:
    return state_folder(Path(settings.project_dir)) / FILE


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigError(f"profile: name: must be a text, got {name!r}")
