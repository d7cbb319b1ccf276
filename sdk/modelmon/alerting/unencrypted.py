"""Addresses of `alerts.yaml` to which messages and secrets go as everybody in between can read them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from modelmon.alerting.secret_references import REFERENCE
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import WARNING, Finding

INSTEAD = {"http": "https", "smtp": "smtps"}
INSIDE = (".localhost", ".svc", ".svc.cluster.local")
"""Names that lead nowhere else; nor does one without a dot, as `nuclio-retrain`."""
_KEYS = ("url", "server", "fail_url")
_REFERENCE = "reference"


def unencrypted(document: Node) -> Iterator[Finding]:
    """Warnings of channels, actions and the dead man's switch, but for what stays on this machine or inside a
    cluster."""
    named = [document.at(each) for each in ("channels", "actions")]
    holders = [each for node in named if node is not None for each in node.entries.values()]
    for holder in (*holders, document.at("heartbeat")):
        for key in _KEYS:
            node = holder.entries.get(key) if holder is not None else None
            if node is not None and (better := INSTEAD.get(_scheme(node.data))) is not None:
                what = "is not encrypted: whoever lies in between reads what is sent"
                yield Finding(node.line, node.key, "", what, f"write {better}://", WARNING)


def _scheme(address: object) -> str:
    """Of an address elsewhere; "" where that is near, or not known."""
    try:
        parts = urlsplit(REFERENCE.sub(_REFERENCE, address) if isinstance(address, str) else "")
        host = parts.hostname or _REFERENCE
    except ValueError:
        return ""
    return "" if _REFERENCE in host or _is_here(host) else parts.scheme


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host or host.endswith(INSIDE)
