"""A message through its channel, once."""

from __future__ import annotations

from modelmon.alerting.channels import Channel, ChannelKind
from modelmon.notify.mail import Attachment, Envelope, send_mail
from modelmon.notify.message import Message
from modelmon.notify.seam import LookUp, with_secrets
from modelmon.notify.slack import send_slack
from modelmon.notify.webhook import send_webhook
from modelmon.notify.with_apprise import send_apprise


def send(channel: Channel, message: Message, attached: Attachment | None = None) -> str:
    """Returns "" when it was taken, or what was not as it should be all the same.

    Raises LaterError where it may be taken if it is sent again, RefusedError where it won't. No reason shows
    a secret.
    """
    return with_secrets(lambda look_up: _BY_KIND[channel.kind](channel, message, look_up, attached))


def _slack(channel: Channel, message: Message, look_up: LookUp, _: Attachment | None) -> str:
    send_slack(look_up(channel.url), message)
    return ""


def _webhook(channel: Channel, message: Message, look_up: LookUp, _: Attachment | None) -> str:
    secrets = [look_up(each) for each in (channel.secret, channel.secret_before) if each]
    headers = {name: look_up(value) for name, value in (channel.headers or {}).items()}
    send_webhook(look_up(channel.url), message, secrets, headers)
    return ""


def _mail(channel: Channel, message: Message, look_up: LookUp, attached: Attachment | None) -> str:
    envelope = Envelope(channel.sender, channel.to)
    server, user, password = map(look_up, (channel.server, channel.user, channel.password))
    # A report that could not be made, or is too large to go with it, is linked in its place.
    links = channel.report == "link" or (channel.report == "attach" and attached is None)
    return send_mail(server, user, password, envelope, message, attached, links=links)


def _apprise(channel: Channel, message: Message, look_up: LookUp, _: Attachment | None) -> str:
    send_apprise(look_up(channel.url), message)
    return ""


_BY_KIND = {
    ChannelKind.SLACK: _slack,
    ChannelKind.MAIL: _mail,
    ChannelKind.WEBHOOK: _webhook,
    ChannelKind.APPRISE: _apprise,
}
