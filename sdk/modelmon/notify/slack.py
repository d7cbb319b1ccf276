"""A message as Slack shows it: a title, the worst incidents with what was found of each, a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.notify.message import Line, Message, hint
from modelmon.notify.posting import post

MOST_TITLE, MOST_SECTION, MOST_TEXT, MOST_LINK = 150, 2900, 2900, 500
"""Slack refuses a header of more than 150 characters and a section of more than 3,000."""
SIGNS = {"high": "🔴", "medium": "🟠", "low": "🟡", "resolved": "🟢"}


def blocks(message: Message) -> dict[str, Any]:
    """What is posted: `blocks`, and the `text` that a notification shows.

    Names are escaped: nothing that somebody has called an endpoint is a link or a mention.
    """
    title = cut(message.title, MOST_TITLE)
    shown: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    shown += [_section(_line(line)) for line in message.lines]
    if message.more:
        shown.append(_section(f"and {count(message.more, 'more incident')}"))
    link = f"<{message.link}|Open in ModelMon>" if message.link else ""
    foot = " · ".join(filter(None, (f"Project {escaped(message.project)}", hint(message), link)))
    shown.append({"type": "context", "elements": [_text(foot)]})
    return {"text": cut(escaped(f"{message.title} ({message.project})"), MOST_TEXT), "blocks": shown}


def send_slack(address: str, message: Message) -> None:
    """Raises LaterError and RefusedError."""
    post(address, msgspec.json.encode(blocks(message)), {"Content-Type": "application/json"})


def escaped(text: str) -> str:
    """As Slack wants it.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """The beginning of a text that is too long, with … for the rest."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(cut(text, MOST_SECTION))}


def _text(text: str) -> dict[str, Any]:
    """Verbatim: else Slack makes mentions and links of what looks like one, as of a column `@channel`."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _is_link(value: str) -> bool:
    """Whether Slack can have it as a link: in its own links a | divides, and a blank ends them."""
    is_one = value.startswith(("https://", "http://")) and len(value) <= MOST_LINK
    return is_one and value.isprintable() and not set(value) & set("| ")


def _line(line: Line) -> str:
    return "\n".join(filter(None, _rows(line)))


def _rows(line: Line) -> Iterator[str]:
    sign = SIGNS.get("resolved" if line.what == "resolved" else line.severity, "⚪")
    name = escaped(cut(line.endpoint, 200))
    head = f"<{line.link}|{name}>" if line.link else name
    number = f" (incident {line.incident_id})" if line.incident_id else ""
    yield f"{sign} *{head}* {escaped(line.what)}{number}"
    yield cut(escaped(line.found), 1500)
    links = [(name, value) for name, value in line.facts if _is_link(value)]
    facts = [fact for fact in line.facts if fact not in links]
    yield cut(" · ".join(f"{escaped(name)} {escaped(value)}" for name, value in facts), 700)
    yield from (f"{escaped(name)} <{escaped(value)}>" for name, value in links)
    if line.todo:
        yield f"_{cut(escaped(line.todo), 300)}_"
