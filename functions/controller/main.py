"""The controller: on every tick, the windows that are due go to the streams of their apps."""

from __future__ import annotations

from modelmon.nuclio import tick_handlers
from modelmon.stages.controller import Controller
from modelmon.upkeep.maintenance import maintain

init_context, handler = tick_handlers(lambda settings: Controller.open(settings, maintain))
