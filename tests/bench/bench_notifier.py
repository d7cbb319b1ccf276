"""What the notifier and the page pay for 10,000 open incidents, and how fast messages go through the outbox.

The limit of a tick and of a page is what reading those incidents costs by plain SQL. That of messages is the
bare HTTP and SMTP call in the same loop, with no record of anything.
"""

from __future__ import annotations

import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from sqlalchemy import insert, select

from api_client import ApiClient
from modelmon.ledger import endpoints, messages
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.delivery_schema import notices
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.messages import KeptMessage
from modelmon.ledger.notices import TOLD
from modelmon.ledger.records import open_records
from modelmon.ledger.rules_in_force import BUILT_IN
from modelmon.model import HOUR_US, MINUTE_US, Endpoint, wall_clock_us
from modelmon.notify import Line, Message
from modelmon.notify.mail import Envelope, mail_of
from modelmon.notify.webhook import payload
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.notifier import Notifier
from receivers import mail_server, web_server

OPEN, MESSAGES, TIMES = 10_000, 300, 5
LINE = Line("raised", "high", "delay", "drift", "wind 1.53, drift", (("rows", "2,400"),), "Look at it.")


def measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, web_server() as web:
        found = [*_with_open(Path(folder), web.address)]
    with tempfile.TemporaryDirectory() as folder, web_server() as web:
        channel = f"kind: webhook, url: '{web.address}'"
        found.append(_sent(Path(folder), "webhooks", channel, lambda some: _bare_posts(web.address, some)))
    with tempfile.TemporaryDirectory() as folder, mail_server() as mail:
        channel = f"kind: mail, server: '{mail.address}', sender: m@a.example, to: t@a.example"
        found.append(_sent(Path(folder), "mails", channel, lambda some: _bare_mails(mail.address, some)))
    return found


def _project(folder: Path, channel: str) -> tuple[Settings, Database]:
    settings = Settings.load(project="bench", project_dir=str(folder), environ={})
    database = open_records(settings)
    text = f"format: 1\nchannels:\n  bench: {{{channel}, per_second: 1000}}\n"
    with database.write() as connection:
        set_file(connection, text, "bench", wall_clock_us())
    return settings, database


def _least(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


# --- 10,000 open incidents ---------------------------------------------------------------------------------


def _with_open(folder: Path, address: str) -> Iterator[dict[str, Any]]:
    settings, database = _project(folder, f"kind: webhook, url: '{address}'")
    now_us = wall_clock_us()
    _open_incidents(database, now_us - HOUR_US)

    def plain() -> None:
        with database.read() as connection:
            open_ones = connection.execute(select(incidents).where(incidents.c.resolved_us.is_(None))).all()
        assert len(open_ones) == OPEN

    notifier, moments = Notifier(settings, database), iter(range(1, 10**6))

    def whole() -> None:
        assert notifier.tick_blocking(now_us + next(moments) * MINUTE_US)["messages"] == 0

    def between() -> None:
        notifier.tick_blocking(now_us + 1)

    limit = _least(plain)
    for name, work in (("that looks through all of them", whole), ("between those", between)):
        yield _entry(f"a tick of the notifier {name}, {OPEN:,} open incidents", _least(work), "s", limit)
    with closing(ApiClient(settings)) as client:
        for name, path in (("alerts", "incidents"), ("messages", "messages")):

            def page(path: str = path) -> None:
                assert client.get(f"/projects/bench/{path}").status_code == 200

            yield _entry(f"the page of {name}, {OPEN:,} open incidents", _least(page), "s", limit)
    database.close()


def _open_incidents(database: Database, raised_us: int) -> None:
    """Each of an endpoint of its own, all of them told."""
    texts = {
        "rule": BUILT_IN[0].name, "application_name": "drift", "result_name": "wind", "state": "escalated",
        "reason": "", "detail": "{}", "severity": "high",
    }  # fmt: skip
    numbers = {each.name: 0 for each in incidents.c if not each.nullable and each.name != "incident_id"}
    common = numbers | texts | {"status": 2, "windows": 3, "raised_us": raised_us, "changed_us": raised_us}
    common |= dict.fromkeys(("first_us", "last_us", "worst_us"), raised_us)
    names = [f"{number:032x}" for number in range(OPEN)]
    with database.write() as connection:
        for name in names:
            endpoints.put(connection, Endpoint(name, "bench", f"model-{name[-5:]}"), raised_us)
        connection.execute(insert(incidents), [{**common, "endpoint_id": name} for name in names])
        told = {
            "channel": "bench", "group_key": "drift", "what": "raised", "line": "{}", "at_us": raised_us,
            "due_us": raised_us, "state": TOLD, "message_id": "m", "why": "",
        }  # fmt: skip
        rows = connection.execute(select(incidents.c.incident_id, incidents.c.endpoint_id)).all()
        news = [
            {**told, "event": f"fact:{row.incident_id}", "number": row.incident_id} | row._asdict()
            for row in rows
        ]
        connection.execute(insert(notices), news)


# --- messages through the outbox ---------------------------------------------------------------------------


def _sent(folder: Path, name: str, channel: str, bare: Callable[[list[Message]], None]) -> dict[str, Any]:
    settings, database = _project(folder, channel)
    some = [
        Message(f"{number:032x}", "bench", "delay: data drift detected", "high", (LINE,), _AT)
        for number in range(MESSAGES)
    ]
    now_us = wall_clock_us()
    with database.write() as connection:
        for number, each in enumerate(some):
            body = msgspec.json.encode(each).decode()
            kept = KeptMessage(each.message_id, number, "bench", f"group {number}", body, now_us)
            messages.add_message(connection, kept)
    notifier = Notifier(settings, database)
    began = time.perf_counter()
    sent = 0
    while sent < MESSAGES:
        sent += notifier.tick_blocking(wall_clock_us())["sent"]
    rate = MESSAGES / (time.perf_counter() - began)
    began = time.perf_counter()
    bare(some)
    limit = MESSAGES / (time.perf_counter() - began)
    database.close()
    return _entry(f"{name} through the outbox", rate, "messages/s", limit)


_AT = "2026-11-30T02:00:35+00:00"


def _bare_posts(address: str, some: list[Message]) -> None:
    trusted = httpx.create_ssl_context()
    for each in some:
        with httpx.Client(verify=trusted) as client:
            assert client.post(address, content=msgspec.json.encode(payload(each))).is_success


def _bare_mails(address: str, some: list[Message]) -> None:
    parts = urlsplit(address)
    for each in some:
        with smtplib.SMTP(str(parts.hostname), parts.port or 25) as server:
            server.send_message(mail_of(Envelope("m@a.example", ("t@a.example",)), each))


def _entry(name: str, value: float, unit: str, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": value / limit}
