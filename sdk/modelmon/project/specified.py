"""Functions of a project that stand in a specification until they are deployed: apps and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

from modelmon.model_monitoring.locating import HasSettings
from modelmon.project import functions
from modelmon.project.from_mlrun import MLRunFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """What every one of them has."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


Spec = TypeVar("Spec", bound=FunctionSpec)


class SpecifiedFunction(MLRunFunction, Generic[Spec]):
    """One of them, by its specification."""

    def __init__(self, project: HasSettings, spec: Spec) -> None:
        self._project = project
        self.spec = spec

    @property
    def name(self) -> str:
        return self.spec.name

    def set_env(self, name: str, value: str | int | float) -> Self:
        """An environment variable of the function, from the next `deploy` on. Not for secrets: everyone who
        can read the function's configuration can read it."""
        environment = {**self.spec.environment, **functions.check_environment({name: value})}
        functions.warn_of_secret(name)
        self.spec = replace(self.spec, environment=environment)
        return self
