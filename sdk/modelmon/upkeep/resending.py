"""Dead letters back on the stream that they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from hashlib import sha256

from modelmon.errors import RejectedError
from modelmon.function_spec.topics import open_topic
from modelmon.ledger import dead_letters
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.wire.numbering import published_by


def resend(
    settings: Settings,
    records: Database,
    letters: Sequence[DeadLetter],
    now_us: int,
    body: bytes | None = None,
    watch: Callable[[Sequence[DeadLetter]], Iterable[DeadLetter]] = iter,
) -> None:
    """Publish each, or the mended `body` in its place, and note that. `watch` sees them go by.

    Publishing comes first: what a crash between the two sends twice counts once. Raises UnavailableError
    before anything is sent where one of the streams does not answer.
    """
    with ExitStack() as stack:
        streams = {}
        for name in dict.fromkeys(letter.stream for letter in letters):
            streams[name] = open_topic(settings, name)
            stack.callback(streams[name].close)
        for letter in watch(letters):
            key = "" if letter.endpoint_id == UNKNOWN_ENDPOINT else letter.endpoint_id
            again = letter.body if body is None else body
            if letter.stream == settings.events_stream:
                again = _numbered(letter, again)
            streams[letter.stream].publish([(key, again)])
            with records.write() as connection:
                dead_letters.mark_resent(connection, letter, now_us)


def _numbered(letter: DeadLetter, body: bytes) -> bytes:
    """The event under a publisher of this sending: the number it had counts as applied."""
    if letter.item < 0:  # nobody has read its number
        return body
    sending = f"{letter.stream_id}.{letter.partition}.{letter.offset}.{letter.item}.{letter.resent}"
    try:
        return published_by(body, f"resent-{sha256(sending.encode()).hexdigest()[:32]}", 1)
    except RejectedError:
        return body  # it was not mended: it comes back as it was
