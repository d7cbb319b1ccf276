"""The one cookie: who logged in to which project and until when, signed, so that any worker can check it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

NAME = "modelmon"


class Login(msgspec.Struct, array_like=True, frozen=True):
    """`name` of the token that was given."""

    project: str
    name: str
    expires_us: int


def write_cookie(login: Login, key: str) -> str:
    """The cookie's value."""
    body = urlsafe_b64encode(msgspec.json.encode(login)).decode().rstrip("=")
    return f"{body}.{signature(body, key)}"


def read_cookie(value: str, now_us: int, key: str) -> Login | None:
    """None for a cookie that this key has not signed, or that is over."""
    body, _, signed = value.partition(".")
    if not hmac.compare_digest(signed.encode(), signature(body, key).encode()):
        return None
    login = msgspec.json.decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Login)
    return login if now_us < login.expires_us else None


def signature(text: str, key: str) -> str:
    """Of a text, by whoever knows the key."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
