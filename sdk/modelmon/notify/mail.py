"""A message by mail: as text and as HTML, that all mail programs show, with a report where it is wanted."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from modelmon.counting import count
from modelmon.notify.conversing import Conversation, ConversationInTLS
from modelmon.notify.deadline import Deadline, within
from modelmon.notify.message import Line, Message, hint
from modelmon.notify.outcome import LaterError, RefusedError
from modelmon.notify.trusting import trusted_by_mail

SECONDS = 10.0
"""How long the server has for each of its answers."""
ALL_SECONDS = 60.0
"""How long all of them and the mail may take together."""
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
COLOURS = {"high": "#b3261e", "medium": "#9a5b00", "low": "#6b6200", "resolved": "#1b6e3c"}
"""Dark enough to be read on white, and light enough for what turns a mail dark to keep apart."""
MOST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom."""

    sender: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A report to go with it: one file of HTML."""

    name: str
    content: bytes


def mail_of(
    envelope: Envelope, message: Message, attached: Attachment | None = None, *, links: bool = True
) -> EmailMessage:
    """The mail, with `links` to reports. Its Message-ID is the id of the message, so that a mail server knows
    one that comes again."""
    domain = envelope.sender.rpartition("@")[2]
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = _one_line(f"[{message.project}] {message.title}")[:MOST_SUBJECT]
    mail["From"], mail["To"] = envelope.sender, ", ".join(envelope.to)
    mail["Date"] = format_datetime(datetime.fromisoformat(message.at))
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    if message.thread:  # programs put what has the same root below one another
        mail["References"] = f"<{message.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(message, links=links))
    mail.add_alternative(_template("mail.html").render(_told(message, links)), subtype="html")
    if attached is not None:
        mail.add_attachment(attached.content, maintype="text", subtype="html", filename=attached.name)
    return mail


def as_text(message: Message, *, links: bool = True) -> str:
    """The message as a mail says it without HTML."""
    text: str = _template("mail.txt").render(_told(message, links))
    return text


def send_mail(
    server: str,
    user: str,
    password: str,
    envelope: Envelope,
    message: Message,
    attached: Attachment | None = None,
    *,
    links: bool = True,
) -> str:
    """Returns "", or which of several recipients the server has refused. Raises LaterError, RefusedError."""
    mail = mail_of(envelope, message, attached, links=links)
    with within(ALL_SECONDS) as deadline:
        try:
            refused = _handed_over(server, user, password, envelope, mail, deadline)
        except ssl.SSLError as error:  # before OSError, which it is
            raise LaterError(f"TLS with the mail server fails: {error.reason or error}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise _too_slow() if deadline.passed else _meaning(error) from None
    if not refused:
        return ""
    told = "; ".join(f"{to}: {_said(*answer)}" for to, answer in refused.items())
    return f"{count(len(refused), 'recipient')} of {len(envelope.to)} refused: {told}"


def _handed_over(
    server: str, user: str, password: str, envelope: Envelope, mail: EmailMessage, deadline: Deadline
) -> dict[str, tuple[int, bytes]]:
    """Returns who of several recipients is refused, and how."""
    connection = _connect(server, deadline)
    try:
        if user or password:
            connection.login(unquote(user), password)
        return connection.send_message(mail, envelope.sender, envelope.to)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()


def _connect(address: str, deadline: Deadline) -> smtplib.SMTP:
    parts = urlsplit(address)
    if parts.scheme not in PORTS or not parts.hostname:
        raise RefusedError("its server is no address that begins with smtp://, smtp+starttls:// or smtps://")
    place = parts.hostname, parts.port or PORTS[parts.scheme]
    if parts.scheme == "smtps":
        return ConversationInTLS(deadline, *place, timeout=SECONDS, context=trusted_by_mail())
    connection = Conversation(deadline, *place, timeout=SECONDS)
    if parts.scheme == "smtp+starttls":
        try:
            connection.starttls(context=trusted_by_mail())
        except BaseException:
            connection.close()
            raise
    return connection


def _too_slow() -> LaterError:
    return LaterError(f"the mail server was not done within {ALL_SECONDS:g} s")


def _meaning(error: Exception) -> LaterError | RefusedError:
    """What of a mail server is for good: what it answers with 5.., by RFC 5321, 4.2.1."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        told = "; ".join(f"{to}: {_said(*answer)}" for to, answer in error.recipients.items())
        codes = [code for code, _ in error.recipients.values()]
        kind = RefusedError if codes and min(codes) >= 500 else LaterError
        return kind(f"the mail server takes no recipient: {told}")
    if isinstance(error, smtplib.SMTPResponseException):
        kind = RefusedError if error.smtp_code >= 500 else LaterError
        what = "refuses the login" if isinstance(error, smtplib.SMTPAuthenticationError) else "answers"
        return kind(f"the mail server {what}: {_said(error.smtp_code, error.smtp_error)}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return RefusedError(f"the mail server can't do what is asked of it: {error}")
    if isinstance(error, TimeoutError):
        return LaterError(f"the mail server does not answer within {SECONDS:g} s")
    if isinstance(error, socket.gaierror):
        return LaterError("the mail server's name is not known")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return LaterError(f"the mail server can't be reached: {said}")


def _one_line(text: str) -> str:
    """What may stand in a header: of a name that goes on in the next line that would be another header."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"


def _told(message: Message, links: bool) -> dict[str, Any]:
    made = f"{datetime.fromisoformat(message.at):%Y-%m-%d %H:%M:%S} UTC"
    return {
        "message": message, "colours": COLOURS, "count": count, "links": links, "made": made,
        "hint": hint(message), "marks": _marks, "is_link": _is_link,
    }  # fmt: skip


def _marks(line: Line) -> str:
    """What stands behind the word, small."""
    number = f"incident {line.incident_id}" if line.incident_id else ""
    is_over = line.what == "resolved"
    return ", ".join(
        filter(None, ("" if is_over else line.severity, "" if is_over else line.application, number))
    )


def _is_link(value: str) -> bool:
    return value.startswith(("https://", "http://"))


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("modelmon.notify"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=select_autoescape(["html"]),
    )  # fmt: skip


def _template(name: str) -> Any:
    return _templates().get_template(name)
