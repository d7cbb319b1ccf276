"""Where secrets are looked up, and what goes wrong beyond: no reason and no answer shows one."""

from __future__ import annotations

from collections.abc import Callable

from modelmon.alerting.secret_references import resolved, without
from modelmon.errors import UnavailableError
from modelmon.notify.outcome import LaterError, RefusedError

LookUp = Callable[[str], str]
"""A text with what its references stand for."""


def with_secrets(do: Callable[[LookUp], str]) -> str:
    """What `do` returns, without secrets.

    Raises LaterError where it may be taken if it is tried again, as for a secret that is not there;
    everything else is a RefusedError. Libraries raise much: for what one can't take nobody else waits.
    """
    secrets: set[str] = set()

    def look_up(text: str) -> str:
        return resolved(text, secrets)

    try:
        return without(do(look_up), secrets)
    except LaterError as error:
        raise LaterError(without(str(error), secrets), error.after_seconds) from None
    except UnavailableError as error:  # a secret that is not there
        raise LaterError(without(str(error), secrets)) from None
    except RefusedError as error:
        raise RefusedError(without(str(error), secrets)) from None
    except Exception as error:  # noqa: BLE001 - seam: it ends here, as something that is shown and not repeated
        raise RefusedError(without(f"it can't be done: {type(error).__name__}: {error}", secrets)) from None
