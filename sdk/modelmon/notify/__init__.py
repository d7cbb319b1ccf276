"""Messages to people and systems: what one says, and how it gets to each kind of channel.

Waiting and trying again are the caller's: here nothing sleeps, and nothing is sent twice by itself.
"""

from modelmon.notify.message import TEST, Line, Message, message_id
from modelmon.notify.outcome import LaterError, RefusedError
from modelmon.notify.sending import send
from modelmon.notify.starting import start

__all__ = ["TEST", "LaterError", "Line", "Message", "RefusedError", "message_id", "send", "start"]
