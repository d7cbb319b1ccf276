"""The tables of results that are gathered over windows: sums of each window, and how far they are folded."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, BYTES, REAL, Name

SLOW_DRIFT = "slow_drift"
"""The result that is gathered over windows."""

window_sums = Table(  # of each window that an app has sums of; the writer's
    "window_sums", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("end_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
    Column("reference", Name(64), nullable=False),  # hash of the profile; another one begins anew
    Column("budget", REAL, nullable=False),
    Column("floor", REAL, nullable=False),
    Column("most", Integer, nullable=False),  # the highest status that an alarm may have
    Column("values", BYTES, nullable=False),
    Column("status", Integer, nullable=False),  # what they came to when they were last folded; -1: never yet
    Column("chosen", BYTES),  # weights and floors of the features; None: all alike
)  # fmt: skip

sum_states = Table(  # what the windows until the one of `start_us` came to together; the writer's
    "sum_states", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, nullable=False),  # -1: of none
    Column("reference", Name(64), nullable=False),
    Column("state", BYTES, nullable=False),
    Column("gathered", Integer, nullable=False),  # windows since the last alarm, or the beginning
    Column("standing", Integer, nullable=False),  # windows for which the last alarm still holds
)  # fmt: skip
