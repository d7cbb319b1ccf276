"""What this Python has installed: is it all that a function needs?"""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from modelmon.function_spec.requirements import OURS, parse
from modelmon.local.needs import DRIVER_MODULES, Needs


def unmet(needs: Needs) -> str:
    """The first thing that this Python lacks, as a requirement; "" when the function can run in it.

    What is installed has to meet its own requirements in turn, as after `pip check`.
    """
    if not SpecifierSet(needs.python).contains(platform.python_version(), prereleases=True):
        return f"python{needs.python}"
    ours = f"{OURS}[{','.join(needs.extras)}]"
    drivers = (each for each in needs.drivers if find_spec(DRIVER_MODULES.get(each, each)) is None)
    return next(drivers, "") or _first_unmet((ours, *needs.own), _state())


def _state() -> float:
    """Changes when something is installed or removed: what was found before holds no longer."""
    return Path(sysconfig.get_path("purelib")).stat().st_mtime


@lru_cache(maxsize=64)
def _first_unmet(lines: tuple[str, ...], state: float) -> str:
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [wanted for line in lines if (wanted := parse(line)) is not None]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:
            if key[0] == OURS:
                continue  # runs from its files alone, so whoever started it has seen to the rest
            return _named(wanted)
        if not _fits(found, wanted):
            return _named(wanted)
        if key not in seen:
            seen.add(key)
            waiting.extend(_requires(found, wanted.extras))
    return ""


def _named(wanted: Requirement) -> str:
    return f"{wanted.name}{wanted.specifier}"  # a marker or an address says nothing to who lacks it


def _fits(found: Distribution, wanted: Requirement) -> bool:
    if wanted.url is not None:
        recorded = found.read_text("direct_url.json")
        return recorded is not None and _address(recorded) == wanted.url
    return wanted.specifier.contains(found.version, prereleases=True)


def _address(recorded: str) -> str:
    address = msgspec.json.decode(recorded).get("url", "")
    assert isinstance(address, str)
    return address


def _requires(found: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for line in found.requires or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue  # of a package from before the rules: pip passes over it too
        marker = wanted.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield wanted
