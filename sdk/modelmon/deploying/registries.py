"""Whether images are pushed where they are looked for: two names of one registry have the same folder."""

from __future__ import annotations

from modelmon.checked_yaml.findings import WARNING, Finding
from modelmon.deploying.nuclio_settings import NuclioSettings
from modelmon.settings import FILE_NAME, Settings


def folders_apart(settings: Settings) -> list[Finding]:
    """A warning where only one of the two registries has a folder. nuctl puts an image into the folder of the
    first, and tells the cluster to pull it from that of the second."""
    nuclio = settings.of(NuclioSettings)
    pushed, pulled = nuclio.nuclio_registry, nuclio.nuclio_run_registry
    if not pushed or not pulled or bool(_folder(pushed)) == bool(_folder(pulled)):
        return []
    problem = (
        f"has {_said(pulled)}, and nuclio_registry {pushed!r} has {_said(pushed)}: images are pushed to "
        "one place and pulled from another"
    )
    mend = f"write {_host(pulled)}/{_folder(pushed)}" if _folder(pushed) else f"write {_host(pulled)}"
    return [Finding(1, "nuclio_run_registry", repr(pulled), problem, mend, WARNING, file=FILE_NAME)]


def _said(registry: str) -> str:
    return f"the folder {_folder(registry)!r}" if _folder(registry) else "no folder"


def _host(registry: str) -> str:
    return registry.partition("/")[0]


def _folder(registry: str) -> str:
    return registry.partition("/")[2].strip("/")
