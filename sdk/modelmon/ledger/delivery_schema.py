"""The tables of what is told to people: versions of `alerts.yaml`, news that waits, messages. The notifier's,
but for the versions, which people set, and messages that people ask for."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, LongText, Name

CHANNEL, GROUP, EVENT, STATE = 64, 255, 64, 16

alert_files = Table(  # every version; the newest counts
    "alert_files", metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", LongText, nullable=False),
    Column("who", Name(NAME), nullable=False),
    Column("set_us", BIG, nullable=False),
)  # fmt: skip

notices = Table(  # one piece of news for one channel
    "notices", metadata,
    Column("channel", Name(CHANNEL), primary_key=True),
    Column("event", Name(EVENT), primary_key=True),  # what is told: never twice to one channel
    Column("number", BIG, nullable=False),  # in the order of what happened
    Column("group_key", Name(GROUP), nullable=False),
    Column("incident_id", BIG, nullable=False),  # 0: of no incident
    Column("endpoint_id", Name(64), nullable=False),
    Column("what", Name(STATE), nullable=False),
    Column("line", LongText, nullable=False),
    Column("at_us", BIG, nullable=False),
    Column("due_us", BIG, nullable=False),
    Column("state", Name(STATE), nullable=False),  # waiting, told, dropped, withheld
    Column("message_id", Name(64), nullable=False),  # that tells it; ""
    Column("why", LongText, nullable=False),  # it was dropped
    Index("notices_waiting", "state", "due_us"),
    Index("notices_of_group", "state", "channel", "group_key", "number"),
    Index("notices_of_incident", "incident_id", "channel", "number"),
    Index("notices_by_age", "at_us"),
)  # fmt: skip

messages = Table(
    "messages", metadata,
    Column("message_id", Name(64), primary_key=True),
    Column("number", BIG, nullable=False),  # of the newest news in it
    Column("channel", Name(CHANNEL), nullable=False),
    Column("group_key", Name(GROUP), nullable=False),
    Column("body", LongText, nullable=False),
    Column("created_us", BIG, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_us", BIG, nullable=False),  # not to be tried before
    Column("state", Name(STATE), nullable=False),  # waiting, sent, refused, expired
    Column("problem", LongText, nullable=False),  # of the last try; ""
    Column("done_us", BIG),
    Index("messages_due", "state", "next_us"),
    Index("messages_of_group", "channel", "group_key", "created_us"),
    Index("messages_by_age", "created_us"),
    Index("messages_by_end", "channel", "state", "done_us"),
)  # fmt: skip

delivery_counts = Table(  # what became of tries, since ever
    "delivery_counts", metadata,
    Column("channel", Name(CHANNEL), primary_key=True),
    Column("outcome", Name(STATE), primary_key=True),  # sent, later, refused, expired
    Column("many", BIG, nullable=False),
)  # fmt: skip

channel_pauses = Table(  # channels that want to be left alone
    "channel_pauses", metadata,
    Column("channel", Name(CHANNEL), primary_key=True),
    Column("until_us", BIG, nullable=False),
)  # fmt: skip

DELIVERY_TABLES = (alert_files, notices, messages)
