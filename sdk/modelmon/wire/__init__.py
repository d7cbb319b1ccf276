"""Every wire format: values to bytes on the streams, and back. 'Wire formats' in the docs describes them."""

from __future__ import annotations

from modelmon.wire.actuals import write_actuals
from modelmon.wire.app_events import AppEvent, read_app_event, write_app_event
from modelmon.wire.batch_writing import BatchedEvent, batched, write_message
from modelmon.wire.events import read_message
from modelmon.wire.identity import endpoint_name_of, split_function_uri
from modelmon.wire.items import Actuals, BatchComplete, ErrorEvent, Item, NopEvent, RejectedItem, ServingEvent
from modelmon.wire.publishing import (
    write_batch,
    write_batch_complete,
    write_error_event,
    write_event,
    write_nop_event,
)
from modelmon.wire.reports import Envelope, read_report, write_report
from modelmon.wire.times import read_moment, write_moment

__all__ = [
    "Actuals",
    "AppEvent",
    "BatchComplete",
    "BatchedEvent",
    "Envelope",
    "ErrorEvent",
    "Item",
    "NopEvent",
    "RejectedItem",
    "ServingEvent",
    "batched",
    "endpoint_name_of",
    "read_app_event",
    "read_message",
    "read_moment",
    "read_report",
    "split_function_uri",
    "write_actuals",
    "write_app_event",
    "write_batch",
    "write_batch_complete",
    "write_error_event",
    "write_event",
    "write_message",
    "write_moment",
    "write_nop_event",
    "write_report",
]
