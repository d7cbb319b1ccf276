"""From a class name in the spec to the class, out of the function folder's own files."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from modelmon.errors import ConfigError

HANDLER = "main.py"


def load_class(class_name: str, folder: str | Path, source: str = "") -> type[Any]:
    """The class "module.Class" or "Class", from files in `folder` or from an installed package.

    A class without a module is looked for in `source` (a file or module), or else in the folder's Python
    files. Raises ConfigError when it is not found; an error in the user's file comes out as it is.
    """
    folder = Path(folder).resolve()
    module_name, _, short_name = class_name.rpartition(".")
    module = _import(module_name or _module_of(short_name, folder, source), folder, class_name)
    found = getattr(module, short_name, None)
    if not isinstance(found, type):
        raise ConfigError(f"class {class_name!r}: {module.__name__} ({module.__file__}) has no such class")
    return found


def _module_of(short_name: str, folder: Path, source: str) -> str:
    if source:
        return source.removesuffix(".py").replace("/", ".")
    wanted = re.compile(rf"^class {re.escape(short_name)}\b", re.MULTILINE)
    files = sorted(path for path in folder.glob("*.py") if path.name != HANDLER)
    found = [path.stem for path in files if wanted.search(path.read_text(encoding="utf-8"))]
    if len(found) != 1:
        where = ", ".join(path.name for path in files) or "no Python file"
        raise ConfigError(
            f"class {short_name!r}: must stand in exactly one file of {folder} ({where}), "
            f"found in {found or 'none'}; write `module.{short_name}`"
        )
    return found[0]


def _import(module_name: str, folder: Path, class_name: str) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    _forget_namesake(module_name.partition(".")[0], folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise  # a module that the user's own file needs
        raise ConfigError(
            f"class {class_name!r}: no module {error.name!r} in {folder} or installed"
        ) from error


def _forget_namesake(top: str, folder: Path) -> None:
    # Two functions in one process may both have a `model.py`; each gets its own.
    own = {str(folder / f"{top}.py"), str(folder / top / "__init__.py")}
    loaded = sys.modules.get(top)
    if loaded is None or getattr(loaded, "__file__", None) in own or not any(map(_exists, own)):
        return
    sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]


def _exists(path: str) -> bool:
    return Path(path).is_file()
