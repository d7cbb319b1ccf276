"""Where the streams and databases are, with their passwords: kept in a file of the owner's alone."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from modelmon.errors import ConfigError
from modelmon.function_spec.folders import state_folder
from modelmon.model_monitoring.whole_folders import write_private
from modelmon.project.functions import is_deployed
from modelmon.project.names import CONTROLLER
from modelmon.project.profiles import settings_for
from modelmon.settings import CREDENTIALS_NAME, Settings, check_stream_address
from modelmon.streams import BACKENDS

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
ACCESS_KEY = "access_key"


def set_credentials(
    settings: Settings,
    *,
    access_key: str | None,
    stream_path: str | None,
    endpoint_store_connection: str | None,
    tsdb_connection: str | None,
    tsdb_profile_name: str | None = None,
    stream_profile_name: str | None = None,
    replace: bool,
) -> None:
    """Check and store what was given. No message of an error holds any of it."""
    named = settings_for(settings, "stream_profile_name", "stream", stream_profile_name)
    named |= settings_for(settings, "tsdb_profile_name", "tsdb", tsdb_profile_name)
    given = {
        ACCESS_KEY: _text(ACCESS_KEY, access_key),
        "stream_path": _url("stream_path", stream_path, tuple(sorted(BACKENDS))),
        "records_url": _url("endpoint_store_connection", endpoint_store_connection, DATABASES),
        "series_url": _url("tsdb_connection", tsdb_connection, DATABASES),
    }
    found = {**named, **{name: value for name, value in given.items() if value is not None}}
    if not found:
        raise ConfigError(
            "set_model_monitoring_credentials: give at least one of access_key, stream_path, "
            "endpoint_store_connection, tsdb_connection, tsdb_profile_name, stream_profile_name"
        )
    if is_deployed(settings, CONTROLLER):
        raise ConfigError(
            "credentials come before monitoring: call disable_model_monitoring(), set them, enable it again"
        )
    path = state_folder(Path(settings.project_dir)) / CREDENTIALS_NAME
    before = _read(path)
    changed = sorted(name for name, value in found.items() if before.get(name, value) != value)
    if changed and not replace:
        raise ConfigError(
            f"{changed[0]} is set already, to something else: replace_creds=True replaces it "
            "(what was stored there stays behind)"
        )
    write_private(path, json.dumps({**before, **found}, indent=1).encode())


def _text(name: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value and "\0" not in value):
        return value
    raise ConfigError(f"{name}: must be a text, got a {type(value).__name__}, or an empty or broken one")


def _url(name: str, value: object, schemes: tuple[str, ...]) -> str | None:
    text = _text(name, value)
    if text is None:
        return None
    try:
        scheme = urlsplit(text).scheme.partition("+")[0]
    except ValueError:
        scheme = ""
    if scheme not in schemes or "://" not in text:
        known = ", ".join(f"{each}://" for each in schemes)
        raise ConfigError(
            f"{name}: must be a URL that starts with {known}"
            + (f", got the scheme {scheme!r}" if "://" in text and scheme else "")
        )
    if name == "stream_path":
        check_stream_address(name, text)
    return text


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return dict(content)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} can't be read ({type(error).__name__}): remove it and set them again"
        ) from None
