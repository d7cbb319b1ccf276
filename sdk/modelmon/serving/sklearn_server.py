"""A ready server for a scikit-learn model that was logged as one file."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from modelmon.errors import ConfigError
from modelmon.serving.model_server import V2ModelServer

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTALL = "name scikit-learn in requirements=[…] of the function, in the version that the model was made with"


class SKLearnModelServer(V2ModelServer):
    """Serves a scikit-learn model, or any object with `predict`, that pickle, joblib or cloudpickle wrote.

    The model is `model`, when an object was given, else the one file of `model_path`. A model that was fitted
    on a frame is given frames, with the columns in its own order. With the parameter `predict_proba=True` the
    answer is the probabilities of the classes, a row an input. Unpickling runs code: serve your own files.
    """

    def load(self) -> None:
        path, _ = self.get_model()
        self.model = _unpickled(self.name, path)
        if not callable(getattr(self.model, self._method, None)):
            raise ConfigError(f"model {self.name}: a {type(self.model).__name__} has no {self._method}()")
        if hasattr(self.model, "feature_names_in_") and find_spec("pandas") is None:
            raise ConfigError(
                f"model {self.name}: was fitted on a frame and needs pandas, which is not installed; name "
                "pandas in requirements=[…] of the function"
            )

    def predict(self, request: dict[str, Any]) -> Any:
        return getattr(self.model, self._method)(self._rows(request["inputs"]))

    @property
    def _method(self) -> str:
        return "predict_proba" if self.get_param("predict_proba", False) else "predict"

    def _rows(self, inputs: Any) -> Any:
        """The inputs as the model was fitted: a frame with its columns, or an array."""
        names: Sequence[str] | None = getattr(self.model, "feature_names_in_", None)
        if names is None or not isinstance(inputs, list):
            return inputs
        import pandas as pd

        given = self.inputs if set(self.inputs) == set(names) else names
        return pd.DataFrame(inputs, columns=list(given))[list(names)]


def _unpickled(name: str, path: str) -> Any:
    """joblib reads what pickle and cloudpickle write too; it comes with scikit-learn."""
    try:
        import joblib

        return joblib.load(path)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"model {name}: {path} needs {error.name}, which is not installed; {INSTALL}"
        ) from error
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError, ImportError) as error:
        raise ConfigError(
            f"model {name}: {path} is no model that can be loaded: {error}; {INSTALL}"
        ) from error
