"""Copies of logged models on this machine, one per model version and process.

A copy stays until the process ends: Spark computes lazily, so a model may be loaded long after it was asked for.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

MODEL_URIS = ("models:/", "runs:/")
ALIAS_URI = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")


def local_copy(model_uri: str) -> Path:
    """The folder with the files of a model; an alias is resolved now, once, to the version that holds it.

    Raises:
        ValueError: the address is none of a logged or registered model.
    """
    import mlflow

    if not str(model_uri).startswith(MODEL_URIS):
        raise ValueError(
            f"'{model_uri}' is no address of a model: write models:/name/version, models:/name@alias or runs:/run/path."
        )

    return _downloaded(mlflow.get_tracking_uri(), mlflow.get_registry_uri(), _pinned(model_uri))


def _pinned(model_uri: str) -> str:
    from mlflow import MlflowClient

    found = ALIAS_URI.fullmatch(model_uri)
    if found is None:
        return model_uri
    version = MlflowClient().get_model_version_by_alias(found["name"], found["alias"]).version
    return f"models:/{found['name']}/{version}"


@cache
def _downloaded(tracking_uri: str, registry_uri: str, model_uri: str) -> Path:  # noqa: ARG001 - both are cache keys
    import mlflow

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=str(folder)))
