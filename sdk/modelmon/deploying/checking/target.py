"""What a function.yaml is checked for: the platform it goes to, and the streams it will find there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """`platform` "" leaves out what differs between them; `partitions` is by topic, and so are `groups`, the
    consumer groups by which ModelMon looks for the function's lag; `folder` has the code.

    `as_it_stands`: nuctl is given this very file, not what ModelMon makes of it.
    """

    platform: str = ""
    partitions: Mapping[str, int] = field(default_factory=dict)
    folder: Path | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    as_it_stands: bool = True
