"""Settings of one technology: declared where it is spoken to, in a dataclass of its own, found from here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

TECHNOLOGIES = {
    "modelmon.sql.sql_settings": "SqlSettings",
    "modelmon.streams.kafka_settings": "KafkaSettings",
    "modelmon.deploying.nuclio_settings": "NuclioSettings",
    "modelmon.ledger.access_settings": "AccessSettings",
    "modelmon.export.export_settings": "ExportSettings",
}
"""Module to the dataclass in it. Each declares settings only: it is imported with the first settings."""


@cache
def technologies() -> tuple[type, ...]:
    """The dataclasses that declare the settings of each technology."""
    return tuple(getattr(import_module(module), name) for module, name in TECHNOLOGIES.items())
