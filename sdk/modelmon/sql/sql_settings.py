"""What the settings say of database servers."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """How a server is signed on to, and how long it is waited for. SQLite needs neither."""

    sql_password: str = setting(
        "",
        "Password of the user that records_url and series_url name without one; never shown.",
        section="Database servers",
        secret=True,
    )
    sql_timeout_seconds: float = setting(
        120.0,
        "A database server that does not answer for this long is unavailable; locks are waited for 30 s, "
        "and the page waits no longer than 15 s.",
        least=1,
    )

    def __post_init__(self) -> None:
        check(self)
