"""What the settings say of messages; channels and rules are in `alerts.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from modelmon.errors import ConfigError
from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """How the notifier works."""

    page_url: str = setting(
        "",
        "Address of the page, for links in messages: https://monitoring.example.com. Empty: no links.",
        section="Messages",
    )
    notifier: str = setting("on", "off: nobody is told of anything but on the page.", choices=("off", "on"))
    notifier_interval_seconds: int = setting(
        5, "Time between two looks for news that nobody was told of yet.", least=1
    )
    message_days: float = setting(
        90.0, "Messages and runs of actions older than this are forgotten; 0 keeps them.", least=0
    )
    historical_days: float = setting(
        7.0,
        "An incident whose windows ended longer ago than this when they were judged is of the past, and told "
        "to nobody; 0: all are told.",
        least=0,
    )
    historical_actuals_days: float = setting(
        90.0, "The same of what is judged by actuals, which may come late; 0: all are told.", least=0
    )

    @property
    def has_notifier(self) -> bool:
        """Whether the project has a notifier."""
        return self.notifier == "on"

    def __post_init__(self) -> None:
        check(self)
        try:
            parts = urlsplit(self.page_url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if self.page_url and (not is_address or parts.username or parts.query or parts.fragment):
            raise ConfigError(
                "page_url: it must begin with http:// or https://, have a host, and no user, query or #; "
                "write https://monitoring.example.com"
            )
