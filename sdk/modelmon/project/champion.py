"""The model that an endpoint serves now: its function, and what that function serves it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import registry
from modelmon.model import Endpoint
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.project import functions
from modelmon.project.served_models import served
from modelmon.project.serving_function import ServingFunction, read_serving
from modelmon.serving import ModelServing, ModelSpec, create_server, read_spec
from modelmon.serving.tracking import Tracking


@dataclass(frozen=True, slots=True)
class Champion:
    """A serving function of the project, and the one of its models that answers for the endpoint."""

    function: ServingFunction
    model: ModelSpec

    @property
    def kept(self) -> dict[str, Any]:
        """What has to be known to bring it back."""
        return {"model_path": self.model.model_path, "parameters": self.model.parameters}


def champion_of(project: HasSettings, endpoint: Endpoint) -> Champion:
    """Raises ConfigError where no function that the project has deployed serves the endpoint."""
    with opened(project.settings) as database, database.read() as connection:
        return champion_in(connection, project, endpoint)


def champion_in(connection: Connection, project: HasSettings, endpoint: Endpoint) -> Champion:
    """As `champion_of`, as a transaction sees it."""
    found = registry.get_function(connection, endpoint.function_name)
    if found is not None and found.kind == ServingFunction.kind and found.deployed:
        function = read_serving(project, found.spec)
        for model in function.spec.models:
            if function.spec.endpoint_id(model) == endpoint.endpoint_id:
                return Champion(function, model)
    raise ConfigError(
        f"endpoint {endpoint.name!r}: no serving function that this project has deployed serves it, so "
        "nothing here can put another model in its place; deploy that where the model is served"
    )


def replaced(champion: Champion, model_path: str, parameters: dict[str, Any]) -> Champion:
    """The same function with another model in its place."""
    model = msgspec.structs.replace(
        champion.model, model_path=model_path, parameters=parameters, inputs=[], outputs=[]
    )
    function = champion.function
    models = [model if each == champion.model else each for each in function.spec.models]
    function.spec = msgspec.structs.replace(function.spec, models=models)
    return Champion(function, model)


def served_alone(champion: Champion) -> ModelServing:
    """Its model alone, in this process, tracked by nobody; by the code as it is deployed."""
    function = champion.function
    settings = function._project.settings
    folder = functions.deployed_folder(settings, function.name)
    deployed = read_spec(folder)
    model = served(settings, function.spec, champion.model, here=True).model
    alone = msgspec.structs.replace(deployed, models=[model], tracking=Tracking(enabled=False))
    return create_server(alone, settings, folder=folder)
