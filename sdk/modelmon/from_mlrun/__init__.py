"""Names that code written for MLRun uses: where each thing is here, or what there is instead.

The only place that knows MLRun's modules and its names for what is not here. `where` says which module has a
thing, `importing` lets `import` find it, `missing` is the table of what is not there and the errors that say
so, `views` are MLRun's shapes of an endpoint, a function, a project. 'Come from MLRun' in the docs lists the
same for people.
"""

from __future__ import annotations

from modelmon.from_mlrun.missing import NameNotHereError, NotHere, NotHereError, missing, missing_name, refuse
from modelmon.from_mlrun.where import class_here, is_hub_model_server

__all__ = [
    "NameNotHereError",
    "NotHere",
    "NotHereError",
    "class_here",
    "is_hub_model_server",
    "missing",
    "missing_name",
    "refuse",
]
