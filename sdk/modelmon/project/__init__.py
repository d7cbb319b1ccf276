"""What a data scientist calls: a project, its functions, its models. 'The project SDK' in the docs."""

from __future__ import annotations

from modelmon.model_monitoring.logged_models import ModelArtifact
from modelmon.project.applications import AppFunction
from modelmon.project.made_from import code_to_function, import_function, new_function
from modelmon.project.opening import get_or_create_project, load_project
from modelmon.project.project import Project
from modelmon.project.serving_function import ServingFunction

__all__ = [
    "AppFunction",
    "ModelArtifact",
    "Project",
    "ServingFunction",
    "code_to_function",
    "get_or_create_project",
    "import_function",
    "load_project",
    "new_function",
]
