"""What a function needs beside ModelMon: the lines of the requirements.txt in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelmon import __version__
from modelmon.errors import ConfigError, UnavailableError

FILE = "requirements.txt"
OURS = "modelmon"
SOURCES = ("--index-url", "--extra-index-url", "--find-links")
SWITCHES = ("--no-index", "--only-binary", "--no-binary")
LONG = {
    "-i": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
}
"""Short options of pip's requirements files."""
COMMENT = re.compile(r"(^|\s+)#.*$")
OPTION = re.compile(r"(--[\w-]+|-[a-z])(?:\s*=\s*|\s+|$)(.*)")
PER_REQUIREMENT = re.compile(r"\s--(hash|config-settings?)\b.*$", re.IGNORECASE)
ADDRESS = re.compile(r"[\w+.-]+://\S+")
USER = re.compile(r"://([^/@\s]+)@")
PATH = re.compile(r"[./~]|(?!\S*://)\S+\.(whl|tar\.gz|zip)$")
EXAMPLE = "write for example 'river==0.21.0'"


def read_requirements(path: Path) -> tuple[str, ...]:
    """The lines of a requirements file, those of the files it names by -r among them; none without a file.

    Comments and ModelMon itself, which is always there, are left out; another version of it than this one is
    refused. Raises ConfigError with file and line.
    """
    return tuple(_lines_of(path, ())) if path.is_file() else ()


def check_requirements(lines: Iterable[str], base: Path) -> tuple[str, ...]:
    """The same for lines that a caller gave, one an entry; `base` is where relative paths in them begin."""
    lines = list(lines)
    for line in lines:
        if len(list(_logical_lines(line))) > 1:
            raise ConfigError(f"requirements: {line!r} is more than one line; give a list with one an entry")
    text = "\n".join(lines)
    return tuple(_checked(text, "requirements", base, ()))


def parse(line: str) -> Requirement | None:
    """A checked line as what it asks for on this Python; None for an option, and where its marker says no."""
    if line.startswith("-"):
        return None
    wanted = Requirement(PER_REQUIREMENT.sub("", line))
    return wanted if wanted.marker is None or wanted.marker.evaluate() else None


def write_requirements(folder: Path, lines: Iterable[str]) -> None:
    """Make `lines` the requirements of the function in `folder`. Without any there is no file."""
    text = "".join(f"{line}\n" for line in lines)
    if text:
        (folder / FILE).write_text(text, encoding="utf-8")
    else:
        (folder / FILE).unlink(missing_ok=True)


def _lines_of(path: Path, above: tuple[Path, ...]) -> Iterator[str]:
    if path.resolve() in above:
        return  # named by itself, over whatever detour: read once
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: must be text in UTF-8") from None
    except OSError as error:
        raise UnavailableError(f"{path} can't be read: {error.strerror}") from error
    yield from _checked(text, str(path), path.parent, (*above, path.resolve()))


def _checked(text: str, origin: str, base: Path, above: tuple[Path, ...]) -> Iterator[str]:
    for number, line in _logical_lines(text):
        place = f"{origin}, line {number}" if above else origin
        option = OPTION.fullmatch(line)
        if option is None:
            yield from _requirement(line, place)
            continue
        name, value = LONG.get(option[1], option[1]), option[2].strip()
        if name == "--requirement":
            named = base / value
            if not value or not named.is_file():
                raise ConfigError(f"{place}: -r names {value!r}, and there is no file {named}")
            yield from _lines_of(named, above)
        else:
            yield _option(name, value, place, base)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of what pip takes for one line: comments gone, lines that end in a backslash joined."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if held else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1] + " "
            continue
        whole = COMMENT.sub("", held + line).strip()
        held = ""
        if whole:
            yield first, whole
    if held.strip():
        yield first, held.strip()


def _requirement(line: str, place: str) -> Iterator[str]:
    _refuse_credentials(line, place)
    if PATH.match(line):
        raise ConfigError(
            f"{place}: {line!r} is a path of this machine, which no function can rely on; name a package"
        )
    try:
        found = Requirement(PER_REQUIREMENT.sub("", line))
    except InvalidRequirement as error:
        raise ConfigError(f"{place}: {_why_not(line, str(error))}") from None
    if canonicalize_name(found.name) != OURS:
        yield line
    elif parse(line) is not None:
        _refuse_another_version(found, line, place)


def _refuse_another_version(wanted: Requirement, line: str, place: str) -> None:
    """A function always has the ModelMon that deploys it: another one would never be there."""
    if wanted.url is not None or not wanted.specifier.contains(__version__, prereleases=True):
        raise ConfigError(
            f"{place}: {line!r} asks for another ModelMon than {__version__}, which deploys the function and "
            "which it gets; leave the line out, or install the one that is meant here"
        )


def _why_not(line: str, said: str) -> str:
    if ADDRESS.match(line):
        return f"an address needs the package's name before it, 'NAME @ {line}'"
    return f"{line!r} is no requirement: {said.splitlines()[0]}; {EXAMPLE}"


def _option(name: str, value: str, place: str, base: Path) -> str:
    if name not in (*SOURCES, *SWITCHES):
        known = ", ".join(("-r", *SOURCES, *SWITCHES))
        raise ConfigError(f"{place}: the option {name} is not taken here; there are {known}")
    if name != "--no-index" and not value:
        raise ConfigError(f"{place}: {name} needs a value")
    _refuse_credentials(value, place)
    if name == "--find-links" and "://" not in value:
        value = str((base / Path(value).expanduser()).resolve())
    return f"{name} {value}".strip()


def _refuse_credentials(text: str, place: str) -> None:
    """What stands here is in the function's folder and its image, for all who can read those."""
    if any(user != "git" and "${" not in user for user in USER.findall(text)):
        raise ConfigError(
            f"{place}: an address with a user or password would stand in the function's folder; write "
            "${NAME} in its place, which is taken from the environment"
        )
