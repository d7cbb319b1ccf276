"""A report as a server gives it, taken only if it is one: a notebook shows what is in it."""

from __future__ import annotations

from datetime import datetime
from html.parser import HTMLParser

from markupsafe import Markup

from modelmon.errors import ConfigError
from modelmon.pages.report import Report

_FORBIDDEN = {"script", "iframe", "object", "embed", "form", "base", "link", "img", "input", "button", "a"}
_ADDRESSES = {"src", "href", "xlink:href", "action", "formaction", "srcdoc", "background", "poster"}


def read_report(html: str, endpoint_name: str) -> Report:
    """Raises ConfigError for what is no report: one has no script, loads nothing and leads nowhere."""
    content = html.partition('<main id="main">')[2].rpartition("</main>")[0]
    seen = _Seen()
    seen.feed(content)
    if not content or seen.why or len(seen.times) < 2:
        raise ConfigError(f"the server's answer is no report of ModelMon: {seen.why or 'it has no window'}")
    start, end = seen.times[:2]
    return Report(endpoint_name, start, end, Markup(content))  # noqa: S704 - looked at above


class _Seen(HTMLParser):
    """Times in order, and `why` the markup is not one of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[datetime] = []
        self.why = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _FORBIDDEN or tag == "style":
            self.why = self.why or f"it has <{tag}>"
        for name, value in attrs:
            if name.startswith("on") or name in _ADDRESSES or name == "style":
                self.why = self.why or f"it has the attribute {name}"
            if tag == "time" and name == "datetime" and value:
                self.times.append(datetime.fromisoformat(value))
