"""Who does something on this machine, for what is kept of it."""

from __future__ import annotations

import getpass
import os


def whoever() -> str:
    """Who is at this machine, as it calls them; a container may have no name for its user, but a number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
