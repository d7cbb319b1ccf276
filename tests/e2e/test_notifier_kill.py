"""The real writer and the real notifier in processes of their own, ended by `kill -9` at random moments while
incidents begin and end, and while those who are told answer as the world does.

In the end each piece of news is in exactly one message, each message was taken by its receiver at least once,
always under one id with the same words, and what is over came after that it began.
"""

from __future__ import annotations

import os
import random
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from e2e.test_stream_kill import Worker
from modelmon import wire
from modelmon.ledger import batches, messages, notices, outbox
from modelmon.ledger.alert_files import set_file
from modelmon.ledger.delivery_schema import messages as message_table
from modelmon.ledger.delivery_schema import notices as notice_table
from modelmon.ledger.incident_schema import incidents
from modelmon.model import Endpoint, wall_clock_us
from modelmon.notify import Message
from modelmon.settings import Settings
from modelmon.stages.notifier.gathering import READER
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import reports_of
from receivers import OK, Answer, Got, mail_server, web_server
from repeating import times
from services.certificates import MISSING, make_certificates
from services.postgres import NEEDS_POSTGRES, shared_postgres
from unit.window_support import Chain, done, result

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.skipif(bool(MISSING), reason=MISSING),
]  # fmt: skip

ROUNDS = times(28, few=3)
"""In each both processes are killed."""
TOGETHER, APART = times(2_500, few=200), times(500, few=60)
PROCESS = Path(__file__).with_name("notifier_process.py")
GATHERED = "group_wait: 5s, group_interval: 20s"


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/records.db"


def postgresql(_: Path) -> str:
    return shared_postgres().database()


@dataclass
class Notifying:
    """The notifier's process; `trusts` is a file of certificates, or nobody's."""

    folder: Path
    settings: Settings
    began_us: int
    trusts: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        trusted = {"SSL_CERT_FILE": self.trusts} if self.trusts else {}
        with (self.folder / "notifier.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROCESS), str(self.began_us)], stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, **self.settings.environment(), **trusted},
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", self._log()

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, self._log()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _log(self) -> str:
        return (self.folder / "notifier.log").read_text()[-5000:]


@dataclass
class Receiver:
    """Of a channel: what came, in order, as (id, words, whether it was taken)."""

    chance: random.Random
    calm: bool = False
    came: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def decide(self, got: Got) -> Answer | float | None:
        answer = OK if self.calm else self._answer()
        # One that hangs or drops the line has taken it all the same: the notifier can't know.
        is_taken = not isinstance(answer, tuple) or answer[0] == 200
        self.came.append((got.headers["webhook-id"], got.body, is_taken))
        return answer

    def _answer(self) -> Answer | float | None:
        drawn = self.chance.random()
        troubles: list[tuple[float, Answer | float | None]] = [
            (0.06, (429, {"Retry-After": "45"}, b"slower")), (0.10, None), (0.13, 1.2),
            (0.16, (503, {}, b"later")), (0.18, (404, {}, b"no such channel")),
        ]  # fmt: skip
        return next((answer for limit, answer in troubles if drawn < limit), OK)


class Mails(Receiver):
    """Those of a mail server."""

    def answer(self, mail: EmailMessage) -> str:
        identity = mail["Message-ID"].partition("@")[0].removeprefix("<")
        plain, markup = (part.get_content() for part in mail.iter_parts())
        words = f"{mail['Subject']}\n{plain}\n{markup}".encode()
        drawn = 1.0 if self.calm else self.chance.random()
        said = "451 busy" if drawn < 0.08 else "554 no" if drawn < 0.1 else "250 taken"
        self.came.append((identity, words, said.startswith("2")))
        return said


class Told:
    """Everybody who is told: a webhook, one behind TLS, a mail server, and the fallback."""

    def __init__(self, stack: ExitStack, folder: Path, seed: int) -> None:
        make_certificates(folder)
        self.authority = str(folder / "ca.pem")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "broker.pem")
        self.hook, self.secure, self.last = (Receiver(random.Random(seed + place)) for place in range(3))
        self.last.calm = True
        self.mail = Mails(random.Random(seed + 3))
        servers = [stack.enter_context(web_server(each)) for each in (None, context, None)]
        for server, receiver in zip(servers, (self.hook, self.secure, self.last), strict=True):
            server.decide = receiver.decide
        self.servers = servers
        self.mails = stack.enter_context(mail_server())
        self.mails.decide = self.mail.answer

    def alerts(self, send: str) -> str:
        hook, secure, last = (server.address for server in self.servers)
        return f"""
format: 1
channels:
  hook: {{kind: webhook, url: {hook}/hook, per_second: 1000}}
  secure: {{kind: webhook, url: {secure}/hook, per_second: 1000}}
  mail: {{kind: mail, server: '{self.mails.address}', sender: m@a.example, to: t@a.example, per_second: 1000}}
  last: {{kind: webhook, url: {last}/hook, per_second: 1000}}
send: {{fallback: last, repeat: 0, {send}}}
"""

    @property
    def receivers(self) -> dict[str, Receiver]:
        return {"hook": self.hook, "secure": self.secure, "mail": self.mail, "last": self.last}


