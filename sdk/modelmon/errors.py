"""The three ways in which something can be wrong, and what happens then."""

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 12


class ModelMonError(Exception):
    """Base of every error that ModelMon raises on purpose.

    `published` are the places of the records that a publish had stored when it failed.
    """

    published: frozenset[int] = frozenset()


class ConfigError(ModelMonError):
    """A setting or a request is wrong: stop at start, or refuse the call; waiting will not help."""


class StoreError(ConfigError):
    """A store is there and not as it has to be: whoever runs ModelMon has to mend it, whoever asks can't."""


class RejectedError(ModelMonError, ValueError):
    """One message can't be read: set it aside with this reason and go on.

    `field` names the part of the message that is wrong, as a dotted path ("" when it is the whole).
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class UnavailableError(ModelMonError):
    """Something we depend on (stream, store, disk) does not answer now: wait and try again."""


def no_such(said: str, name: str, known: Iterable[str]) -> ConfigError:
    """What was `said` of a name that is not there, with the nearest one or the first few that are.

    >>> str(no_such("no app 'drfit'", "drfit", ["drift", "slow"]))
    "no app 'drfit'; did you mean drift?"
    """
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return ConfigError(f"{said}; did you mean {close[0]}?")
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ConfigError(f"{said}; there are: {', '.join(names[:_LISTED]) or 'none'}{more}")


def uncapitalized(said: str) -> str:
    """A sentence as it goes on behind a colon; what is written in capitals stays so.

    >>> uncapitalized("Expected `int`"), uncapitalized("JSON is malformed")
    ('expected `int`', 'JSON is malformed')
    """
    return said if said[1:2].isupper() else said[:1].lower() + said[1:]
