"""Channels as the world has them: TLS, logins, signatures, servers that refuse a part, odd and huge texts."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from modelmon.alerting import Channel
from modelmon.alerting.channels import ChannelKind
from modelmon.notify import LaterError, Line, Message, RefusedError, mail, send
from modelmon.notify.slack import blocks
from receivers import MailServer, WebServer, mail_server, web_server
from services.certificates import MISSING, make_certificates

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),
]

PASSWORD = "sesame-open-4711"
NEEDS_OPENSSL = pytest.mark.skipif(bool(MISSING), reason=MISSING)
LINE = Line(
    "raised", "high", "delay", "drift", "wind 1.53, drift", (("rows", "2,400"),), "Look.", "https://m/1"
)
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def message(*lines: Line, title: str = "delay: data drift detected") -> Message:
    return Message("ab" * 16, "shop", title, "high", lines or (LINE,), "2026-11-30T02:00:35+00:00")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def context(certificates: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificates / "broker.pem")
    return made


@pytest.fixture
def trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))


def team(server: MailServer, to: tuple[str, ...] = ("a@example.com",), **more: Any) -> Channel:
    return Channel("team", ChannelKind.MAIL, server=server.address, sender="m@example.com", to=to, **more)


LOGIN = {"user": "ann%40example.com", "password": "${env:MAIL_PASSWORD}"}


@NEEDS_OPENSSL
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_mail_goes_through_tls_with_a_login(
    scheme: str, context: ssl.SSLContext, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with mail_server("ann@example.com", PASSWORD, context=context, scheme=scheme) as server:
        assert send(team(server, **LOGIN), message()) == ""
        assert server.address.startswith(f"{scheme}://")
    (got,) = server.mails
    assert got["Message-ID"] == f"<{'ab' * 16}@example.com>"


@NEEDS_OPENSSL
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_mail_server_that_nobody_vouches_for_gets_neither_mail_nor_password(
    scheme: str, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with mail_server("ann@example.com", PASSWORD, context=context, scheme=scheme) as server:
        with pytest.raises(LaterError, match="TLS with the mail server fails"):
            send(team(server, **LOGIN), message())
        assert not server.mails
        assert not server.logins


@NEEDS_OPENSSL
def test_a_webhook_whose_certificate_nobody_vouches_for_is_tried_again(
    context: ssl.SSLContext, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server(context) as server:
        channel = Channel("hook", ChannelKind.WEBHOOK, url=server.address)
        with pytest.raises(LaterError, match="CERTIFICATE_VERIFY_FAILED"):
            send(channel, message())
        assert not server.got
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
        assert send(channel, message()) == ""
        assert len(server.got) == 1


def test_a_wrong_password_is_refused_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-horse-battery")
    with mail_server("ann@example.com", PASSWORD) as server, pytest.raises(RefusedError) as found:
        send(team(server, **LOGIN), message())
    assert str(found.value).startswith("the mail server refuses the login: 535")
    assert "wrong-horse" not in str(found.value)


def test_what_a_server_repeats_of_a_secret_is_shown_nowhere(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", f"{web.address}/services/T0001/B0002/very-secret-part")
    web.answers = [(404, {}, b"no hook at /services/T0001/B0002/very-secret-part, sorry")]
    with pytest.raises(RefusedError) as found:
        send(Channel("chat", ChannelKind.SLACK, url="${env:HOOK}"), message())
    assert "very-secret" not in str(found.value)
    assert "sorry" in str(found.value)


def test_of_several_recipients_those_that_are_refused_are_named() -> None:
    with mail_server() as server:
        server.refused = {"b@example.com": "550 no such user here"}
        said = send(team(server, ("a@example.com", "b@example.com")), message())
        assert said == "1 recipient of 2 refused: b@example.com: 550 no such user here"
        assert len(server.mails) == 1
        with pytest.raises(RefusedError, match="takes no recipient: b@example\\.com: 550 no such user"):
            send(team(server, ("b@example.com",)), message())
        server.refused = {"b@example.com": "450 mailbox busy"}
        with pytest.raises(LaterError, match="450 mailbox busy"):
            send(team(server, ("b@example.com",)), message())


@pytest.mark.parametrize(("answer", "kind"), [("451 busy", LaterError), ("554 no", RefusedError)])
def test_what_a_mail_server_says_of_a_mail_decides_whether_it_comes_again(
    answer: str, kind: type[Exception]
) -> None:
    with mail_server() as server:
        server.answers = [answer]
        with pytest.raises(kind, match=answer):
            send(team(server), message())


def test_a_mail_server_that_can_not_do_tls_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with mail_server("ann@example.com", PASSWORD) as server:
        server.address = server.address.replace("smtp:", "smtp+starttls:")
        with pytest.raises(RefusedError, match="STARTTLS"):
            send(team(server, **LOGIN), message())
        assert not server.logins


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_signature_is_right_by_both_secrets_while_one_is_changed(
    web: WebServer, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW", SECRET)
    monkeypatch.setenv("OLD", OLD_SECRET)
    channel = Channel(
        "hook", ChannelKind.WEBHOOK, url=web.address, secret="${env:NEW}", secret_before="${env:OLD}"
    )
    send(channel, message())
    (got,) = web.got
    assert Webhook(secret).verify(got.body, got.headers)["data"]["message_id"] == "ab" * 16
    with pytest.raises(Exception, match=r"[Nn]o matching signature"):
        Webhook(secret).verify(got.body + b" ", got.headers)


@pytest.mark.slow
def test_apprise_carries_a_message_to_a_service_that_we_do_not_know(web: WebServer) -> None:
    place = web.address.replace("http://", "json://")
    assert send(Channel("other", ChannelKind.APPRISE, url=place), message()) == ""
    (got,) = web.got
    assert got.json["title"] == "[shop] delay: data drift detected"
    assert "wind 1.53, drift" in got.json["message"]
    web.answers = [(500, {}, b"")]
    with pytest.raises(LaterError, match="did not take it"):
        send(Channel("other", ChannelKind.APPRISE, url=place), message())


TOLD = replace(LINE, found="Look at the sensor first.\nwind 1.53", link="", incident_id=7)


def test_slack_says_which_project_it_is_and_how_to_say_that_one_is_at_it() -> None:
    shown = blocks(message(TOLD))["blocks"]
    assert shown[1]["text"]["text"].startswith("🔴 *delay* raised (incident 7)\n")
    foot = "Project shop · Say that you are at it: modelmon incidents ack 7"
    assert shown[-1]["elements"] == [{"type": "mrkdwn", "text": foot, "verbatim": True}]
    over = blocks(message(replace(TOLD, what="resolved")))["blocks"]
    assert over[-1]["elements"][0]["text"] == "Project shop", "nobody has to be at what is over"


def test_a_mail_keeps_lines_apart_and_a_runbook_is_a_link() -> None:
    facts = (("runbook", "https://wiki.example/x"), ("rows", "<b>"))
    made = mail.mail_of(
        mail.Envelope("a@example.com", ("b@example.com",)), message(replace(TOLD, facts=facts))
    )
    html = made.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "white-space:pre-line" in html.split("Look at the sensor first.")[0].rpartition("<p")[2]
    assert '<a href="https://wiki.example/x">https://wiki.example/x</a>' in html
    assert "<b>" not in html
    text = made.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "* delay: raised (high, drift, incident 7)\n  Look at the sensor first.\n  wind 1.53\n" in text
    for each in (html, text):
        assert "Say that you are at it: modelmon incidents ack 7" in each
        assert "made 2026-11-30 02:00:35 UTC" in each


ODD = [
    "Größe 🦣 \u202e\u0000 x",
    "<!channel> <@U1> &amp; \"'" * 100,
    "\r\nBcc: evil@example.com",
    "x" * 100_000,
    "a\u0301" * 400,
    "\x85\u2028",
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.slow
def test_whatever_something_is_called_a_message_is_whole(
    odd: str, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line("raised", "high", odd, odd, odd, ((odd, odd),), odd, "https://m/1", kind=odd, rule=odd)
    said = message(*[line] * 10, title=odd)
    monkeypatch.setenv("HOOK", web.address)
    send(Channel("chat", ChannelKind.SLACK, url="${env:HOOK}"), said)
    send(Channel("hook", ChannelKind.WEBHOOK, url=web.address), said)
    chat, hook = (got.json for got in web.got)
    assert len(hook["data"]["incidents"]) == 10
    for block in chat["blocks"]:
        text = block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        assert len(text) <= (150 if block["type"] == "header" else 3000)
    assert "<!channel>" not in json.dumps(chat["blocks"][1:])
    with mail_server() as server:
        send(team(server), said)
    (got,) = server.mails
    assert got["Bcc"] is None
    assert got["To"] == "a@example.com"
    assert len(str(got["Subject"])) <= mail.MOST_SUBJECT
    plain = got.get_body(("plain",))
    assert isinstance(plain, EmailMessage)
    assert "https://m/1" in plain.get_content()


def test_of_what_a_library_can_not_take_it_is_said_and_no_secret_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)

    def odd(*_: Any, **__: Any) -> str:
        raise KeyError(f"user with {PASSWORD}")

    monkeypatch.setattr("modelmon.notify.sending.send_mail", odd)
    with mail_server() as server, pytest.raises(RefusedError) as found:
        send(team(server, **LOGIN), message())
    assert str(found.value) == "it can't be done: KeyError: 'user with …'"


def test_a_title_that_is_markup_is_none_in_slack() -> None:
    shown = blocks(message(title="<!channel> & co"))
    assert shown["text"] == "&lt;!channel&gt; &amp; co (shop)"
    assert shown["blocks"][0]["text"] == {"type": "plain_text", "text": "<!channel> & co"}


def test_slack_makes_no_mention_of_a_name_and_a_link_of_a_runbook() -> None:
    line = replace(
        LINE, endpoint="@channel #general", facts=(("rows", "9"), ("runbook", "https://w/?a=1&b=2"))
    )
    texts = [
        each
        for block in blocks(message(line))["blocks"][1:]
        for each in [block.get("text"), *block.get("elements", [])]
        if each
    ]
    assert all(each["verbatim"] for each in texts)
    assert texts[0]["text"].splitlines()[-2:] == ["runbook <https://w/?a=1&amp;b=2>", "_Look._"]
