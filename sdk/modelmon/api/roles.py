"""Who may do what: a viewer looks, an operator acts on what there is, an admin brings code and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: a name for audit rows and the highest role."""

    name: str
    role: Role


LOCAL = User("", Role.ADMIN)
"""Whoever asks on this machine, where no access is set up."""
