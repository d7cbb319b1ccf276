"""Lets `import` find MLRun's modules by the tables, and say what is not in them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from modelmon.from_mlrun.missing import NameNotHereError, missing_name, reason_of
from modelmon.from_mlrun.where import MODULES, PACKAGE


class _AliasModule(ModuleType):
    """A module whose names are those of the table."""

    def __getattr__(self, name: str) -> Any:
        where = _names(self.__name__).get(name)
        if where is None:
            raise missing_name(self.__name__, name)
        return getattr(import_module(where), name)

    def __dir__(self) -> list[str]:
        return sorted(_names(self.__name__))


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of the table. It is asked last: a module that is there always comes first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        owner, _, name = fullname.rpartition(".")
        if owner.partition(".")[0] != PACKAGE:
            return None
        if fullname.removeprefix(f"{PACKAGE}.") in MODULES:
            return ModuleSpec(fullname, self, is_package=True)
        # `from modelmon.x import name` comes here too, when the package x has no such name.
        if reason := reason_of(owner, name):
            raise NameNotHereError(f"{fullname} is not there: {reason}")
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _AliasModule(spec.name, "Names that code written for MLRun imports from here.")
        module.__dict__["__all__"] = sorted(_names(spec.name))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def _names(module: str) -> dict[str, str]:
    return dict(MODULES[module.removeprefix(f"{PACKAGE}.")])


def install() -> None:
    """Let `import` find the table's modules, from now on in this process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
