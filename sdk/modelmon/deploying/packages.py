"""What a function's image has to install, beside its own code: layers, those that functions share first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement

from modelmon.deploying.plan import Plan
from modelmon.local.needs import drivers_of, extra_of

CORE = "core"
WITHIN = {
    "stream": ("stores", "stream"),
    "apps": ("stores", "apps"),
    "stores": ("stores",),
    "dashboard": ("stores", "dashboard"),
    "otel": ("stores", "otel"),
    "notify": ("stores", "notify", "apprise"),
}
"""Extra: those that it is installed as, one after the other, so that functions share the first."""
EXTRA = re.compile(r'(\s+and\s+)?extra == "[^"]+"')


@dataclass(frozen=True, slots=True)
class Layer:
    """Requirements that are installed together, as lines of pip's."""

    name: str
    lines: tuple[str, ...]


def layers_of(function: str, plan: Plan, requires: Sequence[str], *, is_app: bool) -> list[Layer]:
    """What the function needs of what ModelMon `requires` (the lines of its metadata), an extra a layer.

    Every function begins with the same one: the core, the streams' client and the drivers of the addresses
    among the settings.
    """
    parsed = [Requirement(line) for line in requires]
    streams = [] if plan.on_v3io else _lines(parsed, "kafka")
    core = [*_lines(parsed, ""), *streams, *drivers_of(plan.settings)]
    layers = [Layer(CORE, tuple(core))]
    for extra in WITHIN.get(extra_of(function, is_app=is_app), ()):
        there = {line for layer in layers for line in layer.lines}
        layers.append(Layer(extra, tuple(line for line in _lines(parsed, extra) if line not in there)))
    return [layer for layer in layers if layer.lines]


def _lines(parsed: Sequence[Requirement], extra: str) -> list[str]:
    """What the extra ("": the core) brings, as requirements that are no extra's any more."""
    mark = f'extra == "{extra}"'
    return [
        _unmarked(each)
        for each in parsed
        if (mark in str(each.marker) if extra else "extra ==" not in str(each.marker))
    ]


def _unmarked(each: Requirement) -> str:
    """What its marker asks for besides the extra stays: the image's own pip decides that.

    >>> _unmarked(Requirement("storey>=1.14; python_version < '3.13' and extra == 'stream'"))
    'storey>=1.14; python_version < "3.13"'
    """
    mark = EXTRA.sub("", str(each.marker or ""))
    plain = Requirement(str(each))
    plain.marker = None
    return f"{plain}; {mark}" if mark else str(plain)
