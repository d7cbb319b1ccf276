"""What stands in a user's Python file, read without running it."""

from __future__ import annotations

import ast
from pathlib import Path

from modelmon.errors import ConfigError


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


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{file} is no Python file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from error
