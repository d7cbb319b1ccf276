"""Challengers: models that are logged to take the place of the one an endpoint serves, and how each stands.

A person decides; what was decided stands before anything is deployed, so whoever is killed in between leaves
it as it is, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Row, Table, insert, select, update

from modelmon.errors import ConfigError
from modelmon.ledger import outbox
from modelmon.ledger.access import Deed, note
from modelmon.ledger.job_facts import challenger_fact
from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, LongText, Name

AWAITING, APPROVED, DEPLOYED, REJECTED = "awaiting review", "approved", "deployed", "rejected"
ROLLING_BACK, ROLLED_BACK = "rolling back", "rolled back"
_IN_USE = (APPROVED, DEPLOYED, ROLLING_BACK)
UNSETTLED = (APPROVED, ROLLING_BACK)
"""Decided, and not deployed yet."""
SETTLED = {APPROVED: DEPLOYED, ROLLING_BACK: ROLLED_BACK}
MOST_COMMENT = 2_000
BEGUN = "its deployment has begun and has not come to its end"

challengers = Table(
    "challengers", metadata,
    Column("number", BIG, primary_key=True, autoincrement=True),
    Column("endpoint_id", Name(64), nullable=False),
    Column("model_key", Name(NAME), nullable=False),
    Column("class_args", LongText, nullable=False),  # what its class is made with beside the champion's, JSON
    Column("run_id", Name(64), nullable=False),  # the run of a job that has logged it; "": a person has
    Column("state", Name(32), nullable=False),
    Column("made_us", BIG, nullable=False),
    Column("trained_until_us", BIG),  # the newest row of its training data
    Column("review", LongText, nullable=False),  # beside the champion, as JSON; "" until it was judged
    Column("reviewed_us", BIG),
    Column("champion", LongText, nullable=False),  # what it takes the place of, as JSON; "" before
    Column("who", Name(NAME), nullable=False),  # has decided
    Column("comment", LongText, nullable=False),
    Column("decided_us", BIG),
    Column("tries", Integer, nullable=False),  # to deploy what was decided
    Column("why", LongText, nullable=False),  # it is not deployed; ""
    Column("deployed_us", BIG),
    Column("model_hash", Name(64)),  # of its folder as logged; None: it is older than hashes
    Column("approved_by", Name(NAME)),  # and stays, whoever rolls back; None: nobody has, or it is older
    Column("approved_comment", LongText),
    Column("approved_us", BIG),
    Column("next_us", BIG),  # before that nobody tries again by himself; None: at once
    Index("challengers_of_endpoint", "endpoint_id", "number"),
    Index("challengers_by_state", "state", "number"),
    Index("challengers_by_model", "model_key"),
    sqlite_autoincrement=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptChallenger:
    """One row, as it is."""

    number: int
    endpoint_id: str
    model_key: str
    class_args: str
    run_id: str
    state: str
    made_us: int
    trained_until_us: int | None
    review: str
    reviewed_us: int | None
    champion: str
    who: str
    comment: str
    decided_us: int | None
    tries: int
    why: str
    deployed_us: int | None
    model_hash: str | None
    approved_by: str | None
    approved_comment: str | None
    approved_us: int | None
    next_us: int | None


_COLUMNS = [challengers.c[name] for name in KeptChallenger.__slots__]


def check_free(connection: Connection, model_key: str, endpoint_id: str) -> None:
    """Raises ConfigError for the key of a challenger that was decided on, or is another endpoint's: its files
    are what can be rolled back to."""
    found = _newest_of(connection, model_key)
    if found is not None and (found.state != AWAITING or found.endpoint_id != endpoint_id):
        raise ConfigError(
            f"key: {model_key!r} is challenger {found.number}, which is {found.state}; "
            "a new challenger needs a key of its own"
        )


def check_unused(connection: Connection, model_key: str) -> None:
    """Raises ConfigError for the key of a challenger that awaits its review, or whose files are served or to
    be: what was reviewed and approved must stay what it was."""
    found = _newest_of(connection, model_key)
    if found is not None and found.state == AWAITING:
        raise ConfigError(
            f"key: {model_key!r} is challenger {found.number}, which is {AWAITING}: log it with "
            "challenger_of, so that it is reviewed anew, or give another key"
        )
    if found is not None and found.state in _IN_USE:
        raise ConfigError(
            f"key: {model_key!r} is challenger {found.number}, which is {found.state}: give another key"
        )


def kept_champions(connection: Connection) -> Sequence[tuple[int, str]]:
    """Numbers of challengers that can be rolled back, each with its champion as JSON."""
    query = select(challengers.c.number, challengers.c.champion)
    rows = connection.execute(query.where(challengers.c.state.in_(_IN_USE)).order_by(challengers.c.number))
    return [(number, champion) for number, champion in rows]


def put_challenger(
    connection: Connection,
    endpoint_id: str,
    model_key: str,
    class_args: str,
    trained_until_us: int | None,
    now_us: int,
    run_id: str = "",
    model_hash: str | None = None,
) -> int:
    """A challenger waits for its review; returns its number. One of the same key that waits already is
    replaced."""
    check_free(connection, model_key, endpoint_id)
    again = {
        "class_args": class_args, "run_id": run_id, "made_us": now_us, "trained_until_us": trained_until_us,
        "review": "", "reviewed_us": None, "model_hash": model_hash,
    }  # fmt: skip
    found = _newest_of(connection, model_key)
    if found is not None:
        if not _set(connection, found.number, AWAITING, again):
            raise ConfigError(f"challenger {found.number} was decided on meanwhile; give another key")
        return found.number
    row = {
        **again, "endpoint_id": endpoint_id, "model_key": model_key, "state": AWAITING, "champion": "",
        "who": "", "comment": "", "tries": 0, "why": "",
    }  # fmt: skip
    made = connection.execute(insert(challengers).values(row)).inserted_primary_key
    assert made is not None, "a single row was inserted"
    number = int(made[0])
    if not run_id:  # what a job has logged is judged first, and told of when the run ends
        fact = challenger_fact(connection, number, model_key, endpoint_id, "", "")
        outbox.write(connection, [fact], now_us)
    return number


def check_number(number: object) -> int:
    """Raises ConfigError for what is no whole number."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise ConfigError(f"number: must be the number of a challenger, got {number!r}")
    return number


