"""Requests to a server's API; what it refuses, and what it is when it does not answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from modelmon import __version__
from modelmon.errors import ConfigError, UnavailableError

TIMEOUT_SECONDS = 30.0
DEPLOY_SECONDS = 600.0
"""For what may build an environment first."""
CONNECT_SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)


class Server:
    """A server of ModelMon. Raises ConfigError for a URL that is none, or has a secret in it.

    `transport` answers in the place of the network.
    """

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        _check(url, token)
        self.url = url.rstrip("/")
        self.version = ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(headers=headers, transport=transport)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def get(self, path: str, kind: type[Answer], **parameters: Any) -> Answer:
        """What is there, as this type; parameters that are None or empty are left out."""
        return self.ask("GET", path, kind, parameters)

    def get_file(self, path: str, **parameters: Any) -> bytes:
        """What is there, as it is."""
        return self._sent("GET", path, params=_given(parameters)).content

    def post(self, path: str, kind: type[Answer], body: Mapping[str, Any]) -> Answer:
        """What the server says to this body; values that are None are left out."""
        return self.ask("POST", path, kind, body=body)

    def ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        within_seconds: float = TIMEOUT_SECONDS,
    ) -> Answer:
        """What the server says, as this type. Raises ConfigError for what it refuses, or is of another
        version, and UnavailableError while it does not answer within these seconds."""
        given: dict[str, Any] = {"params": _given(parameters or {})}
        if body is not None:
            given["content"] = msgspec.json.encode({k: v for k, v in body.items() if v is not None})
            given["headers"] = {"Content-Type": "application/json"}
        found = self._sent(method, path, within_seconds, **given)
        try:
            return msgspec.json.decode(found.content, type=kind)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{self._other()}: {method} {path}: {error}") from None

    def _sent(
        self, method: str, path: str, within_seconds: float = TIMEOUT_SECONDS, **given: Any
    ) -> httpx.Response:
        timeout = httpx.Timeout(within_seconds, connect=CONNECT_SECONDS)
        try:
            found = self._client.request(method, f"{self.url}{path}", timeout=timeout, **given)
        except httpx.TimeoutException as error:
            waited = CONNECT_SECONDS if isinstance(error, httpx.ConnectTimeout) else within_seconds
            raise UnavailableError(f"{self.url} has not answered in {waited:g} s; ask again") from None
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"{self.url} does not answer ({type(error).__name__}); is `modelmon dashboard` running there?"
            ) from None
        if found.status_code != 200:
            raise self._refusal(found)
        return found

    def _refusal(self, found: httpx.Response) -> ConfigError | UnavailableError:
        status = found.status_code
        try:
            reason = msgspec.json.decode(found.content, type=dict[str, dict[str, str]])["detail"]["reason"]
        except (msgspec.DecodeError, KeyError):
            if status >= 500:
                return UnavailableError(f"{self.url} answers {status}: ask again")
            return ConfigError(f"{self._other()}: it answers {status}")
        if status >= 500 and status != 501:
            return UnavailableError(f"{self.url}: {reason}")
        if status == 404 and "/docs lists what there is" in reason:
            return ConfigError(f"{self._other()}: {reason}")
        mend = "; give token=, made there by `modelmon token create`" if status == 401 else ""
        return ConfigError(f"{self.url}: {reason}{mend}")

    def _other(self) -> str:
        if self.version and self.version != __version__:
            return f"{self.url} is ModelMon {self.version}, and this is {__version__}; install the same here"
        return f"{self.url} is no ModelMon, or one of another version than {__version__}"

    def close(self) -> None:
        self._client.close()


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.replace("_", "-"): value
        for name, value in parameters.items()
        if value is not None and value not in ("", [], ())
    }


def _check(url: str, token: str) -> None:
    if not isinstance(url, str) or not isinstance(token, str):
        raise ConfigError(
            f"url and token: must be texts, got {type(url).__name__} and {type(token).__name__}"
        )
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_one = False
    if not is_one:
        raise ConfigError("url: write it as http://127.0.0.1:8050, where `modelmon dashboard` says")
    if parts.username or parts.password or parts.query:
        raise ConfigError("url: leave out what stands before the @ and after the ?; a token goes to token=")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            "token: has a character that no token has; copy it as `modelmon token create` said it"
        )
    if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        logger.warning("%s: the token travels in the clear; serve the page behind https", url)
