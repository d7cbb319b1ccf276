"""Monitoring of a project, turned on, off and to another period: on MLRun's paths, for admins."""

from __future__ import annotations

from typing import Annotated

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.remote_deploy import Done, done
from modelmon.api.roles import Role
from modelmon.api.routes import Route

BASE = "/api/v1/projects/{project}/model-monitoring"
MOST_MINUTES = 366 * 24 * 60
Minutes = Annotated[int, msgspec.Meta(ge=1, le=MOST_MINUTES)]
NO_BATCH = (
    "a job that records results for a list of endpoints is not there yet, it comes with a later version; "
    "until then `modelmon publish FILE` brings recorded rows with their times"
)


class Enabling(msgspec.Struct, kw_only=True, frozen=True):
    """As `enable_model_monitoring` takes them; without `apps` those that run by default, and `apps=none` for
    none. `auth-token-name` is for MLRun's client, which sends it."""

    base_period: Minutes | None = None
    image: str | None = None
    apps: tuple[str, ...] = ()
    deploy_histogram_data_drift_app: bool = True
    wait_for_deployment: bool = False
    lag_threshold: int | None = None
    lag_event_cooldown: int | None = None
    otlp_enabled: bool = False
    rebuild_images: bool = False
    fetch_credentials_from_sys_config: bool = False
    auth_token_name: str = ""


class Period(msgspec.Struct, kw_only=True, frozen=True):
    """As `update_model_monitoring_controller` takes them."""

    base_period: Minutes = 10
    image: str | None = None
    wait_for_deployment: bool = False


class Disabling(msgspec.Struct, kw_only=True, frozen=True):
    """As `disable_model_monitoring` takes them."""

    delete_resources: bool = True
    delete_stream_function: bool = False
    delete_histogram_data_drift_app: bool = True
    delete_user_applications: bool = False
    user_application_list: tuple[str, ...] = ()


def enable(asked: Asked, wanted: Enabling) -> Done:
    given = msgspec.structs.asdict(wanted)
    del given["auth_token_name"]
    given["apps"] = list(wanted.apps) or None
    return done(asked, lambda project: project.enable_model_monitoring(**given))


def update(asked: Asked, wanted: Period) -> Done:
    given = msgspec.structs.asdict(wanted)
    return done(asked, lambda project: project.update_model_monitoring_controller(**given))


def disable(asked: Asked, wanted: Disabling) -> Done:
    given = msgspec.structs.asdict(wanted)
    given["user_application_list"] = list(wanted.user_application_list) or None
    return done(asked, lambda project: project.disable_model_monitoring(**given))


def record_results(asked: Asked, parameters: object) -> Done:
    raise Problem(501, NO_BATCH)


ROUTES = (
    Route("PUT", f"{BASE}/", enable, "Turn monitoring on.", Enabling, role=Role.ADMIN),
    Route("DELETE", f"{BASE}/", disable, "Turn monitoring off.", Disabling, role=Role.ADMIN),
    Route(
        "PATCH", f"{BASE}/controller", update, "Windows of another length, from the next one on.", Period,
        role=Role.ADMIN,
    ),
    Route(
        "POST", f"{BASE}/record-results", record_results,
        "Results of a batch, for a list of endpoints: not there yet.", role=Role.ADMIN,
    ),
)  # fmt: skip
