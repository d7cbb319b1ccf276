"""How a project has people show who they are: a token, the cookie of a login, what a proxy in front says."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import cached_property

from modelmon.api.cookies import Login, read_cookie, signature, write_cookie
from modelmon.api.opened import OpenProject
from modelmon.api.problems import Problem
from modelmon.api.roles import LOCAL, NOBODY, Role, User
from modelmon.errors import ConfigError
from modelmon.ledger import access as ledger
from modelmon.ledger.access import Token
from modelmon.ledger.access_settings import LOOPBACK, AccessSettings, listed, roles_of_groups
from modelmon.settings import Settings

PROXY_SECRET = "x-modelmon-proxy-secret"  # noqa: S105 - the header's name
_USER = ("x-forwarded-user", "x-forwarded-email", "x-forwarded-preferred-username")
_GROUPS = "x-forwarded-groups"
OPEN = ("", "none")
"""Values of `auth` by which everybody is let in."""


def check_address(host: str, settings: Settings) -> None:
    """Raises ConfigError for an address that others reach, while everybody would be let in."""
    if settings.of(AccessSettings).auth or host in LOOPBACK:
        return
    raise ConfigError(
        f"{host} is reached from elsewhere, and nothing says who may see the page: set `auth: token` and "
        "make tokens with `modelmon token create`, or `auth: proxy`; `auth: none` lets everybody in"
    )


def needs_login(settings: Settings) -> bool:
    """Whether not everybody is let in."""
    return settings.of(AccessSettings).auth not in OPEN


class Access:
    """To one project. Whatever is asked of the records raises UnavailableError while they don't answer."""

    def __init__(self, project: OpenProject) -> None:
        self.project = project
        self.settings = project.settings.of(AccessSettings)

    @cached_property
    def key(self) -> str:
        """What signs cookies and forms: the setting, else a key that the records keep."""
        if self.settings.auth_key:
            return self.settings.auth_key
        with self.project.database.write() as connection:
            return ledger.signing_key(connection)

    def user(self, headers: Mapping[str, str], cookie: str, now_us: int) -> User:
        """Who asks, NOBODY where nothing says so. Raises Problem 401 for a token that is not good."""
        if self.settings.auth in OPEN:
            return LOCAL
        if self.settings.auth == "proxy":
            return self._of_proxy(headers)
        if headers.get("authorization"):
            return self._of_bearer(headers["authorization"], now_us)
        return self._of_cookie(cookie, now_us) if cookie else NOBODY

    def token(self, text: str, now_us: int) -> Token | None:
        """The living token that this is."""
        with self.project.database.read() as connection:
            return ledger.find_token(connection, text, now_us)

    def cookie_of(self, token: Token, now_us: int) -> str:
        """What the browser of whoever gave the token sends from now on."""
        until_us = now_us + self.cookie_seconds * 1_000_000
        expires_us = min(until_us, token.expires_us or until_us)
        return write_cookie(Login(self.project.name, token.name, expires_us), self.key)

    @property
    def cookie_seconds(self) -> int:
        return round(self.settings.auth_hours * 3600)

    def form_token(self, user: User) -> str:
        """What each form on our pages carries for this user."""
        return signature(f"form of {user.name}", self.key)

    def _of_bearer(self, header: str, now_us: int) -> User:
        kind, _, text = header.partition(" ")
        if kind.lower() != "bearer":
            raise Problem(401, "authorization: write Bearer and a token")
        token = self.token(text.strip(), now_us)
        if token is None:
            raise Problem(401, "this token is not known, has expired or was revoked")
        return User(token.name, Role[token.role.upper()], by_token=True)

    def _of_cookie(self, cookie: str, now_us: int) -> User:
        login = read_cookie(cookie, now_us, self.key)
        if login is None or login.project != self.project.name:
            return NOBODY
        with self.project.database.read() as connection:
            token = ledger.token_called(connection, login.name, now_us)
        return User(token.name, Role[token.role.upper()]) if token else NOBODY

    def _of_proxy(self, headers: Mapping[str, str]) -> User:
        said = headers.get(PROXY_SECRET, "").encode()
        if not hmac.compare_digest(said, self.settings.proxy_secret.encode()):
            return NOBODY
        name = next((headers[each] for each in _USER if headers.get(each)), "")
        roles = roles_of_groups(self.settings.proxy_roles)
        groups = ("*", *listed(headers.get(_GROUPS, "")))
        found = [Role[roles[group].upper()] for group in groups if group in roles]
        return User(name, max(found)) if name and found else NOBODY
