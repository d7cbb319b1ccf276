"""The three ways in which something can be wrong, and what happens then."""


class ModelMonError(Exception):
    """Base of every error that ModelMon raises on purpose.

    `published` are the places of the records that a publish had stored when it failed.
    """

    published: frozenset[int] = frozenset()


class ConfigError(ModelMonError):
    """A setting or a request is wrong: stop at start, or refuse the call; waiting will not help."""


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
