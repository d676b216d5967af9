"""What versions of an MLflow server answer, for the emulated endpoints: parsed and predicted by MLflow's own server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from databricks_emulator.api import ApiError

BAD_REQUEST = 400


def models_of(uri: str) -> Callable[[str, str], Callable[[dict[str, Any]], list[Any]]]:
    """A `load` for `Serving`, of the registry of the MLflow server at `uri`."""

    def load(name: str, version: str) -> Callable[[dict[str, Any]], list[Any]]:
        from mlflow.artifacts import download_artifacts
        from mlflow.pyfunc import load_model

        model = load_model(download_artifacts(f"models:/{name}/{version}", tracking_uri=uri, registry_uri=uri))
        return lambda body: _answers(model, body)

    return load


def _answers(model: Any, body: dict[str, Any]) -> list[Any]:
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc.scoring_server import CONTENT_TYPE_JSON, invocations

    try:
        answer = invocations(json.dumps(body), CONTENT_TYPE_JSON, model, model.metadata.get_input_schema())
    except MlflowException as error:
        raise ApiError(BAD_REQUEST, "BAD_REQUEST", error.message) from error
    predictions: list[Any] = json.loads(answer.response)["predictions"]
    return predictions
