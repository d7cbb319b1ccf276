"""What may hold a password or a key, and how to speak of it without showing it.

In doubt something is secret: a password that is called one costs nothing, the other mistake can't be undone.
"""

from __future__ import annotations

import re

import yaml

OPEN_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?[\w/.,:~ +-]*")
"""No user, no query, no fragment, nothing quoted: scheme, hosts with ports, a path."""
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
SECRET_NAME = re.compile(r"secret|pas+w|pass(?![a-z])|passphrase|pwd|token|key|credential", re.IGNORECASE)
_KINDS_OF_MISTAKE: dict[type[Exception], str] = {
    yaml.reader.ReaderError: "a character that YAML does not allow",
    yaml.scanner.ScannerError: "a character or a line that YAML can't read there",
    yaml.parser.ParserError: "something that YAML does not expect there",
    yaml.composer.ComposerError: "an alias (*) without its anchor (&), or an anchor that is there twice",
    yaml.constructor.ConstructorError: "a tag (!) that is unknown, or a key that can't be one",
}


def may_hold_credential(address: str) -> bool:
    """Whether an address (URL, folder, host) has anything in it that can be a credential.

    >>> [may_hold_credential(each) for each in ("kafka://a:9092", "s3://k:s@b", "mysql://h/d?password=s")]
    [False, True, True]
    """
    return OPEN_ADDRESS.fullmatch(address) is None


def shown_address(address: str) -> str:
    """The address for a message, without all that may be a credential.

    >>> shown_address("kafka://a:9092/events"), shown_address("kafka://ann:secret@a:9092/events")
    ('kafka://a:9092/events', 'kafka://…')
    """
    if not may_hold_credential(address):
        return address
    scheme = SCHEME.match(address)
    return f"{scheme.group()}…" if scheme else "…"


def yaml_mistake(error: Exception) -> str:
    """Where a text is no YAML and what kind of mistake it is; the line itself may hold a password.

    YAML's own message quotes it. Errors of reading single values (a date, a number) know no place.
    """
    kind = _KINDS_OF_MISTAKE.get(type(error), "a value that can't be read, like a date that no calendar has")
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return f'{place}{kind}; put texts with special characters in quotes, "like this"'


def looks_secret(name: str) -> bool:
    """Whether something of this name (a variable, a key) usually is a secret.

    >>> looks_secret("AWS_SECRET_ACCESS_KEY"), looks_secret("LOG_LEVEL")
    (True, False)
    """
    return SECRET_NAME.search(name) is not None
