"""Whether the Evidently that is installed is one that the app's base works with."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement
from packaging.version import Version

from modelmon.errors import ConfigError
from modelmon.extras import HOW_TO_BRING

REQUIREMENTS = ("evidently>=0.7.5,<0.8", "pandas<3.1")
"""Lines of an app's requirements: 0.7.5 is where reports are as they are, and 0.7.23 can't be imported beside
pandas 3.1."""


def check_evidently() -> None:
    """Raises ConfigError, with the lines that are right, where Evidently is missing, of another version, or
    can't be imported beside the pandas that is there."""
    try:
        installed = version("evidently")
    except PackageNotFoundError:
        raise ConfigError(f"this app needs Evidently, which is not installed: {_mend()}") from None
    wanted = Requirement(REQUIREMENTS[0])
    if not wanted.specifier.contains(Version(installed), prereleases=True):
        raise ConfigError(f"Evidently {installed} is installed, and this app needs {wanted}: {_mend()}")
    try:
        import_module("evidently")
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"Evidently {installed} can't be imported beside pandas {_pandas()} ({error}): {_mend()}"
        ) from error


def _pandas() -> str:
    try:
        return version("pandas")
    except PackageNotFoundError:
        return "(none)"


def _mend() -> str:
    return f"write {' and '.join(map(repr, REQUIREMENTS))}; {HOW_TO_BRING}"
