"""A bundle for Docker, run: each folder on a real Nuclio processor, fed by a real broker.

What Docker would do is done here: folders that a function.yaml mounts go by their names on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from chain import Chain
from deploying import eventually
from modelmon.deploying.bundling import bundle, functions_to_bundle
from modelmon.deploying.plan import make_plan
from modelmon.deploying.rendering import topic_of
from modelmon.deploying.secrets import PASSWORD, write_secret_files
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.wheel import pack_wheel
from services import kafka, nuclio

pytestmark = [*kafka.NEEDS_KAFKA, *nuclio.NEEDS_NUCLIO, pytest.mark.slow]

EVENTS, MINUTES = 600, 6
HANDLER = """\
from pathlib import Path

from nuclio_sdk import QualifiedOffset


def init_context(context):
    pass


async def handler(context, event):
    with (Path(__file__).parent / "seen").open("ab") as file:
        file.write(event.body + b"\\n")
    await context.platform.explicit_ack(QualifiedOffset.from_event(event))
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[kafka.KafkaBroker]:
    started = kafka.KafkaBroker()
    started.start()
    yield started
    started.stop()


def bundled(settings: Settings, output: Path) -> dict[str, Path]:
    """The project's functions as `modelmon deploy --platform local` hands them to nuctl."""
    plan = make_plan(settings, "local")
    output.mkdir()
    wheel = pack_wheel(output)
    folders = functions_to_bundle(settings)
    assert [finding for finding in bundle(plan, folders, output, wheel) if finding.level == "error"] == []
    write_secret_files(plan)
    for name in folders:
        _mount(output / name / "function.yaml")
    return {name: output / name for name in folders}


def _mount(path: Path) -> None:
    """Name mounted folders as they are called outside the container."""
    text = path.read_text(encoding="utf-8")
    for volume in yaml.safe_load(text)["spec"].get("volumes", []):
        inside, outside = volume["volumeMount"]["mountPath"], volume["volume"]["hostPath"]["path"]
        text = text.replace(inside.removesuffix("/.modelmon"), outside.removesuffix("/.modelmon"))
    path.write_text(text, encoding="utf-8")


def test_a_bundle_does_what_the_embedded_runner_does(broker: kafka.KafkaBroker, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "project", minutes=MINUTES, stream_path=broker.url)
    with ExitStack() as stack:
        running = {}
        for name, folder in bundled(chain.settings, tmp_path / "bundle").items():
            running[name] = nuclio.Processor(folder, tmp_path / "processors").start()
            stack.callback(running[name].stop)
        for processor in running.values():
            processor.wait_until_ready()
        chain.publish(chain.events(EVENTS))

        def ticked() -> bool:
            """The cron trigger ticks once a minute; a request does the same."""
            answer = httpx.post(f"http://{running['modelmon-controller'].address}/", timeout=30)
            assert answer.status_code == 200, answer.text
            state = chain.state()
            return len(state.requests) == EVENTS and state.answered == MINUTES

        eventually(ticked, within=120)
    state = chain.state()
    state.assert_each_event_counts_once(EVENTS)
    state.assert_every_window_is_answered(MINUTES)


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_the_kafka_trigger_takes_its_password_from_a_file(
    broker: kafka.KafkaBroker, tmp_path: Path, right: bool
) -> None:
    settings = Settings().changed(
        project_dir=str(tmp_path), stream_path=broker.sasl_url, events_stream=f"secret-{right}".lower(),
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username=kafka.USER, kafka_sasl_password=kafka.PASSWORD,
    )  # fmt: skip
    folder = bundled(settings, tmp_path / "bundle")["modelmon-stream"]
    (folder / "main.py").write_text(HANDLER, encoding="utf-8")
    if not right:
        (tmp_path / ".modelmon" / "secrets" / PASSWORD).write_text("another")
    with ExitStack() as stack:
        stream = kafka_stream(broker, settings)
        stack.callback(stream.close)
        stream.publish([("key", b"one"), ("key", b"two")])
        processor = nuclio.Processor(folder, tmp_path / "processors", level="debug").start()
        stack.callback(processor.stop)
        said = "SASL authentication successful" if right else "while authenticating with SASL"
        eventually(lambda: said in processor.log, within=60)
        if right:
            eventually(lambda: (folder / "seen").exists() and b"two" in (folder / "seen").read_bytes())
        assert (folder / "seen").exists() is right
        assert kafka.PASSWORD not in processor.log
    assert kafka.PASSWORD not in (folder / "function.yaml").read_text(encoding="utf-8")


def kafka_stream(broker: kafka.KafkaBroker, settings: Settings) -> Stream:
    """The same topic through the broker's open door."""
    return open_stream(f"{broker.url}/{topic_of(settings, settings.events_stream)}", 2, Settings())
