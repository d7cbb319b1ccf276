"""The page and the REST API of the project."""

from __future__ import annotations

from modelmon.api.function import make_function
from modelmon.nuclio import asgi_handlers

init_context, handler = asgi_handlers(make_function)
