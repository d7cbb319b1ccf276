"""The image that a function is built on under Nuclio: `image` of the SDK's methods, `baseImage` of Nuclio."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import yaml

from modelmon.deploying.checking.image_rules import IMAGE_NAME
from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import FILE

logger = logging.getLogger(__name__)
MLRUN = re.compile(r"([\w.:-]+/)?mlrun/")
USUAL = "python:3.11-slim"
LINE = re.compile(r"^    baseImage:.*\n", re.MULTILINE)
BUILD = re.compile(r"^  build:[ \t]*\n", re.MULTILINE)
SPEC = re.compile(r"^spec:[ \t]*\n", re.MULTILINE)


def given_image(image: object) -> str:
    """The image that a caller gave, "" for none. Raises ConfigError for what Docker can't read.

    MLRun's own images, which code written for MLRun names, hold MLRun and not ModelMon: they are left out,
    and that is said.
    """
    if image is None or image == "":
        return ""
    if not isinstance(image, str) or not IMAGE_NAME.fullmatch(image):
        raise ConfigError(f"image: must be the name of an image like {USUAL!r}, got {image!r}")
    if MLRUN.match(image):
        logger.warning(
            "image %r is MLRun's own: functions are built on %s instead; name an image of yours with Python "
            "3.11 for another one",
            image,
            USUAL,
        )
        return ""
    return image


def settle_image(folder: Path, image: str) -> None:
    """Leave the image in the function.yaml of a deployed folder; "" leaves what stands there."""
    if image:
        path = folder / FILE
        path.write_text(with_base_image(path.read_text(encoding="utf-8"), image), encoding="utf-8")


def with_base_image(text: str, image: str) -> str:
    """A function.yaml that is built on this image; its own lines and comments stay.

    >>> with_base_image("spec:\\n  build:\\n    baseImage: python:3.11-slim\\n", "churn:1")
    'spec:\\n  build:\\n    baseImage: "churn:1"\\n'
    """
    line = f"    baseImage: {json.dumps(image)}\n"
    if LINE.search(text):
        written = LINE.sub(lambda _: line, text, count=1)
    elif BUILD.search(text):
        written = BUILD.sub(lambda _: f"  build:\n{line}", text, count=1)
    else:
        written = SPEC.sub(lambda _: f"spec:\n  build:\n{line}", text, count=1)
    if _read(written) != _with_image(_read(text), image):
        raise ConfigError(f"image: can't be put into {FILE}; write spec.build.baseImage: {image} there")
    return written


def _with_image(document: Any, image: str) -> Any:
    spec = document.get("spec") if isinstance(document, dict) else None
    spec = spec if isinstance(spec, dict) else {}
    build = {**(spec.get("build") or {}), "baseImage": image}
    return {**(document or {}), "spec": {**spec, "build": build}}


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None  # check_function_folder says what is wrong with it
