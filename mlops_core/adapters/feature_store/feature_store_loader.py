"""How MLflow loads a model that the local feature store logged. A copy of this file travels inside each model.

It uses MLflow only, so the model loads where this project is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc import PyFuncModel


class ModelWithFeatures:
    """The raw model, for callers who bring all its features."""

    def __init__(self, raw_model: PyFuncModel) -> None:
        self.raw_model = raw_model

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Predict for rows that have every model input, looked-up features among them; nothing is looked up here."""
        return self.raw_model.predict(data, params=params)


def _load_pyfunc(data_path: str) -> ModelWithFeatures:
    import mlflow.pyfunc

    return ModelWithFeatures(mlflow.pyfunc.load_model(str(Path(data_path) / "raw_model")))
