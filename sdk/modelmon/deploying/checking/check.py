"""The strict check of a function.yaml: everything Nuclio would ignore, refuse or misunderstand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from modelmon.checked_yaml.document import Node, read_document
from modelmon.checked_yaml.findings import WARNING, Finding, did_you_mean, not_yaml
from modelmon.checked_yaml.given import line_of, no_utf8
from modelmon.deploying.checking.image_rules import IMAGE_RULES
from modelmon.deploying.checking.platform_rules import PLATFORM_RULES
from modelmon.deploying.checking.rules import FUNCTION_RULES
from modelmon.deploying.checking.shape import check_shape
from modelmon.deploying.checking.spelling import spelled, spelled_otherwise
from modelmon.deploying.checking.target import Target
from modelmon.deploying.checking.trigger_rules import TRIGGER_RULES
from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import FILE, PLACEHOLDER, secret_placeholder

COMMENT = re.compile(r"(^|\s)#.*")


def check_file(path: Path, target: Target, values: Mapping[str, str] | None = None) -> list[Finding]:
    """What is wrong with a function.yaml, in the order of its lines, `values` filled in for `${…}`.

    The handler's module is looked for beside it. A file that can't be read is a finding too.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        said, _, mend = no_utf8(problem).partition("; ")
        return [Finding(line_of(problem), "", "", said, mend, file=str(path))]
    except OSError as problem:
        return [Finding(1, "", "", f"can't be read: {problem}", "make it readable", file=str(path))]
    target = replace(target, folder=path.parent)
    return [replace(finding, file=str(path)) for finding in check_text(text, target, values)]


def check_text(text: str, target: Target, values: Mapping[str, str] | None = None) -> list[Finding]:
    """As check_file, without the file's name."""
    unknown = list(_unknown_placeholders(text, values or {}))
    filled = PLACEHOLDER.sub(lambda match: (values or {}).get(match.group(1), match.group(1)), text)
    try:
        document = spelled(read_document(filled))
    except (yaml.YAMLError, ValueError) as problem:
        return [*unknown, not_yaml(problem)]
    except ConfigError as problem:
        return [*unknown, Finding(1, "", "", str(problem), "write it out, with fewer levels")]
    found = [*unknown, *check_shape(document), *_spelling(document), *_broken_rules(document, target)]
    return sorted(found, key=lambda finding: (finding.line, finding.level, finding.key))


def files_in(paths: Iterable[Path]) -> list[Path]:
    """Every function.yaml among and below these paths. Raises ConfigError for a path without any."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = [path] if path.is_file() else sorted(path.glob(f"**/{FILE}"))
        inside = [each for each in inside if not _hidden(each, path)]
        if not inside:
            raise ConfigError(f"{path}: no {FILE} there")
        found.update(dict.fromkeys(inside))
    return list(found)


def _hidden(file: Path, below: Path) -> bool:
    """Of a folder that is being written."""
    return file != below and any(part.startswith(".") for part in file.relative_to(below).parts)


def _spelling(document: Node) -> Iterator[Finding]:
    for name, entry in spelled_otherwise(document):
        problem = f"is read as {name} by Nuclio, and by nothing else"
        yield Finding(entry.line, entry.key, "", problem, f"write {name}", WARNING)


def _broken_rules(document: Node, target: Target) -> Iterator[Finding]:
    for rule in (*FUNCTION_RULES, *IMAGE_RULES, *PLATFORM_RULES, *TRIGGER_RULES):
        yield from rule(document, target)


def _unknown_placeholders(text: str, values: Mapping[str, str]) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        for name in PLACEHOLDER.findall(COMMENT.sub("", line)):
            if name not in values:
                known = f"known are {', '.join(sorted(values)) or 'none here'}"
                mend = secret_placeholder(name) or did_you_mean(name, values, known)
                yield Finding(number, f"${{{name}}}", "", "is no placeholder", mend)
