"""What a function's image has to install, beside its own code."""

from __future__ import annotations

from modelmon.deploying.plan import Plan
from modelmon.local.needs import drivers_of, extra_of


def extras_of(function: str, plan: Plan, *, is_app: bool) -> list[str]:
    """Extras of ModelMon that the function needs."""
    own = extra_of(function, is_app=is_app)
    return [extra for extra in (own, "v3io" if plan.on_v3io else "kafka") if extra]


def install_command(function: str, plan: Plan, wheel: str, *, is_app: bool) -> str:
    """The line of a Dockerfile that installs ModelMon's wheel and what it needs here."""
    extras = ",".join(extras_of(function, plan, is_app=is_app))
    drivers = "".join(f" '{package}'" for package in drivers_of(plan.settings))
    return f"pip install --no-cache-dir '/opt/nuclio/{wheel}[{extras}]'{drivers}"
