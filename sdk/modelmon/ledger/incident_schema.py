"""The tables of the incidents and of the outbox. Written by the writer; apps and endpoints that go, and a
person who resets an incident, write here too."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, REAL, LongText, Name

RULE, STATE = 32, 16

watches = Table(  # what a rule found of each window of its subject
    "watches", metadata,
    Column("rule", Name(RULE), primary_key=True),
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("result_name", Name(NAME), primary_key=True),  # "" when the rule is of the app itself
    Column("runs", LongText, nullable=False),
    Column("horizon_us", BIG, nullable=False),  # windows before it change nothing any more
    Column("carried", LongText, nullable=False),  # the episode that was open there; "": none
    Column("standing", LongText),  # how the rule's policy stood there; null: nothing came before
    Index("watches_by_app", "application_name", "endpoint_id"),
)  # fmt: skip

incidents = Table(
    "incidents", metadata,
    Column("incident_id", BIG, primary_key=True, autoincrement=True),
    Column("rule", Name(RULE), nullable=False),
    Column("endpoint_id", Name(64), nullable=False),
    Column("application_name", Name(NAME), nullable=False),
    Column("result_name", Name(NAME), nullable=False),
    Column("kind", Integer, nullable=False),  # of the result
    Column("state", Name(STATE), nullable=False),
    Column("reason", Name(RULE), nullable=False),  # why it is resolved; "" while it is not
    Column("status", Integer, nullable=False),  # the newest word: 1 suspected, 2 detected
    # starts of windows: the first and the last bad one, the first detected one, the calm one that ended it
    Column("first_us", BIG, nullable=False),
    Column("last_us", BIG, nullable=False),
    Column("detected_us", BIG),
    Column("ended_us", BIG),
    Column("windows", BIG, nullable=False),
    Column("detected", BIG, nullable=False),  # of the windows
    # of the worst window
    Column("worst_us", BIG, nullable=False),
    Column("value", REAL),
    Column("detail", LongText, nullable=False),
    # wall clock
    Column("raised_us", BIG, nullable=False),
    Column("changed_us", BIG, nullable=False),
    Column("resolved_us", BIG),
    # That somebody is at it, since when, who, until when at most; null: nobody is.
    Column("acked_us", BIG),
    Column("acked_by", Name(NAME)),
    Column("acked_note", LongText),
    Column("acked_until_us", BIG),
    Column("severity", Name(STATE), nullable=False, server_default=""),  # the rule's; "": as bad as it is
    # a person said that it was a false alarm; `marked_state` is the one that this ended, "" where it was over
    Column("marked_us", BIG),
    Column("marked_by", Name(NAME)),
    Column("marked_note", LongText),
    Column("marked_state", Name(STATE)),
    Column("flapping_us", BIG),  # start of the window since which it flaps; null: it does not
    Index("incidents_of_endpoint", "endpoint_id", "resolved_us", "incident_id"),
    Index("incidents_resolved", "resolved_us", "incident_id"),
    # Those that ended, in order: `state` is the one that they have in common.
    Index("incidents_by_end", "endpoint_id", "application_name", "state", "ended_us"),
    Index("ended_incidents", "state", "last_us", "incident_id"),
    Index("ended_of_endpoint", "endpoint_id", "state", "last_us", "incident_id"),
    Index("ended_of_app", "application_name", "state", "last_us", "incident_id"),
    Index("ended_of_both", "endpoint_id", "application_name", "state", "last_us", "incident_id"),
    sqlite_autoincrement=True,  # no number is ever given twice
)  # fmt: skip

incident_windows = Table(  # evidence: what each window said when it was last judged
    "incident_windows", metadata,
    Column("rule", Name(RULE), primary_key=True),
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("result_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("end_us", BIG, nullable=False),
    Column("said", Name(STATE), nullable=False),
    Column("value", REAL),
    Column("rows", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
    Column("detail", LongText, nullable=False),  # the result's extra data, as JSON, or the app's error
    Column("stats", LongText, nullable=False),  # whole histograms, of windows that raised or escalated; ""
    Index("incident_windows_by_time", "start_us"),
)  # fmt: skip

incident_events = Table(  # the history of each incident
    "incident_events", metadata,
    Column("event_id", BIG, primary_key=True, autoincrement=True),
    Column("incident_id", BIG, nullable=False),
    Column("at_us", BIG, nullable=False),
    Column("before", Name(STATE), nullable=False),  # "": there was none
    Column("after", Name(STATE), nullable=False),
    Column("status", Integer, nullable=False),
    Column("window_us", BIG, nullable=False),
    Column("why", LongText, nullable=False),
    Index("events_of_incident", "incident_id", "event_id"),
)  # fmt: skip

outbox = Table(  # facts that someone outside may want to know, in the order of their transactions
    "outbox", metadata,
    Column("number", BIG, primary_key=True, autoincrement=False),
    Column("at_us", BIG, nullable=False),
    Column("kind", Name(RULE), nullable=False),
    Column("subject", Name(64), nullable=False),  # the endpoint's id
    Column("body", LongText, nullable=False),
    Index("outbox_by_age", "at_us"),
)  # fmt: skip

outbox_numbers = Table(  # the last number that was given to a fact, and to an endpoint
    "outbox_numbers", metadata,
    Column("name", Name(RULE), primary_key=True),
    Column("last", BIG, nullable=False),
)  # fmt: skip

outbox_readers = Table(  # how far each reader has come
    "outbox_readers", metadata,
    Column("reader", Name(64), primary_key=True),
    Column("upto", BIG, nullable=False),
)  # fmt: skip

INCIDENT_TABLES = (
    watches, incidents, incident_windows, incident_events, outbox, outbox_numbers, outbox_readers,
)  # fmt: skip
