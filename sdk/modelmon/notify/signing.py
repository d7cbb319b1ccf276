"""Signatures of webhooks, by the Standard Webhooks specification 1.0 (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from modelmon.notify.outcome import LaterError

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def signature_headers(body: bytes, identity: str, at_s: int, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers, with a signature by each secret: while one is changed for another, both hold.

    >>> headers = signature_headers(b"{}", "7", 1_700_000_000, ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"])
    >>> headers["webhook-id"], headers["webhook-signature"][:3]
    ('7', 'v1,')
    """
    signed = f"{identity}.{at_s}.".encode() + body
    digests = (hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in secrets)
    told = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return {"webhook-id": identity, "webhook-timestamp": str(at_s), "webhook-signature": told}


def key_of(secret: str) -> bytes:
    """The bytes of a secret. Raises LaterError, which does not show it, for one that is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise LaterError(f"its secret is no base64; make one of 32 random bytes: {_EXAMPLE}") from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise LaterError(
            f"its secret has {len(key)} bytes, not {LEAST_BYTES} to {MOST_BYTES}; make one: {_EXAMPLE}"
        )
    return key


_EXAMPLE = 'echo "whsec_$(head -c 32 /dev/urandom | base64)"'
