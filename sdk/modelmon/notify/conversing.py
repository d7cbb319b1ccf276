"""Conversations with mail servers that end at a deadline, and not only each answer of theirs."""

from __future__ import annotations

import smtplib
from typing import Any

from modelmon.notify.deadline import Deadline


class Conversation(smtplib.SMTP):
    """As smtplib has it; its socket, which TLS changes, is watched from the greeting on."""

    def __init__(self, deadline: Deadline, *place: Any, **more: Any) -> None:
        self._deadline = deadline
        super().__init__(*place, **more)

    def getreply(self) -> tuple[int, bytes]:
        self._deadline.watch(self.sock)
        return super().getreply()


class ConversationInTLS(Conversation, smtplib.SMTP_SSL):
    """The same, in TLS from the beginning."""
