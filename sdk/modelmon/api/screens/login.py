"""Logging in with a token, which the browser then no longer needs, and logging out."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from starlette.responses import RedirectResponse, Response

from modelmon.api.access import Access
from modelmon.api.asked import Asked
from modelmon.api.cookies import NAME
from modelmon.api.problems import Problem
from modelmon.api.routes import Kind, Opening, Page, Route
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger.access import Token, note_failure, too_many_failures

REFUSED = "This token is not known, has expired or was revoked."


class Wanted(msgspec.Struct, frozen=True):
    """`next`: the page to come back to."""

    next: str = ""


def login(asked: Asked, wanted: Wanted) -> Page:
    return Page("login.html", {"next": local_path(wanted.next), "refused": ""})


def log_in(asked: Asked, wanted: Wanted) -> Page | Response:
    """Swap a token for a cookie. A token in the address is not looked at: addresses are written down."""
    form = asked.form
    following = local_path(form.get("next", ""))
    found = _found(asked, form.get("token", "").strip())
    if found is None:
        return Page(
            "login.html",
            {"next": following, "refused": REFUSED},
            401,
        )
    access, token = found
    answer = RedirectResponse(f"{asked.root}{following}", 303)
    answer.set_cookie(
        NAME, access.cookie_of(token, asked.now_us), max_age=access.cookie_seconds, path=asked.root or "/",
        secure=asked.is_https, httponly=True, samesite="strict",
    )  # fmt: skip
    return answer


def log_out(asked: Asked, parameters: object) -> Response:
    answer = RedirectResponse(f"{asked.root}/login", 303)
    answer.delete_cookie(
        NAME, path=asked.root or "/", secure=asked.is_https, httponly=True, samesite="strict"
    )
    return answer


def local_path(text: str) -> str:
    """A page of ours, whatever was asked for: never another site.

    >>> local_path("/projects/a/endpoints?range=7d"), local_path("//evil.example/x"), local_path("")
    ('/projects/a/endpoints?range=7d', '/', '/')
    """
    parts = urlsplit(text)
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.netloc
    return text if is_ours and text.isprintable() else "/"


def _found(asked: Asked, text: str) -> tuple[Access, Token] | None:
    """The token in whichever of the projects knows it. One that can't be read is left out, unless none can.

    Raises Problem 429 after too many that none knew.
    """
    readable: list[Access] = []
    for access in asked.accesses:
        try:
            token = _token(access, text, asked.now_us)
        except (UnavailableError, ConfigError):
            if access is asked.accesses[-1] and not readable:
                raise
            continue
        if token is not None:
            return access, token
        readable.append(access)
    for access in readable:
        with access.project.database.write() as connection:
            note_failure(connection, asked.now_us)
    return None


def _token(access: Access, text: str, now_us: int) -> Token | None:
    with access.project.database.read() as connection:
        if too_many_failures(connection, now_us):
            raise Problem(429, "too many logins were refused: try again in a minute")
    return access.token(text, now_us)


ROUTES = (
    Route("GET", "/login", login, "Where a token is given.", Wanted, kind=Kind.PAGE, opening=Opening.ALWAYS),
    Route("POST", "/login", log_in, "Log in with a token.", Wanted, kind=Kind.PAGE, opening=Opening.ALWAYS),
    Route(
        "POST",
        "/logout",
        log_out,
        "Forget the login in this browser.",
        kind=Kind.PAGE,
        opening=Opening.ALWAYS,
    ),
)