def chain_in(folder: Path, records_url: str, endpoints: int) -> tuple[Chain, list[wire.AppEvent]]:
    """Endpoints of which two windows that have just passed are sent to the app; the writer's stream is on
    disk."""
    folder.mkdir()
    chain = Chain(folder, records_url=records_url, stream_path=f"sqlite:///{folder}/streams")
    begins_us = wall_clock_us() // 600_000_000 * 600_000_000 - 1_800_000_000
    moments = [begins_us + minute * 60_000_000 for minute in (1, 11, 22)]
    names = [f"endpoint-{number:04}" for number in range(endpoints)]
    chain._commit(
        batches.Derived(
            discovered=[Endpoint(each, "flights", each, discovered=True) for each in names],
            counts=[
                batches.EndpointCounts(
                    each, stored=3, first_request_us=moments[0], last_request_us=moments[-1]
                )
                for each in names
            ],
            dirty={(each, moment): 1 for each in names for moment in moments},
        ),
        moments[-1],
    )
    events: list[wire.AppEvent] = []
    while len(events) < 2 * endpoints:
        chain.tick(moments[-1])
        some = chain.app_events()
        assert some, f"{len(events)} windows were sent, and no more"
        events += some
    return chain, events


def reports(events: list[wire.AppEvent], seed: int) -> list[tuple[str, bytes]]:
    """Each endpoint drifts and is calm again; some of it comes twice."""
    drawn = random.Random(seed)
    by_window: dict[int, list[wire.AppEvent]] = defaultdict(list)
    for event in events:
        by_window[event.key.start_us].append(event)
    found = []
    for number, start_us in enumerate(sorted(by_window)):
        drawn.shuffle(by_window[start_us])
        for event in by_window[start_us]:
            said = result(event, 0 if number else 2, 0.1 if number else 0.8)
            found.append((event.endpoint_id, wire.write_report([said, done(event)])))
    return found + drawn.choices(found, k=20)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("database", "endpoints", "send"),
    [
        pytest.param(sqlite, TOGETHER, GATHERED, id="together"),
        pytest.param(sqlite, APART, "group_by: [endpoint], group_wait: 5s, group_interval: 0", id="apart"),
        pytest.param(postgresql, TOGETHER, GATHERED, id="together-postgresql", marks=NEEDS_POSTGRES),
    ],
)
def test_whoever_is_killed_all_is_told_once_in_order(
    database: Callable[[Path], str], endpoints: int, send: str, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    chain, events = chain_in(tmp_path / "project", database(tmp_path), endpoints)
    bodies = reports(events, seed)
    with ExitStack() as stack:
        stack.callback(chain.close)
        told = Told(stack, tmp_path, seed)
        with chain.database.write() as connection:
            set_file(connection, told.alerts(send), "ann", wall_clock_us())
        url, partitions = chain.settings.writer_url, chain.settings.writer_partitions
        stream = stack.enter_context(closing(open_stream(url, partitions)))
        began_us = wall_clock_us()
        size = -(-len(bodies) // ROUNDS)
        for turn in range(ROUNDS):
            trusts = told.authority if turn >= ROUNDS // 2 else ""  # before that TLS fails
            writer = Worker(tmp_path, chain.settings, 0, function="writer")
            notifier = Notifying(tmp_path, chain.settings, began_us, trusts)
            writer.wait_until_ready()
            notifier.wait_until_ready()
            stream.publish(bodies[turn * size : (turn + 1) * size])
            time.sleep(chance.uniform(0.1, 2.5))  # the moment of the kill is what this test is about
            for process in chance.sample([writer, notifier], 2):
                process.kill()
        end(tmp_path, chain, stream, began_us, told)
        for name, receiver in told.receivers.items():
            is_right(chain, name, receiver)
        is_complete(chain, endpoints)
        print(table(chain, told))


def end(folder: Path, chain: Chain, stream: Stream, began_us: int, told: Told) -> None:
    """Nobody is killed any more: wait until everything is told."""
    writer = Worker(folder, chain.settings, 0, function="writer")
    notifier = Notifying(folder, chain.settings, began_us, told.authority)
    deadline = time.monotonic() + 600
    while any(stream.lag(reports_of(chain.settings).group).values()) or not chain.read(is_all_told):
        assert time.monotonic() < deadline, "it does not come to its end"
        time.sleep(0.2)  # both are processes of their own
    notifier.kill()
    writer.stop()


def is_all_told(connection: Connection) -> bool:
    if outbox.read(connection, READER, 1) or notices.untold(connection):
        return False
    return not any(state == messages.WAITING for _, state in messages.count_states(connection))


def rows(chain: Chain, table: Any, *order: Any) -> list[Any]:
    return list(chain.read(lambda connection: list(connection.execute(select(table).order_by(*order)))))


def kept_of(chain: Chain, channel: str) -> list[Any]:
    """The messages to a channel, in the order in which they were made."""
    return [
        each for each in rows(chain, message_table, message_table.c.created_us) if each.channel == channel
    ]


def is_right(chain: Chain, channel: str, receiver: Receiver) -> None:
    """What the receiver got is what the ledger says that it was told, under one id each, in order."""
    kept = kept_of(chain, channel)
    words: dict[str, set[bytes]] = defaultdict(set)
    for identity, said, _ in receiver.came:
        words[identity].add(said)
    assert all(len(each) == 1 for each in words.values()), "an id came with two texts"
    taken = {identity for identity, _, is_taken in receiver.came if is_taken}
    sent = {each.message_id for each in kept if each.state == messages.SENT}
    assert sent <= taken, "a message is noted as sent and never came"
    assert words.keys() <= {each.message_id for each in kept}, "a message came that nobody made"
    order = {identity: place for place, identity in enumerate(words)}
    of_group: dict[str, list[int]] = defaultdict(list)
    for each in kept:
        if each.message_id in order:
            of_group[each.group_key].append(order[each.message_id])
    in_order = all(places == sorted(places) for places in of_group.values())
    assert in_order or channel == "last", (
        "a message overtook an earlier one"
    )  # whoever fell first falls first
    fallen = [each for each in kept if each.state in messages.FAILED]
    assert all(each.state == messages.REFUSED for each in fallen), "a day has passed"
    to_last = {each.group_key for each in rows(chain, message_table) if each.channel == "last"}
    assert not fallen or f"fallback {channel}" in to_last


def is_complete(chain: Chain, endpoints: int) -> None:
    """Of every incident each channel was told both, or neither where it was over before."""
    # Rules by the clock may find that functions are down, as they are here.
    known = [each for each in rows(chain, incidents) if each.application_name == "app"]
    ids = {each.incident_id for each in known}
    assert len(known) == endpoints
    assert all(each.resolved_us is not None for each in known)
    kept = rows(chain, message_table)
    said = {each.message_id: msgspec.json.decode(each.body, type=Message) for each in kept}
    told_in: dict[str, set[int]] = defaultdict(set)
    for channel in ("hook", "secure", "mail"):
        kept_news = rows(chain, notice_table, notice_table.c.number)
        news = [each for each in kept_news if each.channel == channel and each.incident_id in ids]
        of_incident: dict[int, list[Any]] = defaultdict(list)
        for each in news:
            of_incident[each.incident_id].append(each)
        assert of_incident.keys() == ids
        for some in of_incident.values():
            assert [each.what for each in some] == ["raised", "resolved"]
            assert [each.state for each in some] in (["told", "told"], ["dropped", "dropped"])
        for each in news:
            if each.state == "told":
                told_in[each.message_id].add(each.incident_id)
    for identity, incident_ids in told_in.items():
        message = said[identity]
        assert len(message.lines) + message.more == len(incident_ids)
        assert {line.incident_id for line in message.lines} <= incident_ids


def table(chain: Chain, told: Told) -> str:
    """What is in the documents."""
    found = []
    for name, receiver in told.receivers.items():
        kept = kept_of(chain, name)
        states = Counter(each.state for each in kept)
        taken = Counter(identity for identity, _, is_taken in receiver.came if is_taken)
        again = sum(many - 1 for many in taken.values())
        found.append(
            f"{name}: {len(kept)} messages {dict(states)}, {len(receiver.came)} tries, {again} repeats"
        )
    return "\n".join(found)
