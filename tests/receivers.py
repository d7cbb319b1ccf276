"""Those who are told: an HTTP server and an SMTP server on loopback that answer as a test wants."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b"ok")


@dataclass
class Got:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebServer:
    """`answers` are used up one a request, the last one for ever; None drops the connection after reading,
    a number waits so many seconds before."""

    address: str
    got: list[Got] = field(default_factory=list)
    answers: list[Answer | float | None] = field(default_factory=lambda: [OK])
    decide: Callable[[Got], Answer | float | None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self, got: Got) -> Answer | float | None:
        with self.lock:
            self.got.append(got)
            if self.decide is not None:
                return self.decide(got)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """With a context it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.next_answer(Got(self.command, self.path, headers, body))
            if isinstance(answer, float):
                time.sleep(answer)
                answer = OK
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, told, content = answer
            self.send_response(status)
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    listening = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    scheme = "http" if context is None else "https"
    server = WebServer(f"{scheme}://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


@dataclass
class MailServer:
    """`answers` to the data of a mail, used up one a mail, the last one for ever."""

    address: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["250 taken"])
    refused: dict[str, str] = field(default_factory=dict)
    decide: Callable[[EmailMessage], str] | None = None
    logins: list[Any] = field(default_factory=list)
    parrot: bool = False
    """Whether it refuses each login, and says it back."""

    async def handle_RCPT(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        answer = self._next_answer(read)
        if answer.startswith("2"):
            self.mails.append(read)
        return answer

    def _next_answer(self, mail: EmailMessage) -> str:
        if self.decide is not None:
            return self.decide(mail)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    user: str = "", password: str = "", context: ssl.SSLContext | None = None, scheme: str = "smtp"
) -> Iterator[MailServer]:
    """With a user it wants a login, with a context TLS as the scheme has it."""
    server = MailServer()

    def login(*arguments: Any) -> AuthResult:
        data = arguments[-1]
        server.logins.append(data)
        if server.parrot:
            return AuthResult(success=False, handled=False, message=f"535 not {data.password.decode()}")
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            user.encode(),
            password.encode(),
        )
        return AuthResult(success=right, handled=False)

    options: dict[str, Any] = (
        {"authenticator": login, "auth_require_tls": False, "auth_required": True} if user else {}
    )
    if context is not None:
        options |= {"ssl_context" if scheme == "smtps" else "tls_context": context}
        options |= {"require_starttls": scheme != "smtps"}
    controller = _AnyPort(server, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        server.address = f"{scheme}://127.0.0.1:{controller.port}"
        yield server
    finally:
        controller.stop()
