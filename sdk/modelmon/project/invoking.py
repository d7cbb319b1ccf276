"""Calling a running function over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelmon.deploying.procedure import address
from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.function_spec.folders import address_file
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.local.runner_state import is_running
from modelmon.settings import Settings

JSON = "application/json"
_on_nuclio: dict[tuple[str, str], str] = {}
"""(project, function) to its address: nuctl needs a second to say it."""


def invoke(
    settings: Settings,
    function: str,
    path: str = "",
    body: Any = None,
    method: str = "",
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 30.0,
) -> Any:
    """What the function answers: parsed JSON, text, or bytes of another content type.

    A request with a body is a POST, one without a GET, unless `method` says otherwise. Raises
    UnavailableError when the function is not running, RejectedError for an answer of 400 or above.
    """
    if not isinstance(path, str):
        raise ConfigError(f"path: must be a text like '/v2/models/<model>/infer', got {path!r}")
    sent, content_type = _encoded(body)
    where = _address(settings, function)
    host, slash, folder = where.partition("/")  # an ingress may have a path of its own
    connection = http.client.HTTPConnection(host, timeout=timeout_seconds)
    target = f"{slash}{folder}".rstrip("/") + (path if path.startswith("/") else f"/{path}")
    try:
        connection.request(
            method or ("GET" if sent is None else "POST"), target, sent, {**content_type, **(headers or {})}
        )
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        _on_nuclio.pop((settings.project_dir, function), None)  # it may have another address by now
        raise UnavailableError(
            f"function {function!r} does not answer at {where} ({error}): {_runs_it(settings)}"
        ) from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise RejectedError(f"{target} answered {answer.status}: {content.decode(errors='replace')}")
    return _decoded(content, answer.headers.get_content_type())


def _address(settings: Settings, function: str) -> str:
    if settings.platform != EMBEDDED:
        place = settings.project_dir, function
        if place not in _on_nuclio:
            _on_nuclio[place] = address(settings, function)
        return _on_nuclio[place]
    try:
        return address_file(Path(settings.project_dir), function).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise UnavailableError(
            f"function {function!r} is not running: start `modelmon up` in {settings.project_dir}, "
            "after deploying it"
        ) from None


def _runs_it(settings: Settings) -> str:
    if settings.platform == EMBEDDED and not is_running(Path(settings.project_dir)):
        return "`modelmon up` is not running; start it"
    if settings.platform == EMBEDDED:
        return "`modelmon functions` says how it is"
    return "`modelmon health` says how the functions are"


def _encoded(body: Any) -> tuple[bytes | None, dict[str, str]]:
    if body is None:
        return None, {}
    if isinstance(body, bytes):
        return body, {}
    if isinstance(body, str):
        return body.encode(), {}
    try:
        return json.dumps(body).encode(), {"Content-Type": JSON}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"body: must be bytes, text or JSON values: {error}") from error


def _decoded(content: bytes, content_type: str) -> Any:
    if content_type == JSON:
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError:
            return json.loads(content)  # NaN and the like
    return content.decode() if content_type.startswith("text/") else content
