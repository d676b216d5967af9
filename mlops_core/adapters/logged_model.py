"""The model itself of a registered version, as `fit` gave it: what its library can say is asked of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mlops_core.adapters.feature_store.spec import RAW_MODEL, model_data
from mlops_core.adapters.model_version import ModelVersion
from mlops_core.adapters.training_runs import TrainingRuns


class OtherFlavorError(ValueError):
    """A version was logged in another flavor than the project's models are."""


def logged_model(registry: TrainingRuns, version: ModelVersion, flavor: str) -> Any:
    """The model of `version`, with what it is wrapped in, if it is.

    Args:
        flavor: in which the project's models are logged; one that is wrapped is logged as pyfunc.

    Raises:
        OtherFlavorError: it was logged in neither.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_registry_uri(registry.registry_uri)
    raw = model_data(version.uri) / RAW_MODEL
    flavors = Model.load(str(raw)).flavors
    if flavor in flavors:
        return import_module(f"mlflow.{flavor}").load_model(str(raw))
    if "python_model" not in flavors["python_function"]:
        logged = ", ".join(sorted(set(flavors) - {"python_function"}))
        raise OtherFlavorError(f"it is a model of {logged}, and the project's are of {flavor}")
    model = mlflow.pyfunc.load_model(str(raw)).unwrap_python_model()
    return getattr(model, "composed", model)
