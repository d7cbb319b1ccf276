"""ModelMon's own wheel, packed from the files that run here: functions elsewhere get the same ModelMon.

No build tool and no checkout are asked for, so it works however ModelMon was installed (from a checkout,
editable or not, or from a wheel). A wheel is a zip file of the package and of its metadata (PEP 427).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import modelmon
from modelmon.errors import ConfigError

PACKAGE = "modelmon"
FUNCTIONS, CONSTRAINTS = "_functions", "constraints.txt"
"""Where the wheel has them, inside the package; a checkout has both at its root."""
METADATA = ("METADATA", "entry_points.txt")
LEFT_OUT = ("__pycache__", FUNCTIONS)
WHEEL = "Wheel-Version: 1.0\nGenerator: modelmon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Wheel:
    """What installing a wheel of ModelMon takes: the lines `Requires-Dist` of its metadata, and the versions
    it was tested with, as pip's constraints ("" in one that has none)."""

    name: str
    requires: tuple[str, ...]
    constraints: str


def pack_wheel(folder: Path) -> Path:
    """Write the wheel of this ModelMon into `folder`; the same files make the same bytes.

    Raises ConfigError where ModelMon is not installed, which leaves no metadata.
    """
    found = _installed()
    packed = {f"{PACKAGE}/{name}": path.read_bytes() for name, path in _package_files()}
    info = f"{PACKAGE}-{found.version}.dist-info"
    packed |= {f"{info}/{name}": text.encode() for name, text in _metadata_files(found)}
    packed = dict(sorted(packed.items()))
    record = "".join(f"{name},{_digest(content)},{len(content)}\n" for name, content in packed.items())
    packed[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / _name(found)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in packed.items():
            archive.writestr(_entry(name), content)
    return path


def read_wheel(path: Path) -> Wheel:
    """What a wheel says of itself. Raises ConfigError for a file that is no wheel of ModelMon."""
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            metadata = next(
                name
                for name in names
                if name.startswith(f"{PACKAGE}-") and name.endswith(".dist-info/METADATA")
            )
            requires = _requires(archive.read(metadata).decode())
            pinned = f"{PACKAGE}/{CONSTRAINTS}"
            constraints = archive.read(pinned).decode() if pinned in names else ""
    except (BadZipFile, StopIteration, UnicodeDecodeError, OSError):
        raise ConfigError(
            f"{path} is no wheel of ModelMon; leave out --wheel and nuclio_wheel to deploy the one installed"
        ) from None
    return Wheel(path.name, requires, constraints)


def installed_wheel() -> Wheel:
    """As `read_wheel`, of the wheel that `pack_wheel` would write. Raises as that does."""
    found = _installed()
    pinned = _constraints_file()
    constraints = pinned.read_text(encoding="utf-8") if pinned is not None else ""
    return Wheel(_name(found), _requires(found.read_text("METADATA") or ""), constraints)


def _installed() -> Distribution:
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError:
        raise ConfigError(
            f"this ModelMon, {Path(modelmon.__file__).parent}, is not installed, so its wheel can't be "
            "packed; `pip install` the checkout, or name a wheel by --wheel or nuclio_wheel"
        ) from None


def _package_files() -> Iterator[tuple[str, Path]]:
    """Name inside the package and path of every file, those of a checkout's root among them."""
    package = Path(modelmon.__file__).parent
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if path.is_file() and not set(LEFT_OUT) & set(inside.parts) and not path.name.startswith("."):
            yield inside.as_posix(), path
    functions = _beside(package, "functions", FUNCTIONS)
    if functions is not None:
        for path in sorted(functions.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{FUNCTIONS}/{path.relative_to(functions).as_posix()}", path
    pinned = _constraints_file()
    if pinned is not None and pinned.parent != package:
        yield CONSTRAINTS, pinned


def _constraints_file() -> Path | None:
    return _beside(Path(modelmon.__file__).parent, CONSTRAINTS, CONSTRAINTS)


def _beside(package: Path, in_checkout: str, in_package: str) -> Path | None:
    """A file or folder of a checkout's root, which an installed package has inside."""
    root = package.parent.parent
    checkout = root / in_checkout if (root / "pyproject.toml").is_file() else package / in_package
    return checkout if checkout.exists() else None


def _metadata_files(found: Distribution) -> Iterator[tuple[str, str]]:
    yield "WHEEL", WHEEL
    for name in METADATA:
        text = found.read_text(name)
        if text:
            yield name, text
    for license_file in found.metadata.get_all("License-File") or ():
        text = found.read_text(f"licenses/{license_file}")
        if text:
            yield f"licenses/{license_file}", text


def _name(found: Distribution) -> str:
    return f"{PACKAGE}-{found.version}-py3-none-any.whl"


def _requires(metadata: str) -> tuple[str, ...]:
    return tuple(message_from_string(metadata).get_all("Requires-Dist") or ())


def _entry(name: str) -> ZipInfo:
    """Without the time of its file, which would make each wheel another one."""
    entry = ZipInfo(name)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"
