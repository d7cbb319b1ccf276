"""Messages to people and the channels that they go to, as programs read them; one is sent again."""

from __future__ import annotations

from typing import Any

from modelmon.api.asked import Asked
from modelmon.api.problems import refused
from modelmon.api.rest.paging import Paged
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import ConfigError
from modelmon.ledger.alert_files import newest_file
from modelmon.model_monitoring.alerts import retry_message
from modelmon.views.messages import (
    ChannelView,
    MessagePage,
    SentMessage,
    known_message,
    list_channels,
    list_messages,
)

BASE = "/api/v1/projects/{project}"


class MessagesListed(Paged, kw_only=True, frozen=True):
    """With `failed` those alone that were given up."""

    failed: bool = False


def messages(asked: Asked, wanted: MessagesListed) -> MessagePage:
    with asked.database.read() as connection:
        try:
            return list_messages(connection, wanted.page_size, failed=wanted.failed, after=wanted.page_token)
        except ConfigError as error:
            raise refused(error, 400, "page-token") from None


def channels(asked: Asked, parameters: Any) -> tuple[ChannelView, ...]:
    with asked.database.read() as connection:
        return list_channels(connection, newest_file(connection).alerts.channels, asked.now_us)


def retry(asked: Asked, parameters: Any) -> SentMessage:
    return sent_again(asked)


def sent_again(asked: Asked) -> SentMessage:
    """The message that the path names waits to be sent. Raises Problem 404, and 409 for one that was not
    given up, or whose channel is gone."""
    message_id = asked.path["message"]
    with asked.database.read() as connection:
        try:
            known_message(connection, message_id)
        except ConfigError as error:
            raise refused(error, 404, "message") from None
    try:
        return retry_message(asked.settings, message_id, asked.who)
    except ConfigError as error:
        raise refused(error, 409, "message") from None


ROUTES = (
    Route("GET", f"{BASE}/messages", messages, "Messages to people, the newest first.", MessagesListed),
    Route("GET", f"{BASE}/channels", channels, "The channels of alerts.yaml, and how they stand."),
    Route(
        "POST", f"{BASE}/messages/{{message}}/retry", retry, "Send a message again that was given up.",
        role=Role.OPERATOR, audits=True,
    ),
)  # fmt: skip
