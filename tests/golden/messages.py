"""The golden messages of this folder and what they read as, in a form that JSON can hold."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec

GOLDEN = Path(__file__).parent / "wire"
EVENTS = sorted(
    path.stem for path in GOLDEN.glob("*.json") if not path.stem.startswith(("app_event", "report"))
)
APP_EVENTS = ("app_event", "app_event_mlrun")
REPORTS = ("report", "report_mlrun", "report_artifacts", "report_sums", "report_sums_chosen")


def message(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def expected(name: str) -> Any:
    return msgspec.json.decode((GOLDEN / "read" / f"{name}.json").read_bytes())


def plain(value: Any) -> Any:
    """A value as JSON has it; a Struct says its own name, NaN and bytes stay visible."""
    if isinstance(value, msgspec.Struct):
        fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__ if name != "body"}
        return {"is": type(value).__name__, **fields}
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return f"bytes {base64.b64encode(value).decode()}"
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return f"float {value}"
    return value.isoformat() if hasattr(value, "isoformat") else value
