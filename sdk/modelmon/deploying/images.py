"""How a function's image is built: what is installed, in an order that Docker's cache can keep.

Nuclio's builder copies the function's folder into the image before most of what it runs, and each line of a
Dockerfile is built anew once a line before it has changed: a changed setting is a changed function.yaml. So
what ModelMon and the function's own code need is installed before that copy, from files that are copied one
by one, and only the wheel of ModelMon itself, without its dependencies, after it. What several functions need
comes first, as layers that they share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelmon.deploying.checking.image_rules import POST_COPY
from modelmon.deploying.packages import Layer
from modelmon.function_spec.requirements import FILE as REQUIREMENTS
from modelmon.function_spec.telemetry import NO_TELEMETRY

FOLDER = "modelmon-image"
"""Inside the function's folder: the files that are copied before it. No module can have this name."""
CONSTRAINTS = "constraints.txt"
BUILD_CONTEXT, IN_IMAGE, CODE = "handler", "/opt/modelmon", "/opt/nuclio"
"""Where Nuclio's builder has the function's folder, where our files go, where the folder goes."""
PLAIN_IMAGE = re.compile(r"(^|/)python:3\.\d+")
PIP = "python -m pip install --no-cache-dir"
Directive = dict[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """`files` of the function's folder, by their names in it, and the two lists of Nuclio's `directives`."""

    files: Mapping[str, str]
    before_copy: Sequence[Directive]
    after_copy: Sequence[Directive]


def image_of(wheel: str, layers: Sequence[Layer], constraints: str, *, requirements: bool) -> Image:
    """The image of a function that needs these layers, and its own requirements.txt if it has one.

    Without `constraints` whatever fits is taken. Requirements of the function are under none: a version that
    its code asks for wins, as long as ModelMon can work with it.
    """
    files = {f"{FOLDER}/{layer.name}.txt": "\n".join(layer.lines) + "\n" for layer in layers}
    if constraints:
        files[f"{FOLDER}/{CONSTRAINTS}"] = constraints
    before = [each for layer in layers for each in _layer(layer.name, constraints, first=layer is layers[0])]
    if requirements:
        before += _requirements([layer.name for layer in layers])
    before.append(_environment(NO_TELEMETRY))  # last, so that another variable installs nothing anew
    return Image(files, before, [_run(f"{PIP} --no-deps {CODE}/{wheel}")])


def with_image(build: dict[str, Any], image: Image) -> None:
    """Put it into `spec.build`, where a function's own commands or directives stay: those before the copy
    come first (they bring what an installation needs), those after it last (ModelMon is there)."""
    own = build.pop("commands", None)
    directives = _from_commands(own) if own else build.get("directives") or {}
    before, after = (directives.get(key) or [] for key in ("preCopy", "postCopy"))
    build["directives"] = {
        "preCopy": [*before, *image.before_copy],
        "postCopy": [*image.after_copy, *after],
    }


def is_plain(base_image: object) -> bool:
    """Whether an image holds Python and nothing else: there our constraints can do no harm."""
    return not base_image or bool(PLAIN_IMAGE.search(str(base_image)))


def _layer(name: str, constraints: str, *, first: bool) -> Iterator[Directive]:
    copied = [CONSTRAINTS, f"{name}.txt"] if first and constraints else [f"{name}.txt"]
    yield _copy(*(f"{FOLDER}/{file}" for file in copied))
    limit = f" --constraint {IN_IMAGE}/{CONSTRAINTS}" if constraints else ""
    yield _run(f"{PIP}{limit} --requirement {IN_IMAGE}/{name}.txt")


def _requirements(layers: Sequence[str]) -> list[Directive]:
    """Those of ModelMon are named again: pip then changes none of them to what ModelMon can't work with."""
    named = " ".join(f"--requirement {IN_IMAGE}/{name}" for name in (REQUIREMENTS, *_files(layers)))
    return [_copy(REQUIREMENTS), _run(f"{PIP} {named}")]


def _files(layers: Sequence[str]) -> list[str]:
    return [f"{name}.txt" for name in layers]


def _copy(*files: str) -> Directive:
    sources = " ".join(f"{BUILD_CONTEXT}/{file}" for file in files)
    return {"kind": "COPY", "value": f"{sources} {IN_IMAGE}/"}


def _environment(variables: Mapping[str, str]) -> Directive:
    return {"kind": "ENV", "value": " ".join(f"{name}={value}" for name, value in variables.items())}


def _run(command: str) -> Directive:
    return {"kind": "RUN", "value": command}


def _from_commands(commands: Sequence[str]) -> dict[str, list[Directive]]:
    """`build.commands` as the directives that Nuclio makes of them: a backslash at the end joins the next."""
    found: dict[str, list[Directive]] = {"preCopy": [], "postCopy": []}
    place, held = "preCopy", ""
    for command in commands:
        if command.strip() == POST_COPY:
            place = "postCopy"
        elif command.endswith("\\"):
            held += command[:-1]
        elif held or command:
            found[place].append(_run(held + command))
            held = ""
    return found if not held else {**found, place: [*found[place], _run(held)]}
