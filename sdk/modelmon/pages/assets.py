"""The files that a page loads: ours alone, from the package."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

KINDS = ("css", "js", "svg")


@cache
def assets() -> dict[str, bytes]:
    """Every file by its name."""
    folder = files("modelmon.pages") / "static"
    return {
        each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in KINDS
    }


def asset(name: str) -> bytes | None:
    return assets().get(name)


@cache
def assets_version() -> str:
    """Another one whenever a file has changed."""
    found = sha256()
    for name, body in sorted(assets().items()):
        found.update(name.encode() + b"\0" + body)
    return found.hexdigest()[:12]
