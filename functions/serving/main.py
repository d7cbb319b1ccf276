"""Serves the models that `serving.json` names over the V2 protocol, and logs their requests."""

from modelmon.nuclio import http_handlers
from modelmon.serving import serve_beside

init_context, handler = http_handlers(lambda settings: serve_beside(__file__, settings))
