"""The controller: each tick sends the windows that are due to the streams of the apps."""

from modelmon.stages.controller.controller import Controller
from modelmon.stages.controller.streams import ProjectStreams

__all__ = ["Controller", "ProjectStreams"]
