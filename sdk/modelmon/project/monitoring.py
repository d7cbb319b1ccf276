"""Turning a project's monitoring on, off, and to another period."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelmon.counting import count
from modelmon.deploying.nuctl import how_far
from modelmon.deploying.procedure import deploy_function
from modelmon.deploying.renewing import in_words, mark, renew
from modelmon.errors import ConfigError, UnavailableError
from modelmon.export.export_settings import ExportSettings
from modelmon.function_spec.own_apps import HISTOGRAM_DRIFT, OWN_APPS
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.ledger import registry
from modelmon.ledger.access_settings import AccessSettings, is_served
from modelmon.ledger.exporting import OTLP, forget_export
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.ledger.window_ledger import project_period
from modelmon.local.runner_state import RunningFunction, read_report
from modelmon.model_monitoring.locating import HasSettings, opened
from modelmon.model_monitoring.telling import tell
from modelmon.model_monitoring.whole_folders import copy_into
from modelmon.project import functions
from modelmon.project.applications import (
    AppFunction,
    check_base_period,
    own_app,
    put_to_work,
    read_app,
    say_deployed,
)
from modelmon.project.base_images import settle_image
from modelmon.project.chosen_requirements import settle_requirements
from modelmon.project.names import (
    API,
    CONTROLLER,
    EXPORTER,
    INFRASTRUCTURE,
    NOTIFIER,
    STREAM,
    WRITER,
)
from modelmon.settings import Settings

logger = logging.getLogger(__name__)

ADVISED_MINUTES = 10
BASE_PERIOD = "base_period"
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.1


def enable(
    project: HasSettings, base_period: int | None, *, apps: Sequence[str], wait: bool, image: str = ""
) -> None:
    """Deploy stream, controller, writer, the page and these of ModelMon's apps, and make their streams.

    What is deployed already is left as it is, but for ModelMon's own code of another version: the same call
    goes on where another one has ended.
    """
    settings = project.settings
    given = None if base_period is None else check_base_period(base_period)
    # The controller is the last: with it monitoring is enabled, and the period is a matter of `update`.
    optional = [name for name, is_wanted in _optional(settings).items() if is_wanted]
    names = [STREAM, WRITER, *apps, *optional, CONTROLLER]
    renewed = _renew(settings)
    missing = functions.not_deployed(settings, names)
    if CONTROLLER not in missing:
        _refuse_another_period(settings, given)
        _say_what_is_there(settings, [*missing, *renewed], apps)
    else:
        _set_period(settings, _advise(given or settings.base_period), given=given is not None)
    if missing:
        for stream in (settings.events_stream, settings.writer_stream):
            functions.make_stream(settings, stream)
        _deploy_missing(project, names, missing, image)
        minutes = _period(settings)
        tell(
            f"Monitoring of project {settings.project} is enabled, in windows of {count(minutes, 'minute')}."
        )
    if wait:
        wait_until_ready(settings, names)


def _deploy_missing(project: HasSettings, names: Sequence[str], missing: Sequence[str], image: str) -> None:
    """Of these functions the missing ones, in their order."""
    has_past: dict[str, bool] = {}
    for index, name in enumerate(missing):
        with _saying_how_far([each for each in names if each not in missing[index:]], missing[index:]):
            if name in OWN_APPS:
                has_past[name] = _put_to_work(project, name, image)
            else:
                _deploy(project.settings, name, image)
    if has_past:
        say_deployed(list(has_past), has_past=any(has_past.values()))


def settle_optional(settings: Settings) -> None:
    """Deploy the functions that the settings want, where they are not there; remove those they don't."""
    for name, is_wanted in _optional(settings).items():
        is_there = functions.is_deployed(settings, name)
        if is_wanted and not is_there:
            _deploy(settings, name, "")
        elif is_there and not is_wanted:
            functions.withdraw(settings, name, forget=True)
    if not settings.of(ExportSettings).has_collector:
        _send_nothing(settings)


def _optional(settings: Settings) -> dict[str, bool]:
    """The functions that not every project has, and whether this one has them."""
    has_page = is_served(settings.of(AccessSettings), only_here=settings.platform == EMBEDDED)
    return {
        API: has_page,
        EXPORTER: settings.of(ExportSettings).has_collector,
        NOTIFIER: settings.of(NotifySettings).has_notifier,
    }


def _send_nothing(settings: Settings) -> None:
    """What still waited to be sent waits for nobody."""
    with opened(settings) as database, database.write() as connection:
        forget_export(connection, OTLP)


def _renew(settings: Settings) -> list[str]:
    renewed = renew(settings)
    if renewed:
        tell(in_words(renewed))
    for name in renewed:
        deploy_function(settings, name, tell)
    return renewed


@contextmanager
def _saying_how_far(reached: Sequence[str], left: Sequence[str]) -> Iterator[None]:
    """Of a deployment inside that fails or is interrupted: each is one of its own and knows of no other."""
    far = f"Of monitoring: {how_far(reached, left)}"
    try:
        yield
    except UnavailableError as error:
        raise UnavailableError(f"{error}\n{far}") from error
    except (KeyboardInterrupt, SystemExit):
        tell(far)
        raise


def _put_to_work(project: HasSettings, name: str, image: str) -> bool:
    """One of ModelMon's apps; whether there are earlier windows that it could judge."""
    known = functions.recorded(project.settings, name)  # with arguments of the user's own, say
    app = AppFunction(project, own_app(name, image=image)) if known is None else read_app(project, known.spec)
    return put_to_work(app)


