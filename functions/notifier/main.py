"""The notifier: what there is to tell goes to Slack, mail, webhooks and whoever else is told."""

from __future__ import annotations

from modelmon.nuclio import tick_handlers
from modelmon.stages.notifier import Notifier

init_context, handler = tick_handlers(Notifier.open)
