"""The dead man's switch is called: that all is well, or what is not."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.alerting.heartbeat import Heartbeat
from modelmon.notify.outcome import LaterError, RefusedError
from modelmon.notify.posting import post
from modelmon.notify.seam import with_secrets

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def call(heartbeat: Heartbeat, troubles: Sequence[str]) -> str:
    """Returns "", or why it could not be called, which shows no secret. With troubles it is the address for
    them that is called, if there is one, and told of them."""
    address = heartbeat.fail_url if troubles else heartbeat.url
    if not address:
        return ""
    body = "\n".join(troubles or ["all is well"]).encode()
    try:
        with_secrets(lambda look_up: post(look_up(address), body, TEXT))
    except (LaterError, RefusedError) as error:
        return str(error)
    return ""
