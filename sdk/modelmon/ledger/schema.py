"""The tables of the records and the ledger; `migrations.py` says how one version becomes the next.

Times are whole microseconds since the epoch (`…_us`), JSON is text. Each table has one writer, named
beside it; a column with another writer says so.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, text

from modelmon.ledger.file_tables import file_table
from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.schema import partial_index
from modelmon.sql.types import BIG, BYTES, REAL, LongText, Name

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("migrated_us", BIG, nullable=False),
)

# --- records: endpoints and apps (SDK; the stream function adds discovered endpoints and names) ---------

endpoints = Table(
    "endpoints", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("project", Name(64), nullable=False),
    Column("name", Name(NAME), nullable=False),
    Column("function_name", Name(NAME), nullable=False),
    Column("function_uri", LongText, nullable=False),
    Column("model_class", LongText, nullable=False),
    Column("model_uri", LongText, nullable=False),
    Column("version", Name(NAME), nullable=False),
    Column("endpoint_type", Integer, nullable=False),
    Column("mode", Name(16), nullable=False),
    Column("discovered", Boolean, nullable=False),
    Column("labels", LongText, nullable=False),
    Column("feature_names", LongText, nullable=False),
    Column("label_names", LongText, nullable=False),
    Column("feature_stats", LongText, nullable=False),
    Column("policy", LongText, nullable=False),
    Column("created_us", BIG, nullable=False),
    Column("updated_us", BIG, nullable=False),
    Column("deleting_us", BIG),  # since when it is being forgotten; null: it is not
    Column("profile_hash", Name(64), nullable=False, server_default=""),  # "": none
    Column("performance_hash", Name(64), nullable=False, server_default=""),  # "": none
)  # fmt: skip

apps = Table(
    "apps", metadata,
    Column("name", Name(NAME), primary_key=True),
    Column("base_period", Integer),  # minutes; null: the project's
    Column("registered_us", BIG, nullable=False),
    Column("active", Boolean, nullable=False),
)  # fmt: skip

functions = Table(
    "functions", metadata,
    Column("name", Name(NAME), primary_key=True),
    Column("kind", Name(32), nullable=False),  # infra, app, serving, page
    Column("spec", LongText, nullable=False),
    Column("deployed", Boolean, nullable=False),
    Column("updated_us", BIG, nullable=False),
)  # fmt: skip

project_values = Table(  # what the project itself remembers: monitoring enabled, base period
    "project_values", metadata,
    Column("name", Name(NAME), primary_key=True),
    Column("value", LongText, nullable=False),
)  # fmt: skip

# --- ledger of the stream function ----------------------------------------------------------------------

positions = Table(
    "positions", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("stream", LongText, nullable=False),
    Column("epoch", BIG, nullable=False),
    Column("applied", BIG, nullable=False),  # last offset applied, -1: none
    Column("applied_us", BIG, nullable=False),  # wall clock of that commit
    Column("open_first", BIG),
    Column("open_last", BIG),
    Column("open_tries", Integer),
    Column("open_us", BIG),  # wall clock of its first start: what a repeated batch takes as now
    Column("nop_us", BIG, nullable=False),  # the controller's clock that came last in this partition
)  # fmt: skip

stream_marks = Table(  # where the controller saw a stream end when; its retention goes by them
    "stream_marks", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("noted_us", BIG, primary_key=True),
    Column("end_offset", BIG, nullable=False),
)  # fmt: skip

void_ranges = Table(  # batches that were cut smaller after failing: series points under them don't count
    "void_ranges", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("first", BIG, primary_key=True),
    Column("last", BIG, primary_key=True),
    Column("noted_us", BIG),  # null: before that was noted
)  # fmt: skip

traffic = Table(  # one row an endpoint: received = stored + errors + rejected
    "traffic", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("received", BIG, nullable=False),
    Column("stored", BIG, nullable=False),
    Column("errors", BIG, nullable=False),
    Column("rejected", BIG, nullable=False),
    Column("late", BIG, nullable=False),  # written by the controller
    Column("missing", BIG, nullable=False),  # gaps in the publishers' numbers
    Column("repeated", BIG, nullable=False, server_default="0"),  # rows that came again, not in `received`
    Column("first_request_us", BIG),
    Column("last_request_us", BIG),
    Column("committed_us", BIG, nullable=False),  # wall clock of the newest commit with rows of it
    Column("completed_us", BIG),  # batch endpoints: the completion message's last timestamp
    Column("last_error", LongText, nullable=False),
    Column("last_error_us", BIG),  # when the newest request that failed was made
)  # fmt: skip

latencies = Table(  # answered requests by how long they took, one row a partition and bit length
    "latencies", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("bucket", Integer, primary_key=True),  # i: from 2**(i-1) on until 2**i microseconds, 0: zeros
    Column("requests", BIG, nullable=False),
    Column("latency_us", REAL, nullable=False),  # of them together, which no whole number may hold
)  # fmt: skip

publishers = Table(
    "publishers", metadata,
    Column("publisher_id", Name(64), primary_key=True),
    Column("endpoint_id", Name(64), primary_key=True),
    Column("last_number", BIG, nullable=False),
    Column("gaps", LongText),  # spans before it that were never applied, as JSON; null: none
    Column("noted_us", BIG),  # when it was last heard of; null: before that was noted
)  # fmt: skip

files = file_table("files")  # of samples

rewrites = Table(  # a file under way that takes the place of others; its writer is upkeep
    "rewrites", metadata,
    Column("rewrite_id", Name(64), primary_key=True),
    Column("endpoint_id", Name(64), nullable=False),
    Column("started_us", BIG, nullable=False),
    Index("rewrites_by_endpoint", "endpoint_id"),
)  # fmt: skip

erasures = Table(  # who was asked to forget what of whom: never the values; its writer is upkeep
    "erasures", metadata,
    Column("erasure_id", Name(64), primary_key=True),
    Column("endpoint_id", Name(64), nullable=False),
    Column("columns", LongText, nullable=False),  # whose values were given, as JSON
    Column("rows", BIG, nullable=False),
    Column("files", BIG, nullable=False),
    Column("started_us", BIG, nullable=False),
    Column("finished_us", BIG),  # null: it did not come to its end
)  # fmt: skip

schema_changes = Table(
    "schema_changes", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("column", Name(NAME), primary_key=True),
    Column("change", Name(16), primary_key=True),  # new, missing, retyped
    Column("detail", Name(NAME), primary_key=True),
    Column("first_seen_us", BIG, nullable=False),
)  # fmt: skip

column_types = Table(  # the types each column of an endpoint was last seen with
    "column_types", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("column", Name(NAME), primary_key=True),
    Column("type", Name(64), nullable=False),
)  # fmt: skip

dead_letters = Table(
    "dead_letters", metadata,
    Column("stream_id", Name(64), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BIG, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("stream", LongText, nullable=False),
    Column("endpoint_id", Name(64), nullable=False),
    Column("field", LongText, nullable=False),
    Column("reason", LongText, nullable=False),
    Column("body", BYTES, nullable=False),
    Column("created_us", BIG, nullable=False),
    Column("resent_us", BIG),  # written by `modelmon deadletters resend`
    Column("not_kept", BIG, nullable=False, server_default="0"),  # stands for so many that are not kept
)  # fmt: skip

dirty = Table(  # minutes with rows the controller has not seen; it deletes what it read, version for version
    "dirty", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("minute_us", BIG, primary_key=True),
    Column("version", BIG, nullable=False),
    Column("rows", BIG, nullable=False),
    Column("actuals", BIG, nullable=False, server_default="0"),  # that came for predictions of the minute
)  # fmt: skip

# --- ledger of the windows ------------------------------------------------------------------------------

periods = Table(  # the grid of an app: from this boundary on its windows have this length (controller)
    "periods", metadata,
    Column("application_name", Name(NAME), primary_key=True),
    Column("from_us", BIG, primary_key=True),
    Column("minutes", Integer, nullable=False),
)  # fmt: skip

windows = Table(
    "windows", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("end_us", BIG, nullable=False),
    # controller
    Column("wanted", BIG, nullable=False),
    Column("sent", BIG, nullable=False),
    Column("sent_us", BIG),
    Column("sends", Integer, nullable=False),  # of the revision in `sent`
    Column("dirty_us", BIG, nullable=False),  # wall clock of the newest change, for the grace of a re-opening
    Column("late", BIG, nullable=False),
    Column("incomplete", Integer, nullable=False),  # 1: the data begin inside, 2: they end inside, 3: both
    Column("check_us", BIG),  # when the controller looks at it next; null: nothing is left for it to do
    # the watermark that it waits for, so that no look before helps; 0: none
    Column("watermark_us", BIG, nullable=False, server_default="0"),
    # app
    Column("attempts", Integer, nullable=False),
    Column("attempt_revision", BIG, nullable=False),
    # writer
    Column("answered", BIG, nullable=False),
    Column("answered_us", BIG),  # wall clock of that answer; null: before that was noted
    Column("outcome", Name(16), nullable=False),  # "", done, failed
    Column("error", LongText, nullable=False),
    Column("envelopes", Integer, nullable=False),
    Column("rows", BIG, nullable=False),  # rows the verdict stands on
    # whoever changes it
    Column("counted", Integer, nullable=False, server_default="0"),  # how `endpoint_apps` counts it
    # controller: 1: rows were expected, and none have come; 0: it has some
    Column("empty", Integer, nullable=False, server_default="0"),
    Index("windows_due", "watermark_us", "check_us", "endpoint_id", "application_name", "start_us"),
    # Most windows wait for none: where the database can, they are not in it.
    partial_index("windows_waiting", "endpoint_id", "watermark_us", where=text("watermark_us > 0")),
    Index("windows_incomplete", "endpoint_id", "incomplete"),
    Index("windows_by_outcome", "endpoint_id", "application_name", "outcome", "start_us"),
    Index("windows_by_end", "application_name", "end_us"),
    Index("windows_under_way", "endpoint_id", "check_us"),
)  # fmt: skip

endpoint_apps = Table(  # how each app stands with each endpoint; whoever changes `windows` writes it
    "endpoint_apps", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("done", BIG, nullable=False),  # windows that have come to rest
    Column("failed", BIG, nullable=False),
    Column("partial", BIG, nullable=False),  # of those done
    Column("incomplete", BIG, nullable=False),
    Column("warming_up", BIG, nullable=False),
    Column("no_data", BIG, nullable=False),
    Column("newest_us", BIG),  # start of the newest window that ended
    Column("analyzed_us", BIG),  # end of the newest window that was done
)  # fmt: skip

reported = Table(  # windows that an app spoke of and did not end: the revision of them that counts (writer)
    "reported", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("revision", BIG, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

# --- verdicts (writer) ----------------------------------------------------------------------------------

verdicts = Table(  # last state of each result: what an endpoint's status per kind is derived from
    "verdicts", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("name", Name(NAME), primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("value", REAL, nullable=False),
    Column("extra_data", LongText, nullable=False),
    Column("start_us", BIG, nullable=False),
    Column("end_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
)  # fmt: skip

app_stats = Table(  # current_stats and drift_measures of the newest window
    "app_stats", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("name", Name(NAME), primary_key=True),
    Column("stats", LongText, nullable=False),
    Column("timestamp_us", BIG, nullable=False),
    Column("start_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
)  # fmt: skip

artifacts = Table(  # files that apps kept of windows: where each is
    "artifacts", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("name", Name(NAME), primary_key=True),
    Column("end_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
    Column("path", LongText, nullable=False),  # below `artifacts_path`, or an address elsewhere
    Column("size_bytes", BIG, nullable=False),
    Column("written_us", BIG, nullable=False),
    Column("tag", LongText, nullable=False),
    Index("artifacts_by_time", "start_us", "endpoint_id", "application_name", "name"),
    Index("artifacts_of_app", "application_name", "start_us", "endpoint_id", "name"),
    Index("artifacts_by_end", "end_us"),
)  # fmt: skip

heartbeats = Table(  # what each worker of a function last said of itself
    "heartbeats", metadata,
    Column("function_name", Name(NAME), primary_key=True),
    Column("worker", Name(NAME), primary_key=True),
    Column("trigger", Name(NAME), nullable=False),
    Column("state", Name(32), nullable=False),
    Column("reason", LongText, nullable=False),
    Column("since_us", BIG, nullable=False),
    Column("beat_us", BIG, nullable=False),
    Column("expires_us", BIG, nullable=False),
    Column("behind_seconds", REAL, nullable=False),
    Column("partitions", LongText, nullable=False),
)  # fmt: skip

# --- who may ask (the page and the REST API, `modelmon token`) --------------------------------------------

tokens = Table(
    "tokens", metadata,
    Column("token_hash", Name(64), primary_key=True),  # SHA-256; the token itself is nowhere
    Column("name", Name(NAME), nullable=False),
    Column("role", Name(16), nullable=False),
    Column("created_us", BIG, nullable=False),
    Column("expires_us", BIG),  # null: never
    Column("revoked_us", BIG),
    Index("tokens_by_name", "name"),
)  # fmt: skip

login_failures = Table(
    "login_failures", metadata,
    Column("minute_us", BIG, primary_key=True, autoincrement=False),
    Column("failures", Integer, nullable=False),
)  # fmt: skip

audit = Table(  # what people did, by whatever way
    "audit", metadata,
    Column("audit_id", BIG, primary_key=True, autoincrement=True),
    Column("at_us", BIG, nullable=False),
    Column("who", Name(NAME), nullable=False),
    Column("what", LongText, nullable=False),
    Column("of", LongText, nullable=False),
    Column("outcome", LongText, nullable=False),
    Index("audit_by_time", "at_us"),
)  # fmt: skip

# --- what goes to other systems (writer and exporter) -----------------------------------------------------

judged = Table(  # windows whose verdicts wait to be sent, in the order in which they were told; the writer's
    "judged", metadata,
    Column("number", BIG, primary_key=True, autoincrement=False),
    Column("endpoint_id", Name(64), nullable=False),
    Column("application_name", Name(NAME), nullable=False),
    Column("start_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
)  # fmt: skip

exports = Table(  # how far each exporter has come, and what it last heard; the exporter's
    "exports", metadata,
    Column("exporter", Name(64), primary_key=True),
    Column("upto", BIG, nullable=False),  # the last number of `judged` that is done with
    Column("sent", BIG, nullable=False),  # points
    Column("refused", BIG, nullable=False),  # points that the other side wants in no case
    Column("wait_until_us", BIG, nullable=False),  # 0: it may be asked now
    Column("tries", Integer, nullable=False),  # that came to nothing, one after the other
    Column("problem", LongText, nullable=False),  # of the last of them
)  # fmt: skip
