"""The concept drift app: do the same scores, or predictions, have other outcomes now?"""

from __future__ import annotations

from modelmon.apps import ConceptDriftApplication
from modelmon.nuclio import app_handlers

# Other arguments, for example: app_handlers(ConceptDriftApplication, maturity=0.8)
init_context, handler = app_handlers(ConceptDriftApplication)
