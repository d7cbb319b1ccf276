"""What stands in a user's Python file, read without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

from modelmon.errors import ConfigError
from modelmon.function_spec.requirements import FILE as REQUIREMENTS


def classes_of(source: Path) -> dict[str, frozenset[str]]:
    """Every class at the top of a file, or of the files of a folder, with the names of its methods."""
    files = [source] if source.is_file() else sorted(source.glob("*.py"))
    found: dict[str, frozenset[str]] = {}
    for file in files:
        for node in _parsed(file).body:
            if isinstance(node, ast.ClassDef):
                methods = (item.name for item in node.body if isinstance(item, ast.FunctionDef))
                found[node.name] = frozenset(methods)
    return found


def assigns(file: Path, name: str) -> bool:
    """Whether the file binds `name` at its top: by assignment, or as a function."""
    for node in _parsed(file).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound = (leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name))
            if name in bound:
                return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return True
    return False


def imported_modules(folder: Path) -> set[str]:
    """Top modules that the Python files of a folder import whenever they are imported themselves, other than
    those that lie in the folder."""
    files = sorted(folder.glob("*.py"))
    own = {file.stem for file in files} | {path.name for path in folder.iterdir() if path.is_dir()}
    found: set[str] = set()
    for file in files:
        for node in _parsed(file).body:  # not those in a try or an if, which may do without
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    return found - own


def check_installed(
    argument: str, class_name: str, source: Path | None, requirements: Sequence[str] | None, image: str
) -> None:
    """ConfigError for a "module.Class" whose module is neither in the code `source` nor installed.

    What requirements or an image bring can't be known here.
    """
    module = class_name.rpartition(".")[0]
    if not module or requirements or image or _is_in(source, module.partition(".")[0]):
        return
    if requirements is None and source is not None and _folder(source).joinpath(REQUIREMENTS).is_file():
        return
    if not _is_installed(module):
        raise ConfigError(
            f"{argument}: {class_name!r} can't be found, there is no module {module!r}; give its file as "
            "func, or requirements=[…] that bring it"
        )


def _folder(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def _is_in(source: Path | None, top: str) -> bool:
    if source is None or source.is_file():
        return source is not None and source.stem == top
    return (source / f"{top}.py").is_file() or (source / top).is_dir()


def _is_installed(module: str) -> bool:
    """Whether there is such a module; unlike importlib's find_spec it imports no package on the way."""
    parts, path = module.split("."), None
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        specs = (find(name, path) for find in finders if find is not None)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None or (end < len(parts) and found.submodule_search_locations is None):
            return False
        path = found.submodule_search_locations
    return True


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{file} is no Python file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from error
