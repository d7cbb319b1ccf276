"""Requests to a server's API; what it refuses, and what it is when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from modelmon.errors import ConfigError, UnavailableError

TIMEOUT_SECONDS = 30.0
Answer = TypeVar("Answer")


class Server:
    """A server of ModelMon. Raises ConfigError for a URL that is none, or has a secret in it.

    `transport` answers in the place of the network.
    """

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        _check(url)
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, transport=transport)

    def get(self, path: str, kind: type[Answer], **parameters: Any) -> Answer:
        """What is there, as this type; parameters that are None or empty are left out."""
        given = {name.replace("_", "-"): value for name, value in parameters.items() if _says(value)}
        return self._ask("GET", path, kind, params=given)

    def post(self, path: str, kind: type[Answer], body: Mapping[str, Any]) -> Answer:
        """What the server says to this body; values that are None are left out."""
        return self._ask(
            "POST", path, kind, content=msgspec.json.encode({k: v for k, v in body.items() if v is not None}),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip

    def read(self, path: str, **parameters: Any) -> str:
        """A page as text; parameters that are None are left out."""
        return self._request("GET", path, params={k: v for k, v in parameters.items() if _says(v)}).text

    def _ask(self, method: str, path: str, kind: type[Answer], **given: Any) -> Answer:
        found = self._request(method, path, **given)
        try:
            return msgspec.json.decode(found.content, type=kind)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{self._other()}: {method} {path}: {error}") from None

    def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            found = self._client.request(method, f"{self.url}{path}", **given)
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"{self.url} does not answer ({type(error).__name__}); is `modelmon dashboard` running there?"
            ) from None
        if found.status_code != 200:
            raise self._refusal(found)
        return found

    def _refusal(self, found: httpx.Response) -> ConfigError | UnavailableError:
        try:
            reason = msgspec.json.decode(found.content, type=dict[str, dict[str, str]])["detail"]["reason"]
        except (msgspec.DecodeError, KeyError):
            if found.status_code >= 500:
                return UnavailableError(f"{self.url} answers {found.status_code}: ask again")
            return ConfigError(f"{self._other()}: it answers {found.status_code}")
        if found.status_code >= 500:
            return UnavailableError(f"{self.url}: {reason}")
        mend = "; give token=, made there by `modelmon token create`" if found.status_code == 401 else ""
        return ConfigError(f"{self.url}: {reason}{mend}")

    def _other(self) -> str:
        return f"{self.url} is no ModelMon, or one of another version"

    def close(self) -> None:
        self._client.close()


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], ())


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("url: write it as http://127.0.0.1:8050, where `modelmon dashboard` says")
    if parts.username or parts.password or parts.query:
        raise ConfigError("url: leave out what stands before the @ and after the ?; a token goes to token=")
