"""Secrets by reference: `${env:NAME}` and `${file:PATH}`, looked up when they are used and kept nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from modelmon.errors import UnavailableError

REFERENCE = re.compile(r"\$\{(env|file):([^{}$\n]+)\}")
ANY_REFERENCE = re.compile(r"\$\{[^}\n]*\}?")
HOW = "write ${env:NAME} or ${file:/run/secrets/name}"
MOST_BYTES = 65_536


def wrong_references(text: str) -> Iterator[str]:
    """What looks like a reference in a text and is none.

    >>> list(wrong_references("https://${env:HOST}/${HOME}/${file:/run/secrets/x}"))
    ['${HOME}']
    """
    for found in ANY_REFERENCE.finditer(text):
        if not REFERENCE.fullmatch(found.group()):
            yield found.group()


def has_reference(text: str) -> bool:
    return REFERENCE.search(text) is not None


def resolved(text: str, secrets: set[str]) -> str:
    """The text with what its references stand for, all of which go to `secrets`, too: what no message, log
    or answer may show. Raises UnavailableError for one that is not there now.

    >>> os.environ["DOCTEST_HOOK"] = "abc"
    >>> resolved("https://x/${env:DOCTEST_HOOK}", set())
    'https://x/abc'
    """

    def looked_up(match: re.Match[str]) -> str:
        value = _of_environment(match[2]) if match[1] == "env" else _of_file(match[2])
        secrets.add(value)
        return value

    return REFERENCE.sub(looked_up, text)


def without(text: str, secrets: set[str]) -> str:
    """The text with … in place of every secret, and of every long word or part of one.

    >>> without("no https://x/abcdefgh/ijkl", {"https://x/abcdefgh/ijkl"})
    'no …'
    >>> without("POST /abcdefgh failed", {"https://x/abcdefgh/ijkl"})
    'POST /… failed'
    """
    parts = {part for secret in secrets for part in re.split(r"[\s/:@?&=]+", secret) if len(part) >= 8}
    for secret in sorted({each for each in secrets if each} | parts, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _of_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UnavailableError(f"the environment variable {name} is {'empty' if value == '' else 'not set'}")
    return value.strip()


def _of_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            value = file.read(MOST_BYTES + 1)
        if len(value) > MOST_BYTES:
            raise UnavailableError(f"the file {path} has more than {MOST_BYTES:,} bytes: that is no secret")
        text = value.decode().strip()
    except OSError as error:
        raise UnavailableError(f"the file {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnavailableError(f"the file {path} is no text") from None
    if not text:
        raise UnavailableError(f"the file {path} is empty")
    return text
