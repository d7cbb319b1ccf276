"""A monitoring app of a project on another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote

import msgspec

from modelmon.client.asking import DEPLOY_SECONDS, Server
from modelmon.client.saying import Said
from modelmon.errors import ConfigError
from modelmon.from_mlrun import missing, refuse
from modelmon.from_mlrun.views import FunctionStatus, Metadata
from modelmon.function_spec.given_requirements import given_requirements

KIND = "app"


class RemoteAppSpec(msgspec.Struct, frozen=True):
    """An app as the server shows it: of its environment the names, and no value that is called like a
    secret."""

    name: str
    class_name: str = ""
    template: str = ""
    arguments: dict[str, Any] = {}
    base_period: int | None = None
    environment: list[str] = []
    requirements: list[str] | None = None
    image: str = ""
    deployed: bool = False


class OnServer(Protocol):
    """The project of an app."""

    name: str

    @property
    def server(self) -> Server: ...

    @property
    def base(self) -> str: ...


class RemoteApp:
    """A monitoring app; `deploy` puts it to work there."""

    kind = KIND

    def __init__(
        self, project: OnServer, spec: RemoteAppSpec, unsent: Mapping[str, Any] | None = None
    ) -> None:
        """`unsent`: what the server is still to be told of it."""
        self._project = project
        self._unsent = unsent
        self._changes: dict[str, Any] = {"environment": {}, "requirements": [], "overwrite": False}
        self.spec = spec

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise missing("function", type(self).__name__, name)

    def __repr__(self) -> str:
        return f"RemoteApp(name={self.name!r}, class_name={self.spec.class_name!r})"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.name, self._project.name)

    @property
    def status(self) -> FunctionStatus:
        """Whether it is recorded or deployed; `modelmon health` there says how it does."""
        return FunctionStatus("deployed" if self.is_deployed() else "created")

    @property
    def uri(self) -> str:
        """ "project/function"."""
        return f"{self._project.name}/{self.name}"

    def is_deployed(self) -> bool:
        """Whether it was deployed, whatever runs."""
        if self._unsent is None:
            self.spec = self._project.server.get(self._path, RemoteAppSpec)
        return self.spec.deployed

    def apply(self, modifier: Callable[[Self], Any]) -> Self:
        """The app after `modifier` has changed it."""
        modifier(self)
        return self

    def set_env(self, name: str, value: str | int | float) -> RemoteApp:
        """An environment variable of the app, from the next `deploy` on. Not for secrets: everyone who can
        read the app's configuration there can read it."""
        self._changes["environment"][name] = str(value)
        return self

    def set_envs(
        self, env_vars: Mapping[str, str | int | float] | None = None, file_path: str | None = None
    ) -> Self:
        """Several environment variables; `set_env` says for what."""
        refuse("set_envs", file_path=file_path)
        for name, value in (env_vars or {}).items():
            self.set_env(name, value)
        return self

    def with_requirements(
        self,
        requirements: str | Sequence[str] | None = None,
        overwrite: bool = False,
        prepare_image_for_deploy: bool = True,
        requirements_file: str = "",
    ) -> RemoteApp:
        """What the app needs beside ModelMon, from the next `deploy` on: added to what was asked for before
        unless `overwrite`."""
        given = given_requirements(requirements, requirements_file, Path.cwd()) or []
        before = [] if overwrite else self._changes["requirements"]
        self._changes |= {
            "requirements": [*before, *given],
            "overwrite": overwrite or self._changes["overwrite"],
        }
        return self

    def deploy(self, project: str = "", tag: str = "", verbose: bool = False, **others: Any) -> RemoteApp:
        """Put it to work there: from now on it is sent windows.

        The arguments are for code written for MLRun. Raises ConfigError for a project of another name.
        """
        if project and project != self._project.name:
            raise ConfigError(f"project: this app is of project {self._project.name!r}, not {project!r}")
        self.save()
        done = self._project.server.ask(
            "POST", f"{self._path}/deploy", Said, body=self._changes, within_seconds=DEPLOY_SECONDS
        )
        self._changes = {"environment": {}, "requirements": [], "overwrite": False}
        done.tell()
        return self

    def save(
        self, tag: str = "", versioned: bool = False, refresh: bool = False, *, deployed: bool = False
    ) -> None:
        """Record the app in the project, with its code; what `set_env` and `with_requirements` say goes with
        `deploy`."""
        if self._unsent is not None:
            self.spec = self._project.server.ask("PUT", self._path, RemoteAppSpec, body=self._unsent)
            self._unsent = None

    @property
    def _path(self) -> str:
        return app_path(self._project.base, self.name)


def app_path(base: str, name: str) -> str:
    return f"{base}/model-monitoring/functions/{quote(name, safe='')}"
