"""What channels and actions have in common: addresses, headers, and texts that may hold references."""

from __future__ import annotations

import re
from email.headerregistry import Address
from urllib.parse import urlsplit

from modelmon.alerting.kinds import unshown
from modelmon.alerting.secret_references import HOW, REFERENCE, has_reference, wrong_references
from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error

WEB, MAIL = ("https", "http"), ("smtp", "smtp+starttls", "smtps")
FROM_ROOT = "write its whole path, as ${file:/run/secrets/name}"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADERS_OF_OURS = ("content-type", "content-length", "host", "user-agent")
_SECRET_WORDS = {
    "apikey", "auth", "authorization", "cookie", "credential", "credentials", "key", "password", "secret",
    "signature", "token",
}  # fmt: skip
"""A header with one of these in its name is a secret, as `Authorization` and `X-Api-Key` are."""


def referring_text(node: Node, found: list[Finding]) -> str:
    """A text that may hold references to secrets."""
    if not isinstance(node.data, str) or not node.data.strip():
        found.append(unshown(node, "must be a text", "write it in quotes"))
        return ""
    text = node.data.strip()
    if any(wrong_references(text)):  # not shown: it may be a password that was written into the braces
        found.append(unshown(node, "has a ${…} that is no reference", HOW))
    if any(kind == "file" and not path.startswith("/") for kind, path in REFERENCE.findall(text)):
        found.append(unshown(node, "names a file from a folder that is not the same everywhere", FROM_ROOT))
    return text


def mail_addresses(node: Node, found: list[Finding]) -> tuple[str, ...]:
    """One mail address, or a list of them."""
    items = node.items or (node,)
    texts = [each.data.strip() if isinstance(each.data, str) else "" for each in items]
    for item, text in zip(items, texts, strict=True):
        check_mail(item, text, found)
    return tuple(dict.fromkeys(texts))


def check_mail(node: Node, text: str, found: list[Finding]) -> None:
    """Tell what is no mail address."""
    try:
        parsed = Address(addr_spec=text)
        right = bool(parsed.username and parsed.domain)
    except (ValueError, IndexError, AttributeError):  # what the parser of the standard library raises
        right = False
    if not right or not text.isprintable():
        found.append(error(node, "is no mail address", "write it as name@example.com"))


def headers(node: Node, found: list[Finding]) -> dict[str, str]:
    """Header to its value, which may hold references."""
    if not isinstance(node.data, dict):
        found.append(unshown(node, "must be `header: value` lines", "write for example X-Team: shop"))
        return {}
    read = {}
    for name, each in node.entries.items():
        text = referring_text(each, found)
        if not _HEADER.fullmatch(name) or name.lower() in _HEADERS_OF_OURS:
            found.append(unshown(each, "is no header that can be set here", "leave it out"))
        elif not text.isascii() or not text.isprintable():
            found.append(unshown(each, "has letters that a header can't have", "write printable ASCII"))
        elif _SECRET_WORDS & set(name.lower().split("-")) and not has_reference(text):
            found.append(unshown(each, "stands there itself, where everybody reads it", HOW))
        read[name] = text
    return read


def check_address(node: Node, text: str, schemes: tuple[str, ...], found: list[Finding]) -> None:
    """An address whose every part is known, or is a reference; one that may itself be a secret is refused."""
    if REFERENCE.fullmatch(text):
        return
    example = "https://example.com/hook" if schemes == WEB else "smtps://mail.example.com:465"
    try:
        parts = urlsplit(REFERENCE.sub("reference", text))
        port_is_right = parts.port != 0
    except ValueError:
        parts, port_is_right = urlsplit(""), False
    if not port_is_right or not parts.hostname or parts.scheme not in schemes:
        found.append(
            unshown(
                node,
                f"is no address that begins with {' or '.join(f'{each}://' for each in schemes)}",
                f"write for example {example}",
            )
        )
    elif (parts.username or parts.password or parts.query) and not has_reference(text):
        found.append(
            unshown(node, "may hold a password or a key", f"{HOW} in place of the part that is secret")
        )
