"""What keeps libraries of a function's own from telling their makers that they are used.

Every function gets these variables, under the embedded runner and in its image; one that its function.yaml
names itself is its own choice. Each is read in the library's source as said here.
"""

from __future__ import annotations

from collections.abc import Mapping

NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",  # Evidently, MLflow, huggingface_hub and others: any value
    "ITERATIVE_DO_NOT_TRACK": "1",  # what Evidently's service, DVC and MLEM send with
    "EVIDENTLY_DISABLE_TELEMETRY": "1",  # Evidently's older halves
    "NML_DISABLE_USAGE_LOGGING": "1",  # NannyML: it need only be there
    "WHYLOGS_NO_ANALYTICS": "True",
    "GX_ANALYTICS_ENABLED": "false",  # Great Expectations
    "YDATA_PROFILING_NO_ANALYTICS": "True",
    "GSK_DISABLE_ANALYTICS": "true",  # Giskard
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAGAS_DO_NOT_TRACK": "true",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
}
