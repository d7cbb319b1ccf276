"""Which names a module has, by its text alone: nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

EVERYTHING = "*"
"""Stands for names that only running the module could tell."""
PARTS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement has others inside."""


def names_in(text: str) -> set[str]:
    """Names that the module `text` has once it is imported; EVERYTHING is among them when there may be more.

    Raises SyntaxError and ValueError for what is no Python.

    >>> sorted(names_in("import os.path\\ninit_context, handler = make()"))
    ['handler', 'init_context', 'os']
    """
    return set(_names(ast.parse(text).body))


def _names(statements: Iterable[ast.stmt | ast.ExceptHandler | ast.match_case]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # A module's own __getattr__ answers for any name.
            yield EVERYTHING if statement.name == "__getattr__" else statement.name
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name).partition(".")[0] for each in statement.names)
            continue
        for part in PARTS:
            yield from _names(getattr(statement, part, ()))
        yield from _bound(statement)


def _bound(statement: ast.AST) -> Iterator[str]:
    """What a statement assigns itself: `a, (b, *c) = …`, `for a in …`, `with … as a`, `(a := …)`."""
    for field, value in ast.iter_fields(statement):
        if field in PARTS:
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield from (
                    each.id
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                )
