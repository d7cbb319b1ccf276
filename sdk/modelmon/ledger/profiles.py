"""What endpoints are compared with: kept once a content, whoever has it.

Its shape is that of `stats.profile`, or of `stats.performance.reference`. It is too long to be read with
every endpoint, which has its hash alone.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Column, Connection, Integer, Table, delete, exists, or_, select

from modelmon.ledger.metadata import NAME, metadata
from modelmon.ledger.schema import endpoints
from modelmon.model import DAY_US
from modelmon.sql.statements import upsert
from modelmon.sql.types import BIG, LongText, Name

KEPT_US = 30 * DAY_US
"""How long a profile is kept that no endpoint has."""

profiles = Table(  # written with the record of an endpoint that has it
    "profiles", metadata,
    Column("profile_hash", Name(64), primary_key=True),
    Column("profile", LongText, nullable=False),
    Column("written_us", BIG, nullable=False),  # when an endpoint was last registered with it
)  # fmt: skip

endpoint_references = Table(  # what an endpoint is and was compared with; see `references`
    "endpoint_references", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("kind", Name(16), nullable=False),  # training or period
    Column("start_us", BIG),  # of a period
    Column("end_us", BIG),
    Column("row_count", BIG, nullable=False),
    Column("profile_hash", Name(64), nullable=False),
    Column("feature_stats", LongText, nullable=False),
    Column("before", Integer, nullable=False),  # the version that taking it back brings again; 0: none
    Column("who", Name(NAME), nullable=False),
    Column("set_us", BIG, nullable=False),
)  # fmt: skip


def keep(connection: Connection, profile: str, now_us: int) -> str:
    """Keep a profile; returns its hash, "" for the empty one."""
    if not profile:
        return ""
    found = hash_of(profile)
    row = {"profile_hash": found, "profile": profile, "written_us": now_us}
    upsert(connection, profiles, [row])
    return found


def hash_of(profile: str) -> str:
    """What a profile is known by; "" for the empty one."""
    return sha256(profile.encode()).hexdigest() if profile else ""


def read(connection: Connection, profile_hash: str) -> str:
    """The profile of this hash; "" where there is none."""
    query = select(profiles.c.profile).where(profiles.c.profile_hash == profile_hash)
    return connection.scalar(query) or "" if profile_hash else ""


def forget_unused(connection: Connection, now_us: int) -> int:
    """Delete the profiles that no endpoint has, and that none was registered with for so long: windows of
    before a new reference may be judged again. Returns how many."""
    hashes = (
        endpoints.c.profile_hash, endpoints.c.performance_hash, endpoint_references.c.profile_hash,
    )  # fmt: skip
    used = or_(*(exists().where(each == profiles.c.profile_hash) for each in hashes))
    return connection.execute(
        delete(profiles).where(profiles.c.written_us < now_us - KEPT_US, ~used)
    ).rowcount
