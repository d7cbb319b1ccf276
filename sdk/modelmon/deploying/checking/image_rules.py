"""Rules of what an image is built from: its commands, its code, and ModelMon in it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelmon.checked_yaml.document import Node
from modelmon.checked_yaml.findings import Finding, error, missing
from modelmon.deploying.checking.rules import Rule
from modelmon.deploying.checking.target import Target
from modelmon.function_spec.folders import is_bundled

IMAGE_NAME = re.compile(
    r"(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w.-]{1,128})?(?:@sha256:[0-9a-f]{64})?"
)
REGISTRY = re.compile(r"[a-zA-Z0-9.-]+(?::\d+)?(?:/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)*")
POST_COPY = "@nuclio.postCopy"
"""Between the commands before and after the copy of the function's folder."""
NEEDS_FILES = re.compile(r"\bpip\d?\b.*\s(?:-r|--requirement)[ =]*(\S+)")
"""Of the function's folder, which is there only after the copy."""


def commands(document: Node, target: Target) -> Iterator[Finding]:
    """Commands that Nuclio would run before the function's files are there, and what it drops beside them."""
    found = document.at("spec", "build", "commands")
    directives = document.at("spec", "build", "directives")
    if found is not None and found.items and any(_directives(directives)):
        assert directives is not None
        yield error(directives, "is dropped, because there are commands", "keep one of them")
    late, made = False, ""
    for command in found.items if found is not None else ():
        text = str(command.data)
        late = late or text.strip() == POST_COPY
        if text.startswith("@") and text.strip() != POST_COPY:
            yield error(command, "would be run as a command", f"the only one of these is {POST_COPY}")
        if not late and _needs_files(text, made):
            yield error(command, "runs before the function's files are there", f"put {POST_COPY} before it")
        made += f" {text}"


def directives(document: Node, target: Target) -> Iterator[Finding]:
    """The same of directives, which say their place themselves; COPY takes the function's files at any."""
    made = ""
    for each in _directives(document.at("spec", "build", "directives"), "preCopy"):
        text = str(each.get("value"))
        kind = str(each.get("kind")).upper()
        if kind in ("COPY", "ADD"):
            return  # of which files, and how they are called then, only the build tells
        if kind == "RUN" and _needs_files(text, made):
            yield error(each, "runs before the function's files are there", "put it under postCopy")
        made += f" {text}"


def source_code(document: Node, target: Target) -> Iterator[Finding]:
    """Code in the file itself is base64, as the dashboard writes it."""
    found = document.at("spec", "build", "functionSourceCode")
    if found is None or not isinstance(found.data, str):
        return
    try:
        base64.b64decode(re.sub(r"[\r\n]", "", found.data), validate=True)
    except (binascii.Error, ValueError):
        yield error(
            found, "is no base64: Nuclio can't decode it", "encode the code, or put it beside the file"
        )


def image_names(document: Node, target: Target) -> Iterator[Finding]:
    """Names that Docker can't read; Nuclio refuses them, and shows no reason."""
    for keys, pattern, mend in (
        (("image",), IMAGE_NAME, "write for example registry:5000/name:tag"),
        (("build", "image"), IMAGE_NAME, "write for example name:tag"),
        (("build", "baseImage"), IMAGE_NAME, "write for example python:3.11-slim"),
        (("build", "registry"), REGISTRY, "write host:port/folder, without http://"),
        (("runRegistry",), REGISTRY, "write host:port/folder, without http://"),
        (("build", "baseImageRegistry"), REGISTRY, "write host:port/folder, without http://"),
    ):
        found = document.at("spec", *keys)
        text = str(found.data).removesuffix("/") if found is not None else ""
        if found is not None and text and not pattern.fullmatch(text):
            yield error(found, "is no name that Docker can read", mend)


def modelmon_itself(document: Node, target: Target) -> Iterator[Finding]:
    """A folder of a bundle brings ModelMon's wheel, and its image installs it."""
    spec = document.at("spec")
    if target.folder is None or spec is None or not is_bundled(target.folder):
        return
    wheels = [path.name for path in sorted(target.folder.glob("modelmon-*.whl"))]
    build = document.get("spec", "build")
    if not any(_installs_wheel(build if isinstance(build, dict) else {}, wheel) for wheel in wheels):
        there = f"the wheel beside it, {wheels[0]}, is not installed" if wheels else "no wheel lies beside it"
        yield missing(spec, "build", f"brings no ModelMon into the image: {there}", "bundle it anew")


def _installs_wheel(build: Mapping[str, Any], wheel: str) -> bool:
    """Whether an image that is built so has this wheel of ModelMon in it."""
    texts = [str(command) for command in build.get("commands") or []]
    directives = build.get("directives")
    if isinstance(directives, dict) and not texts:
        texts = [
            str(each.get("value")) for each in directives.get("postCopy") or [] if isinstance(each, dict)
        ]
    return any("install" in text and wheel in text for text in texts)


def _directives(found: Node | None, *places: str) -> Iterator[Node]:
    for place in places or ("preCopy", "postCopy"):
        at = found.at(place) if found is not None else None
        yield from at.items if at is not None else ()


def _needs_files(text: str, made: str) -> bool:
    """Whether pip reads a file that no line before has made or copied."""
    named = NEEDS_FILES.search(text)
    if named is None or "://" in named[1]:
        return False
    return named[1].rpartition("/")[2] not in made + text[: named.start(1)]


IMAGE_RULES: tuple[Rule, ...] = (
    commands, directives, source_code, image_names, modelmon_itself,
)  # fmt: skip
