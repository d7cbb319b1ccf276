"""The project, as far as an app needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class ContextProject:
    """The project, as far as an app needs it; what takes a project takes this one."""

    name: str
    settings: Settings = field(repr=False)
