"""Expressions that each database words differently, for views that other tools read.

Each is written out for SQLite, PostgreSQL and MySQL; none of them fails, whatever a row holds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from modelmon.sql.time_columns import Moment
from modelmon.sql.types import BIG, REAL


class MomentOf(FunctionElement[int]):
    """Microseconds since 1970 as a moment that the database's own tools read as one."""

    type = Moment()
    inherit_cache = True


class MicrosecondsOf(FunctionElement[int]):
    """A moment as microseconds since 1970; of a moment that is a column."""

    type = BIG
    inherit_cache = True


class WallClock(FunctionElement[int]):
    """Microseconds since 1970 until now."""

    type = BIG
    inherit_cache = True


class NumberIn(FunctionElement[float]):
    """The number under a name, the second argument, in JSON; null where it is not there or is no number."""

    type = REAL
    inherit_cache = True


class MessagesBehind(FunctionElement[int]):
    """How many messages of the partitions that a worker reads are not committed, by its heartbeat."""

    type = BIG
    inherit_cache = True


def _texts(element: Any, compiler: Any, kw: Any) -> list[str]:
    return [compiler.process(each, **kw) for each in element.clauses]


@compiles(MomentOf, "postgresql")
def _moment_on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    (us,) = _texts(element, compiler, kw)
    return f"(timestamptz '1970-01-01 00:00:00+00' + {us} * interval '1 microsecond')"


@compiles(MomentOf, "mysql")
@compiles(MomentOf, "mariadb")
def _moment_on_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    (us,) = _texts(element, compiler, kw)
    return f"(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL {us} MICROSECOND)"


@compiles(MomentOf, "sqlite")
def _moment_on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    (us,) = _texts(element, compiler, kw)
    return f"datetime({us} / 1000000, 'unixepoch')"


@compiles(MicrosecondsOf, "postgresql")
def _microseconds_on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    (moment,) = _texts(element, compiler, kw)
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


@compiles(MicrosecondsOf, "mysql")
@compiles(MicrosecondsOf, "mariadb")
def _microseconds_on_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    (moment,) = _texts(element, compiler, kw)
    return f"TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', {moment})"


@compiles(MicrosecondsOf, "sqlite")
def _microseconds_on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    (moment,) = _texts(element, compiler, kw)
    fraction = f"CAST(substr({moment} || '000000', 21, 6) AS INTEGER)"  # none is written where it is 0
    return f"(CAST(strftime('%s', {moment}) AS INTEGER) * 1000000 + {fraction})"


@compiles(WallClock, "postgresql")
def _now_on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return "(extract(epoch FROM now()) * 1000000)::bigint"


@compiles(WallClock, "mysql")
@compiles(WallClock, "mariadb")
def _now_on_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6))"


@compiles(WallClock, "sqlite")
def _now_on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000)"


# A cast to JSON would end the whole query at a text that is none, or that has a NUL written in it.
# So many digits, so that no number is too large or too small for 8 bytes.
_A_NUMBER = "-?[0-9]{1,40}(?:[.][0-9]{1,40})?(?:[eE][-+]?[0-9]{1,2})?"


@compiles(NumberIn, "postgresql")
def _number_on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    text, name = _texts(element, compiler, kw)
    pattern = f"'\"' || {name} || '\"\\s*:\\s*({_A_NUMBER})\\s*[,}}]'"
    return f"CAST(substring({text} FROM {pattern}) AS double precision)"


@compiles(NumberIn, "mysql")
@compiles(NumberIn, "mariadb")
def _number_on_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, name = _texts(element, compiler, kw)
    found = f"JSON_EXTRACT({text}, concat('$.', {name}))"
    is_number = f"JSON_TYPE({found}) IN ('INTEGER', 'DOUBLE', 'DECIMAL')"
    return f"CASE WHEN JSON_VALID({text}) THEN CASE WHEN {is_number} THEN {found} + 0e0 END END"


@compiles(NumberIn, "sqlite")
def _number_on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, name = _texts(element, compiler, kw)
    found = f"json_extract({text}, '$.' || {name})"
    is_number = f"json_type({text}, '$.' || {name}) IN ('integer', 'real')"
    return f"CASE WHEN json_valid({text}) THEN CASE WHEN {is_number} THEN {found} END END"


@compiles(MessagesBehind, "postgresql")
def _behind_on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    (partitions,) = _texts(element, compiler, kw)
    behind = "sum(greatest(0, (part ->> 'end')::bigint - (part ->> 'committed')::bigint))"
    is_read = "part ->> 'delivered' IS NOT NULL"
    parts = f"json_array_elements({partitions}::json) AS part"
    return f"(SELECT coalesce({behind}, 0)::bigint FROM {parts} WHERE {is_read})"  # noqa: S608


@compiles(MessagesBehind, "mysql")
@compiles(MessagesBehind, "mariadb")
def _behind_on_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    (partitions,) = _texts(element, compiler, kw)
    columns = ", ".join(f"`{name}` BIGINT PATH '$.{name}'" for name in ("end", "committed", "delivered"))
    parts = f"JSON_TABLE({partitions}, '$[*]' COLUMNS ({columns})) AS part"
    behind = "sum(greatest(0, part.`end` - part.committed))"
    return f"(SELECT coalesce({behind}, 0) FROM {parts} WHERE part.delivered IS NOT NULL)"  # noqa: S608


@compiles(MessagesBehind, "sqlite")
def _behind_on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    (partitions,) = _texts(element, compiler, kw)
    end, committed, delivered = (
        f"json_extract(value, '$.{name}')" for name in ("end", "committed", "delivered")
    )
    behind = f"sum(max(0, {end} - {committed}))"
    return f"(SELECT coalesce({behind}, 0) FROM json_each({partitions}) WHERE {delivered} IS NOT NULL)"  # noqa: S608
