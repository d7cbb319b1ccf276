"""Who may do what: a viewer looks, an operator acts on what there is, an admin brings code and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may."""

    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: a name for audit rows and the highest role. `by_token`: a program that sends its token with
    each request, as no page elsewhere can make a browser do."""

    name: str
    role: Role
    by_token: bool = False


NOBODY = User("", Role.NOBODY)
LOCAL = User("local", Role.ADMIN)
"""Whoever asks where no access is set up."""
