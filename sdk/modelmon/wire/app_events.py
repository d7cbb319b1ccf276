"""App events: the controller tells an app which window of which endpoint to judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.errors import RejectedError
from modelmon.model import APP_NAME, Window, WindowKey, to_us
from modelmon.wire.decoding import LARGEST_INTEGER, decode_any
from modelmon.wire.identity import check_endpoint_id, check_name, check_text, shown
from modelmon.wire.times import read_window, window_fields


@dataclass(frozen=True, slots=True)
class AppEvent:
    """One window to judge.

    `window_revision` is 0 in an event that MLRun made. `window_incomplete` is a sum: 1, the data begin inside
    the window; 2, they end inside it; 4 beside these, silence of a period follows. `endpoint_updated` is an
    ISO text or "".
    """

    endpoint_id: str
    endpoint_name: str
    application_name: str
    window: Window
    window_revision: int = 0
    window_incomplete: int = 0
    project: str = ""
    endpoint_updated: str = ""

    @property
    def key(self) -> WindowKey:
        return WindowKey(self.endpoint_id, self.application_name, to_us(self.window.start))


def write_app_event(event: AppEvent) -> bytes:
    """One message of an app's stream; its key is the endpoint id."""
    return msgspec.json.encode(
        {
            **window_fields(event.window),
            "endpoint_id": event.endpoint_id,
            "endpoint_name": event.endpoint_name,
            "endpoint_updated": event.endpoint_updated,
            "application_name": event.application_name,
            "project": event.project,
            "window_revision": event.window_revision,
            "window_incomplete": event.window_incomplete,
        }
    )


def read_app_event(body: bytes) -> AppEvent:
    """The event of one message, ours or MLRun's. Raises RejectedError naming the field."""
    value = decode_any(body)
    if not isinstance(value, dict):
        raise RejectedError(f"an app event is a JSON object, got {shown(value)}")
    revision = read_count(value, "window_revision")
    return AppEvent(
        endpoint_id=check_endpoint_id(value.get("endpoint_id")),
        endpoint_name=check_name(value.get("endpoint_name"), "endpoint_name"),
        application_name=read_application_name(value),
        window=read_window(
            value.get("start_infer_time"),
            value.get("end_infer_time"),
            inclusive="window_revision" not in value,
        ),
        window_revision=revision,
        window_incomplete=read_count(value, "window_incomplete", most=7),
        project=_text(value, "project"),
        endpoint_updated=_text(value, "endpoint_updated"),
    )


def read_application_name(value: dict[str, Any]) -> str:
    """The name of the app that a message is for or from."""
    name = check_name(value.get("application_name"), "application_name")
    if not APP_NAME.fullmatch(name):
        raise RejectedError(f"has only letters, digits, '_' and '-', got {shown(name)}", "application_name")
    return name


def read_count(value: dict[str, Any], field: str, *, most: int = LARGEST_INTEGER) -> int:
    """A whole number from 0 on; 0 when it is absent."""
    found = value.get(field, 0)
    if type(found) is int and 0 <= found <= most:
        return found
    raise RejectedError(f"must be a whole number from 0 to {most}, got {shown(found)}", field)


def _text(value: dict[str, Any], field: str) -> str:
    found = value.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise RejectedError(f"must be a text, got {shown(found)}", field)
    return check_text(found, field)
