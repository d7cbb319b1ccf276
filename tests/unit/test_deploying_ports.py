"""Under Docker a function is at the same port whenever its container is started."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploying import HTTP, deploy, stream_trigger
from modelmon.deploying import ports
from modelmon.deploying.bundling import bundle
from modelmon.deploying.plan import make_plan
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import port_file, template
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel

Bundled = Callable[..., Any]


@pytest.fixture
def bundled(tmp_path: Path) -> Bundled:
    """The http trigger's attributes of functions as they are bundled."""
    wheel = pack_wheel(tmp_path)

    def of(platform: str, *names: str, inside: bool = True) -> list[dict[str, Any]]:
        settings = Settings(
            project="flights",
            stream_path="kafka://a",
            project_dir=str(tmp_path / "flights") if inside else "",
        )
        (tmp_path / "flights").mkdir(exist_ok=True)
        (tmp_path / "own").mkdir(exist_ok=True)
        text = (template("serving") / "function.yaml").read_text()
        (tmp_path / "own" / "main.py").write_text("handler = print")
        (tmp_path / "own" / "function.yaml").write_text(
            text.replace("kind: http\n", "kind: http\n      attributes: {port: 8085}\n")
        )
        folders = {name: tmp_path / "own" if name == "own" else template("serving") for name in names}
        folders |= {name: template("controller") for name in names if name == "modelmon-controller"}
        bundle(make_plan(settings, platform), folders, tmp_path / "out", wheel)
        texts = [(tmp_path / "out" / name / "function.yaml").read_text() for name in names]
        return [yaml.safe_load(text)["spec"]["triggers"]["http"].get("attributes", {}) for text in texts]

    return of


def test_a_port_is_chosen_once_and_kept(bundled: Bundled, tmp_path: Path) -> None:
    first, other = bundled("local", "web", "other")
    assert first["port"] != other["port"]
    assert all(20000 <= each["port"] < 30000 for each in (first, other))
    assert bundled("local", "other", "web") == [other, first]
    kept = tmp_path / "flights" / ".modelmon" / "functions" / "web.port"
    assert kept.read_text() == str(first["port"])


def test_a_port_of_ones_own_stays_and_one_that_is_not_published_has_none(bundled: Bundled) -> None:
    own, controller = bundled("local", "own", "modelmon-controller")
    assert own == {"port": 8085}
    assert controller == {"disablePortPublishing": True}


def test_elsewhere_nuclio_decides(bundled: Bundled) -> None:
    assert bundled("kube", "web") == [{}]
    assert bundled("local", "web", inside=False) == [{}]


def test_a_port_that_somebody_has_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        taken = somebody.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", taken)
        monkeypatch.setattr(ports, "COUNT", 1)
        plan = make_plan(Settings(stream_path="kafka://a", project_dir=str(tmp_path)), "local")
        with pytest.raises(ConfigError, match=f"no port from {taken} to {taken} is free: name one as"):
            ports.port_of(plan, "web")
    assert ports.port_of(plan, "web") == taken
    with pytest.raises(ConfigError, match="is free"):
        ports.port_of(plan, "another")


@pytest.mark.parametrize(
    ("attributes", "port"),
    [({}, 20001), ({"port": 8085}, 8085), ({"disablePortPublishing": True}, 0)],
    ids=["kept", "own", "unpublished"],
)
def test_the_port_of_a_deployed_function_is_known_without_nuclio(
    tmp_path: Path, attributes: dict[str, Any], port: int
) -> None:
    deploy(tmp_path, "web", "", {"http": HTTP | {"attributes": attributes}})
    deploy(tmp_path, "reader", "", {"events": stream_trigger()})
    for name in ("web", "reader"):
        port_file(tmp_path, name).write_text("20001")
    settings = Settings(stream_path="kafka://a", project_dir=str(tmp_path))
    plan = make_plan(settings, "local")
    assert [ports.port_there(plan, name) for name in ("web", "reader", "gone")] == [port, 0, 0]
    assert ports.port_there(make_plan(settings, "kube"), "web") == 0
