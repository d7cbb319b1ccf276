"""The application as a function: of one project, at the address of the function's trigger."""

from __future__ import annotations

from starlette.applications import Starlette

from modelmon.api.access import check_address
from modelmon.api.application import make_application
from modelmon.settings import Settings


def make_function(settings: Settings) -> Starlette:
    """Raises ConfigError where others would reach the page and nothing says who may see it."""
    check_address(settings.http_host, settings)
    return make_application([settings])