def update(project: HasSettings, base_period: int, *, wait: bool, image: str = "") -> None:
    """Deploy the controller anew, with windows of another length from the next one on."""
    settings = project.settings
    minutes = check_base_period(base_period)
    if not functions.is_deployed(settings, CONTROLLER):
        raise ConfigError(
            f"monitoring of project {settings.project!r} is not enabled: call enable_model_monitoring first"
        )
    _set_period(settings, _advise(minutes), given=True)
    _deploy(settings, CONTROLLER, image)
    tell(f"Windows of project {settings.project} are {count(minutes, 'minute')} long from the next one on.")
    if wait:
        wait_until_ready(settings, [CONTROLLER])


def disable(
    project: HasSettings,
    *,
    controller: bool,
    stream: bool,
    drift_app: bool,
    user_apps: bool,
    user_app_names: Sequence[str] | None,
) -> None:
    """Stop what is asked for, with the controller ModelMon's other apps too. The writer goes on, so that
    reports under way are stored, and the notifier, so that what ends is told."""
    settings = project.settings
    with opened(settings) as database, database.read() as connection:
        known = registry.list_functions(connection, "app")
    own = {each.name for each in known if _is_own(each)}
    stopped = _user_apps([each.name for each in known if each.name not in own], user_apps, user_app_names)
    if controller:
        functions.withdraw(settings, CONTROLLER, forget=False)
    if stream:
        functions.withdraw(settings, STREAM, forget=False)
    if drift_app:
        functions.withdraw(settings, HISTOGRAM_DRIFT, forget=True)
    for name in sorted(own - {HISTOGRAM_DRIFT}) if controller else ():
        functions.withdraw(settings, name, forget=True)
    for name in stopped:
        functions.withdraw(settings, name, forget=False)


def _is_own(function: registry.RegisteredFunction) -> bool:
    """Whether it is one of ModelMon's apps, and no app of the user's that is called so."""
    own = OWN_APPS.get(function.name)
    is_histogram = function.name == HISTOGRAM_DRIFT  # whose name has been ours from the beginning
    return own is not None and (is_histogram or function.spec.get("template") == own.folder)


def wait_until_ready(settings: Settings, names: Sequence[str], within_seconds: float = WAIT_SECONDS) -> None:
    """Until the runner says that every worker of these functions is ready.

    Raises UnavailableError when no runner runs, or not all are ready in time; ConfigError with what it
    says when a function can't run. On Nuclio nothing is waited for: nuctl has done so.
    """
    if settings.platform != EMBEDDED:
        return
    deadline = time.monotonic() + within_seconds
    while True:
        report = read_report(Path(settings.project_dir))
        if report.pid is None:
            raise UnavailableError(
                f"deployed, but nothing runs the functions: start `modelmon up` in {settings.project_dir}"
            )
        running = {function.name: function for function in report.functions if function.name in names}
        wrong = [f"{name}: {function.error}" for name, function in running.items() if function.error]
        if wrong:
            raise ConfigError("; ".join(wrong))
        unready = [name for name in names if not _is_ready(running.get(name))]
        if not unready:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(f"after {within_seconds:g} s not ready: {', '.join(unready)}")
        time.sleep(LOOK_SECONDS)  # between looks at the runner's report, which is a file


def _is_ready(function: RunningFunction | None) -> bool:
    workers = function.workers if function else ()
    return bool(workers) and all(worker.state == "ready" for worker in workers)


def _deploy(settings: Settings, name: str, image: str) -> None:
    template = INFRASTRUCTURE[name]

    def fill(folder: Path) -> None:
        copy_into(functions.template(settings, template), folder)
        settle_requirements(folder, None, None)
        settle_image(folder, image)
        mark(folder)

    functions.write_function(settings, name, fill, {})
    kind = "page" if name == API else "infra"
    functions.record(settings, name, kind, {"template": template}, deployed=True)


def _refuse_another_period(settings: Settings, given: int | None) -> None:
    minutes = _period(settings)
    if given not in (None, minutes):
        raise ConfigError(
            f"base_period: monitoring of project {settings.project!r} is enabled with "
            f"{count(minutes, 'minute')}, not {given}: "
            f"update_model_monitoring_controller(base_period={given}) changes that"
        )


def _say_what_is_there(settings: Settings, changing: Sequence[str], apps: Sequence[str]) -> None:
    if not changing:
        tell(
            f"Monitoring of project {settings.project} is enabled already, in windows of "
            f"{count(_period(settings), 'minute')}: nothing is deployed anew."
        )
    for name in OWN_APPS:
        if name not in apps and functions.is_deployed(settings, name):
            tell(
                f"{name} is deployed too, without having been asked for here: "
                f"remove_model_monitoring_function({name!r}) removes it."
            )


def _period(settings: Settings) -> int:
    with opened(settings) as database, database.read() as connection:
        return project_period(connection, settings.base_period)


def _advise(minutes: int) -> int:
    if minutes < ADVISED_MINUTES:
        logger.warning(
            "a base period of %s is short: %d or more is advised, or windows hold too few rows",
            count(minutes, "minute"),
            ADVISED_MINUTES,
        )
    return minutes


def _set_period(settings: Settings, minutes: int, *, given: bool) -> None:
    """A period that nobody gave stays the setting, which modelmon.yaml may change."""
    with opened(settings) as database, database.write() as connection:
        if given or registry.get_value(connection, BASE_PERIOD) is not None:
            registry.set_value(connection, BASE_PERIOD, minutes)


def _user_apps(known: list[str], every: bool, names: Sequence[str] | None) -> list[str]:
    if names is None:
        return known if every else []
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"user_application_list: must be a list of names, got {names!r}")
    if not every:
        raise ConfigError("user_application_list: goes together with delete_user_applications=True")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"user_application_list: no app {unknown[0]!r}; there are: {', '.join(known) or 'none'}"
        )
    return list(names)