def one(connection: Connection, number: int) -> KeptChallenger:
    """Raises ConfigError where there is none of this number."""
    row = None
    if 0 < check_number(number) < 2**63:
        row = connection.execute(select(*_COLUMNS).where(challengers.c.number == number)).first()
    if row is None:
        raise ConfigError(
            f"there is no challenger {number}; `modelmon challenger list` shows which there are"
        )
    return _kept(row)


def newest(
    connection: Connection, limit: int, before: int | None = None, endpoint_id: str | None = None
) -> Sequence[KeptChallenger]:
    """The newest first, of one endpoint or of all; `before`: of lower numbers only."""
    query = select(*_COLUMNS).order_by(challengers.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(challengers.c.number < before)
    if endpoint_id is not None:
        query = query.where(challengers.c.endpoint_id == endpoint_id)
    return [_kept(row) for row in connection.execute(query)]


def of_run(connection: Connection, run_id: str) -> KeptChallenger | None:
    """The newest that a run of a job has logged; None: it has logged none."""
    same = challengers.c.run_id == run_id
    query = select(*_COLUMNS).where(same).order_by(challengers.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _kept(row)


def unsettled(connection: Connection, limit: int) -> Sequence[KeptChallenger]:
    """Those that are decided and not deployed, the oldest first."""
    which = challengers.c.state.in_(UNSETTLED)
    query = select(*_COLUMNS).where(which).order_by(challengers.c.number).limit(limit)
    return [_kept(row) for row in connection.execute(query)]


def is_due(found: KeptChallenger, now_us: int) -> bool:
    """Whether it is decided and not deployed, and its next try has come."""
    return found.state in UNSETTLED and (found.next_us is None or found.next_us <= now_us)


def keep_review(connection: Connection, judged: KeptChallenger, review: str, now_us: int) -> None:
    """What it is worth beside the champion; a later review replaces an earlier one. Raises ConfigError where
    it was logged anew or decided on since it was read: the review is not of what it is now."""
    values = {"review": review, "reviewed_us": now_us}
    which = (
        challengers.c.number == judged.number, challengers.c.state == AWAITING,
        challengers.c.made_us == judged.made_us,
    )  # fmt: skip
    if connection.execute(update(challengers).where(*which).values(values)).rowcount != 1:
        raise ConfigError(
            f"challenger {judged.number} was logged anew or decided on while it was judged: "
            "the review is not kept"
        )


def lock_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Alone with what is decided of this endpoint, until the transaction ends. What a decision stands on is
    read after it."""
    same = challengers.c.endpoint_id == endpoint_id
    connection.execute(
        select(challengers.c.number).where(same).order_by(challengers.c.number).with_for_update()
    ).all()


def approve(
    connection: Connection, seen: KeptChallenger, champion: str, who: str, comment: str, now_us: int
) -> KeptChallenger:
    """It is to take the place of `champion`. Raises ConfigError where it does not await its review, was
    logged anew since it was `seen`, and while another one of its endpoint is on its way."""
    lock_endpoint(connection, seen.endpoint_id)
    found, number = one(connection, seen.number), seen.number
    if found.made_us != seen.made_us:
        raise ConfigError(f"challenger {number} was logged anew meanwhile: look at it again")
    _check_settled(connection, found)
    more = {
        "champion": champion, "approved_by": who, "approved_comment": comment, "approved_us": now_us,
    }  # fmt: skip
    return _decide(connection, found, AWAITING, APPROVED, who, comment, now_us, more)


def reject(connection: Connection, number: int, who: str, comment: str, now_us: int) -> KeptChallenger:
    """It is not wanted. Raises ConfigError where it does not await its review."""
    return _decide(connection, one(connection, number), AWAITING, REJECTED, who, comment, now_us, {})


def roll_back(connection: Connection, number: int, who: str, comment: str, now_us: int) -> KeptChallenger:
    """The champion is to come back; who had approved stays. Raises ConfigError where it is neither deployed
    nor on its way, and while another one of its endpoint is."""
    lock_endpoint(connection, one(connection, number).endpoint_id)
    found = one(connection, number)
    _check_settled(connection, found)
    before = APPROVED if found.state == APPROVED else DEPLOYED
    return _decide(connection, found, before, ROLLING_BACK, who, comment, now_us, {})


def settle(connection: Connection, number: int, before: str, now_us: int) -> bool:
    """What was decided is deployed; False where somebody has decided otherwise meanwhile."""
    values = {"state": SETTLED[before], "why": "", "deployed_us": now_us}
    return _set(connection, number, before, values)


def begin(connection: Connection, found: KeptChallenger, next_us: int) -> bool:
    """A try to deploy it begins: who is killed in it has tried. False where somebody has decided otherwise
    meanwhile."""
    values = {"why": BEGUN, "tries": found.tries + 1, "next_us": next_us}
    return _set(connection, found.number, found.state, values)


def fail(connection: Connection, number: int, before: str, why: str, next_us: int | None) -> None:
    """It is not deployed, and will be tried again."""
    _set(connection, number, before, {"why": why, "next_us": next_us})


def _check_settled(connection: Connection, found: KeptChallenger) -> None:
    """Two that are on their way to one endpoint would deploy in an order that nobody chose."""
    same = (
        challengers.c.endpoint_id == found.endpoint_id, challengers.c.state.in_(UNSETTLED),
        challengers.c.number != found.number,
    )  # fmt: skip
    other = connection.scalar(select(challengers.c.number).where(*same).limit(1))
    if other is not None:
        raise ConfigError(
            f"challenger {other} of this endpoint is not deployed yet; wait, or see why: "
            f"`modelmon challenger show {other}`"
        )


def _decide(
    connection: Connection,
    found: KeptChallenger,
    before: str,
    after: str,
    who: str,
    comment: str,
    now_us: int,
    more: dict[str, Any],
) -> KeptChallenger:
    if not isinstance(comment, str) or "\x00" in comment or len(comment) > MOST_COMMENT:
        raise ConfigError(f"comment: must be a text of at most {MOST_COMMENT:,} characters, no zero bytes")
    values = {
        "state": after, "who": who, "comment": comment, "decided_us": now_us, "tries": 0, "why": "",
        "next_us": None, **more,
    }  # fmt: skip
    if not _set(connection, found.number, before, values):
        raise ConfigError(f"challenger {found.number} is {found.state}, not {before}: nothing has changed")
    note(connection, Deed(now_us, who, f"challenger {after}", f"{found.number} {found.model_key}", comment))
    return one(connection, found.number)


def _set(connection: Connection, number: int, before: str, values: dict[str, Any]) -> bool:
    which = challengers.c.number == number, challengers.c.state == before
    return connection.execute(update(challengers).where(*which).values(values)).rowcount == 1


def _newest_of(connection: Connection, model_key: str) -> KeptChallenger | None:
    same = challengers.c.model_key == model_key
    query = select(*_COLUMNS).where(same).order_by(challengers.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else _kept(row)


def _kept(row: Row[Any]) -> KeptChallenger:
    return KeptChallenger(**row._mapping)
