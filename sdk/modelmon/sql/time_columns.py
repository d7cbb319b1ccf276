"""A moment in a column that a database's own tools read as one; in Python it is microseconds since 1970."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from modelmon.model import MICROSECOND, from_us, to_us
from modelmon.sql.types import MYSQL

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (SQLite and MySQL keep no time zone; all of ours is UTC)


class Moment(TypeDecorator[int]):
    """Microseconds since 1970, in UTC: `timestamptz` on PostgreSQL, `DATETIME(6)` on MySQL, on SQLite the
    text that its date functions take, without a fraction where there is none.

    Raises OverflowError for a moment outside of the years 1 to 9999.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        if dialect.name in MYSQL:
            from sqlalchemy.dialects import mysql  # when first used

            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(_DatetimeText())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return from_us(value)
        return _naive(value) if dialect.name in MYSQL else _text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return to_us(value)
        return (value - _EPOCH) // MICROSECOND if dialect.name in MYSQL else _read(value)


def _naive(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


# Many rows have the same few times: every endpoint of a minute, every value of a window.
@lru_cache(maxsize=4096)
def _text(microseconds: int) -> str:
    return _naive(microseconds).isoformat(" ")


@lru_cache(maxsize=4096)
def _read(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // MICROSECOND


class _DatetimeText(UserDefinedType[str]):
    """Text in a column that is declared as a date: as it is, in the order of time."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "DATETIME"
