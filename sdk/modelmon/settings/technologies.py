"""Settings of one technology: declared where it is spoken to, in a dataclass of its own, found from here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

TECHNOLOGIES = {
    "modelmon.sql.sql_settings": "SqlSettings",
    "modelmon.streams.kafka_settings": "KafkaSettings",
    "modelmon.deploying.nuclio_settings": "NuclioSettings",
    "modelmon.stores.actuals_settings": "ActualsSettings",
    "modelmon.ledger.access_settings": "AccessSettings",
    "modelmon.export.export_settings": "ExportSettings",
    "modelmon.ledger.budget_settings": "BudgetSettings",
    "modelmon.ledger.notify_settings": "NotifySettings",
    "modelmon.ledger.job_settings": "JobSettings",
}
"""Module to the dataclass in it. Each declares settings only: it is imported with the first settings."""


@cache
def technologies() -> tuple[type, ...]:
    """The dataclasses that declare the settings of each technology."""
    return tuple(getattr(import_module(module), name) for module, name in TECHNOLOGIES.items())


@cache
def defaults() -> Mapping[type, Any]:
    """The settings of each technology where nobody has set one."""
    return {kind: kind() for kind in technologies()}
