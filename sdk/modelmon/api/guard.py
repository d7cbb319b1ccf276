"""Whether a request may be answered: by its host, by who asks, and by where a write comes from."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from modelmon.api.access import Access
from modelmon.api.cookies import NAME
from modelmon.api.problems import Problem
from modelmon.api.roles import LOCAL, NOBODY, User
from modelmon.api.routes import Opening, Route
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.access_settings import LOOPBACK, listed

SAFE = ("GET", "HEAD", "OPTIONS")
FORM = "application/x-www-form-urlencoded"
FORM_TOKEN = "form_token"  # noqa: S105 - the field's name


def user_of(request: Request, route: Route, accesses: Sequence[Access], now_us: int) -> User:
    """Who asks, of these projects' users the one who may most; whether that is enough `check_role` says.

    Raises Problem: 421 for a host that is not ours, 401 for a token that is not good.
    """
    check_host(accesses, request.headers.get("host", ""))
    cookie = request.cookies.get(NAME, "")
    if _is_open(route, accesses):
        return NOBODY
    users = (_user(each, request, cookie, now_us, alone=len(accesses) == 1) for each in accesses)
    return max(users, key=lambda user: user.role)


def _user(access: Access, request: Request, cookie: str, now_us: int, *, alone: bool) -> User:
    """NOBODY where one of several projects does not know them, or can't be read: the others know theirs."""
    try:
        return access.user(request.headers, cookie, now_us)
    except (UnavailableError, ConfigError, Problem):
        if alone:
            raise
        return NOBODY


def _is_open(route: Route, accesses: Sequence[Access]) -> bool:
    if route.opening is Opening.ALWAYS:
        return True
    name = route.opening.value
    return bool(name) and all(name in listed(each.settings.auth_open) for each in accesses)


def check_host(accesses: Sequence[Access], host: str) -> None:
    """While everybody on this machine is let in, be it to one project of several, only requests to this
    machine's names are answered: else a page elsewhere could have its own name lead here.

    Raises Problem 421.
    """
    if all(each.settings.auth for each in accesses):
        return
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    allowed = {*LOOPBACK, *(each for one in accesses for each in listed(one.settings.auth_hosts))}
    if name not in allowed:
        raise Problem(421, f"host: {host!r} is not one of ours; auth_hosts names what the page is reached by")


def check_role(user: User, route: Route, accesses: Sequence[Access]) -> None:
    """Raises Problem 401 for nobody, 403 for one whose role is not enough."""
    if user.role >= route.role or _is_open(route, accesses):
        return
    needed = route.role.name.lower()
    if user is NOBODY:
        raise Problem(401, f"{route.method} {route.path} needs a login with the role {needed}")
    raise Problem(
        403, f"{route.method} {route.path} needs the role {needed}; yours is {user.role.name.lower()}"
    )


def check_write(
    user: User, route: Route, headers: Mapping[str, str], body: bytes, access: Access | None
) -> None:
    """A write from a browser comes from our own page, as JSON or as a form of ours: a cookie, or being on
    this machine, is never enough. Who sends a token with the request is no browser led astray.

    Raises Problem 403 and 415.
    """
    if route.method in SAFE or user.by_token:
        return
    _check_origin(user, headers)
    if route.opening is Opening.ALWAYS:
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        given = dict(parse_qsl(body.decode("utf-8", "replace"))).get(FORM_TOKEN, "")
        if access is None or not hmac.compare_digest(given.encode(), access.form_token(user).encode()):
            raise Problem(
                403,
                "this form is not of our own page, or of another login: load the page again; a program says "
                "Content-Type: application/json",
            )
    elif kind == "" and _is_local_program(user, headers):
        return  # MLRun's client names no kind
    elif body and kind not in ("application/json", "application/octet-stream"):
        raise Problem(415, f"content-type: {kind!r}; send application/json")


def _check_origin(user: User, headers: Mapping[str, str]) -> None:
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if site == "same-origin" or (not site and origin and urlsplit(origin).netloc == headers.get("host")):
        return
    if _is_local_program(user, headers):
        return
    raise Problem(403, "this request does not come from our own page; programs send a token")


def _is_local_program(user: User, headers: Mapping[str, str]) -> bool:
    """A program on this machine: browsers always say where a write comes from."""
    return user is LOCAL and not headers.get("sec-fetch-site") and not headers.get("origin")
