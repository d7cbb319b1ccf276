"""A message as JSON to any system, signed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from modelmon.notify.message import Message
from modelmon.notify.posting import post
from modelmon.notify.signing import signature_headers

TYPE = "modelmon.incidents"


def payload(message: Message) -> dict[str, Any]:
    """What is sent: documented, and stable but for new keys."""
    return {
        "type": TYPE,
        "timestamp": datetime.fromisoformat(message.at).isoformat(),
        "data": {
            "message_id": message.message_id, "project": message.project, "title": message.title,
            "severity": message.severity, "link": message.link, "more": message.more,
            "incidents": [
                {
                    "incident_id": line.incident_id, "what": line.what, "severity": line.severity,
                    "kind": line.kind, "rule": line.rule, "endpoint": line.endpoint,
                    "application": line.application, "found": line.found, "facts": dict(line.facts),
                    "todo": line.todo, "link": line.link, "report": line.report,
                }
                for line in message.lines
            ],
        },
    }  # fmt: skip


def send_webhook(address: str, message: Message, secrets: Sequence[str], headers: Mapping[str, str]) -> None:
    """Raises LaterError and RefusedError. Without a secret it is not signed."""
    body = msgspec.json.encode(payload(message))
    post_signed(address, body, message.message_id, secrets, headers)


def post_signed(
    address: str, body: bytes, identity: str, secrets: Sequence[str], headers: Mapping[str, str]
) -> str:
    """A body of JSON, whatever it says, under an id by which it is known again; returns as `post`."""
    own = {"Content-Type": "application/json"}
    if secrets:
        own |= signature_headers(body, identity, int(time.time()), secrets)
    else:
        own["webhook-id"] = identity
    return post(address, body, {**headers, **own})
