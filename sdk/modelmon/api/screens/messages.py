"""The page of messages: the channels and how they stand, what was sent, what was given up."""

from __future__ import annotations

from typing import Literal

from starlette.responses import RedirectResponse, Response

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here
from modelmon.api.parameters import NoParameters
from modelmon.api.problems import refused
from modelmon.api.rest.messages import sent_again
from modelmon.api.roles import Role
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.alert_tabs import MESSAGES, alert_tabs
from modelmon.api.time_range import Ranged
from modelmon.errors import ConfigError
from modelmon.ledger.alert_files import newest_file
from modelmon.views.messages import list_channels, list_messages


class MessagesShown(Ranged, kw_only=True, frozen=True):
    """Parameters of the list: `after` where the page before ended."""

    show: Literal["all", "failed"] = "all"
    after: str = ""


def messages(asked: Asked, shown: MessagesShown) -> Page:
    """The channels, and messages to them, the newest first."""
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "incidents", shown)
        channels = list_channels(connection, newest_file(connection).alerts.channels, asked.now_us)
        try:
            page = list_messages(connection, failed=shown.show == "failed", after=shown.after)
        except ConfigError as error:
            raise refused(error, 400, "after") from None
    values = {
        "frame": frame, "channels": channels, "page": page, "shown": shown,
        "alert_tabs": alert_tabs(asked, MESSAGES),
        "everything": here(asked, show=None),
        "failed": here(asked, show="failed"),
        "more": here(asked, after=page.after) if page.after else "",
        "there": {each.name for each in channels},
        "retry": lambda each: address(asked, "messages", each.message_id, "retry"),
        "may_act": asked.user.role >= Role.OPERATOR, "form_token": asked.form_token,
    }  # fmt: skip
    return Page("messages.html", values)


def retry(asked: Asked, parameters: NoParameters) -> Response:
    """One that was given up waits to be sent, and back to the list."""
    sent_again(asked)
    return RedirectResponse(address(asked, "messages"), 303)


ROUTES = (
    Route(
        "GET", "/projects/{project}/messages", messages,
        "Messages to people, and the channels that they go to.", MessagesShown, kind=Kind.PAGE,
    ),
    Route(
        "POST", "/projects/{project}/messages/{message}/retry", retry, "Send a message again.",
        role=Role.OPERATOR, audits=True, kind=Kind.PAGE,
    ),
)  # fmt: skip
