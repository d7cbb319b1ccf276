"""Column types that keep what was written, to the last digit and letter, on every database.

Use these in a table, never SQLAlchemy's own `String`, `Text`, `Float` or `LargeBinary`. On MySQL a `Float`
has 4 bytes and a `Text` 64 KB. Which texts are the same is for a server's administrator to say: two keys can
be one that differ in case, in an accent or in a blank at the end, and names can come in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Double,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeDecorator, TypeEngine

MYSQL = ("mysql", "mariadb")
CHARACTERS = "utf8mb4"

BIG = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits, which SQLite counts up by itself only when it is called so."""
REAL: TypeEngine[float] = Double().with_variant(Float(), "sqlite")
"""A number of 8 bytes: what Python calls float."""


class _Bytes(TypeDecorator[bytes]):
    impl = LargeBinary
    cache_ok = True
    python_type = bytes

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(_mysql().LONGBLOB())
        return super().load_dialect_impl(dialect)


BYTES = _Bytes()
"""Bytes of any number."""


class _Exact(TypeDecorator[str]):
    """Text that is kept and compared as it is. PostgreSQL can't hold a NUL: there it becomes its picture."""

    impl = String
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _without_nul if dialect.name == "postgresql" else super().bind_processor(dialect)


class Name(_Exact):
    """At most `length` characters, for keys too.

    Two are the same when every character is; they are in the order of their code points, as in Python.
    """

    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL:
            exact = _mysql().VARCHAR(self.length, charset=CHARACTERS, collation=_exact(dialect))
            return dialect.type_descriptor(exact)
        if dialect.name == "postgresql":
            return dialect.type_descriptor(String(self.length, collation="C"))
        return super().load_dialect_impl(dialect)


class LongText(_Exact):
    """Text of any length, compared and ordered as a `Name`; for no key."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL:
            exact = _mysql().LONGTEXT(charset=CHARACTERS, collation=_exact(dialect))
            return dialect.type_descriptor(exact)
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Text(collation="C"))
        return super().load_dialect_impl(dialect)


def make_exact(connection: Connection, table: Table, names: Collection[str]) -> None:
    """Give these columns of a table that is there the types that they are declared with."""
    dialect = connection.dialect
    columns = [column for column in table.c if column.name in names]
    if dialect.name in MYSQL:
        changes = [f"MODIFY {CreateColumn(column).compile(dialect=dialect)}" for column in columns]
    elif dialect.name == "postgresql":
        quoted = dialect.identifier_preparer.format_column
        changes = [
            f"ALTER COLUMN {quoted(column)} TYPE {column.type.compile(dialect)}"
            for column in columns
            if isinstance(column.type, _Exact)
        ]
    else:
        changes = []
    if changes:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} {', '.join(changes)}")


def _mysql() -> Any:
    from sqlalchemy.dialects import mysql  # when first used: a twelfth of what a process costs to start

    return mysql


def _without_nul(value: str | None) -> str | None:
    return value.replace("\0", "␀") if value else value


def _exact(dialect: Any) -> str:
    """The collation that pads nothing and takes no two characters for the same.

    A connection must have been made before: only then it is known which of the two servers this is.
    """
    return "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
