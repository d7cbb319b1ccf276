"""Who may ask: tokens, of which only a hash is kept; failed logins; what people did."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from modelmon.errors import ConfigError, no_such
from modelmon.ledger.schema import audit, login_failures, project_values, tokens
from modelmon.model import MINUTE_US
from modelmon.sql.statements import insert_missing

PREFIX = "mm_"
BITS = 256
LETTERS = string.ascii_letters + string.digits
"""Of a token: MLRun's client takes a long one with a '-' in it for something else, and sends it elsewhere."""
LENGTH = 43
"""So many of them are worth 256 bits."""
KEY = "access_key"
MOST_FAILURES = 30
"""Failed logins in a minute; then all have to wait for the next one."""
_KEPT_FAILURES_US = 60 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was made; itself nobody knows but whom it was given to."""

    name: str
    role: str
    created_us: int
    expires_us: int | None
    revoked_us: int | None


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did: `what` in a word or two, `of` what, and how it ended."""

    at_us: int
    who: str
    what: str
    of: str
    outcome: str


def create_token(connection: Connection, name: str, role: str, now_us: int, expires_us: int | None) -> str:
    """A new token, told this once. Raises ConfigError for a name that another living one has."""
    if connection.scalar(select(tokens.c.name).where(tokens.c.name == name, tokens.c.revoked_us.is_(None))):
        raise ConfigError(f"token: there is one called {name!r}; revoke it first, or give another name")
    token = PREFIX + "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    row = {
        "token_hash": hashed(token), "name": name, "role": role, "created_us": now_us,
        "expires_us": expires_us,
    }  # fmt: skip
    connection.execute(insert(tokens).values(row))
    return token


def find_token(connection: Connection, token: str, now_us: int) -> Token | None:
    """The living token; None for one that nobody made, that has expired or was revoked."""
    row = connection.execute(select(*_COLUMNS).where(tokens.c.token_hash == hashed(token))).first()
    return _token(row) if row is not None and is_living(_token(row), now_us) else None


def token_called(connection: Connection, name: str, now_us: int) -> Token | None:
    """As `find_token`, by its name: what a login stands for while it lasts."""
    query = select(*_COLUMNS).where(tokens.c.name == name, tokens.c.revoked_us.is_(None))
    row = connection.execute(query).first()
    return _token(row) if row is not None and is_living(_token(row), now_us) else None


def is_living(token: Token, now_us: int) -> bool:
    return token.revoked_us is None and (token.expires_us is None or now_us < token.expires_us)


def list_tokens(connection: Connection) -> Sequence[Token]:
    """All that were ever made, the newest first."""
    return [_token(row) for row in connection.execute(select(*_COLUMNS).order_by(tokens.c.created_us.desc()))]


def revoke_token(connection: Connection, name: str, now_us: int) -> None:
    """Raises ConfigError where no living one is called so."""
    living = tokens.c.revoked_us.is_(None)
    changed = connection.execute(
        update(tokens).where(tokens.c.name == name, living).values(revoked_us=now_us)
    )
    if not changed.rowcount:
        raise no_such(
            f"token: there is no {name!r}", name, connection.scalars(select(tokens.c.name).where(living))
        )


def signing_key(connection: Connection) -> str:
    """The key that signs logins of this project, made once."""
    made = {"name": KEY, "value": secrets.token_hex(BITS // 8)}
    insert_missing(connection, project_values, [made])
    key = connection.scalar(select(project_values.c.value).where(project_values.c.name == KEY))
    return str(key)


def note_failure(connection: Connection, now_us: int) -> None:
    """That a login was refused."""
    minute = {"minute_us": now_us // MINUTE_US * MINUTE_US, "failures": 0}
    insert_missing(connection, login_failures, [minute])
    mine = login_failures.c.minute_us == minute["minute_us"]
    more = login_failures.c.failures + 1
    connection.execute(update(login_failures).where(mine).values(failures=more))
    connection.execute(delete(login_failures).where(login_failures.c.minute_us < now_us - _KEPT_FAILURES_US))


def too_many_failures(connection: Connection, now_us: int) -> bool:
    """Whether logins have to wait."""
    minute_us = now_us // MINUTE_US * MINUTE_US
    query = select(login_failures.c.failures).where(login_failures.c.minute_us == minute_us)
    return (connection.scalar(query) or 0) >= MOST_FAILURES


def note(connection: Connection, deed: Deed) -> None:
    """Keep what somebody did."""
    row = {"at_us": deed.at_us, "who": deed.who, "what": deed.what, "of": deed.of, "outcome": deed.outcome}
    connection.execute(insert(audit).values(row))


def list_deeds(
    connection: Connection, limit: int, before: int | None = None
) -> tuple[list[Deed], int | None]:
    """The newest first, and what asks for those before them; None where there are none."""
    query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(audit.c.audit_id < before)
    rows = connection.execute(query).all()
    found = [Deed(row.at_us, row.who, row.what, row.of, row.outcome) for row in rows[:limit]]
    return found, rows[limit - 1].audit_id if len(rows) > limit else None


def hashed(token: str) -> str:
    """What is kept of a token. It is random enough: no salt and no slow hash would make it safer."""
    return hashlib.sha256(token.encode()).hexdigest()


_COLUMNS = (tokens.c.name, tokens.c.role, tokens.c.created_us, tokens.c.expires_us, tokens.c.revoked_us)


def _token(row: Any) -> Token:
    return Token(row.name, row.role, row.created_us, row.expires_us, row.revoked_us)
