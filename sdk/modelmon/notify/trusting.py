"""Whom we trust behind TLS: read once, since that takes longer than sending a message."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import lru_cache


def trusted_by_web() -> ssl.SSLContext:
    """Of addresses of the web: those of the package certifi, or what SSL_CERT_FILE or SSL_CERT_DIR names."""
    return _context(_of_the_web, *_named())


def trusted_by_mail() -> ssl.SSLContext:
    """Of mail servers: those of this machine, or what the same variables name."""
    return _context(ssl.create_default_context, *_named())


def _named() -> tuple[str, str]:
    return os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")


def _of_the_web() -> ssl.SSLContext:
    import httpx  # the extra notify's; who only looks at messages has it not

    return httpx.create_ssl_context()


@lru_cache(maxsize=8)
def _context(make: Callable[[], ssl.SSLContext], *_: str) -> ssl.SSLContext:
    return make()
