"""What the settings say of who may see the page and the REST API."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.errors import ConfigError
from modelmon.settings.declaring import check, setting

ROLES = ("viewer", "operator", "admin")
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names of this machine that nobody else reaches it by."""


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """How people and programs show who they are, and what is open to everybody."""

    auth: str = setting(
        "",
        "Who may see the page and the API: token, proxy, or none for everybody who reaches it. Empty: "
        "everybody on this machine, and it is not served elsewhere.",
        section="The page and the API",
        choices=("", "none", "token", "proxy"),
    )
    auth_key: str = setting(
        "",
        "Key that signs the cookie of whoever has logged in. Empty: one that the records keep.",
        secret=True,
    )
    auth_hours: float = setting(12.0, "So long a login in the browser is good.", least=0.01)
    auth_open: str = setting(
        "health", "What needs no login, with commas between: health, metrics, or both. Empty: nothing."
    )
    auth_hosts: str = setting(
        "",
        "Names that the page is reached by, with commas between, beside localhost and 127.0.0.1; only these "
        "are answered while auth is empty.",
    )
    proxy_secret: str = setting(
        "",
        "What the proxy in front sends in X-ModelMon-Proxy-Secret; without it no header of it is believed.",
        secret=True,
    )
    proxy_roles: str = setting(
        "",
        "Groups that the proxy names, each with its role: ml-team=viewer, on-call=operator. `*` is everybody "
        "whom it lets through.",
    )
    cors_origins: str = setting(
        "", "Pages elsewhere that may call the API from a browser, with commas between: https://ops.example."
    )
    embed_origins: str = setting(
        "", "Pages elsewhere that may show ours in a frame, with commas between; nobody by default."
    )
    audit_days: float = setting(
        365.0,
        "What people did through the page and the API is forgotten after this long; 0 keeps it.",
        least=0,
    )

    remote_deploy: bool = setting(
        False,
        "true: admins bring apps and models over the API, and turn monitoring on and off. That is code which "
        "then runs here, so it takes `auth: token` or `auth: proxy`.",
    )
    remote_deploy_megabytes: float = setting(
        16.0,
        "Largest archive that is taken over the API, as it comes and unpacked. The function `modelmon-api` "
        "gets at most 32 MiB of a request, so up to about 23.",
        least=0.001,
        most=1000,
    )

    dashboard: str = setting(
        "serve",
        "serve: a function serves the page and the API, under `modelmon up` and, where `auth` is set, under "
        "Nuclio; none: there is no such function.",
        choices=("serve", "none"),
    )

    def __post_init__(self) -> None:
        check(self)
        for each in listed(self.auth_open):
            if each not in ("health", "metrics"):
                raise ConfigError(f"auth_open: {each!r} can't be opened; there are health and metrics")
        for origin in (*listed(self.cors_origins), *listed(self.embed_origins)):
            if not origin.startswith(("https://", "http://")) or origin.count("/") > 2:
                raise ConfigError(f"{origin!r} is no origin; write for example https://ops.example:8443")
        if self.auth == "proxy" and len(self.proxy_secret) < 16:
            raise ConfigError(
                "proxy_secret: auth: proxy needs one of at least 16 characters, which the proxy sends in "
                "X-ModelMon-Proxy-Secret; else anybody could claim to be anybody"
            )
        roles_of_groups(self.proxy_roles)
        if self.remote_deploy and self.auth not in ("token", "proxy"):
            raise ConfigError(
                f"remote_deploy: true lets code in, with auth: {self.auth or 'empty'} from everybody; set "
                "auth: token and make a token with `modelmon token create --role admin`, or auth: proxy"
            )


def is_served(settings: AccessSettings, *, only_here: bool) -> bool:
    """Whether a function serves the page: anywhere else than on this machine only where `auth` is set."""
    return settings.dashboard == "serve" and (only_here or bool(settings.auth))


def listed(text: str) -> tuple[str, ...]:
    """What stands between commas.

    >>> listed("health, metrics,")
    ('health', 'metrics')
    """
    return tuple(each.strip() for each in text.split(",") if each.strip())


def roles_of_groups(text: str) -> dict[str, str]:
    """Group to role. Raises ConfigError for what is no pair, or no role.

    >>> roles_of_groups("ml-team=viewer, on-call=operator")
    {'ml-team': 'viewer', 'on-call': 'operator'}
    """
    found = {}
    for each in listed(text):
        group, equals, role = (part.strip() for part in each.rpartition("="))
        if not equals or role not in ROLES:
            raise ConfigError(f"proxy_roles: {each!r}; write group=role, a role is {', '.join(ROLES)}")
        found[group] = role
    return found
