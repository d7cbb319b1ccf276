"""A dead man's switch: an address that is called while all is well, so that someone else notices when we
can't."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`url` is called once a minute while the whole chain is well, `fail_url` while it is not; "": nobody is.
    Both may hold references to secrets."""

    url: str = ""
    fail_url: str = ""
