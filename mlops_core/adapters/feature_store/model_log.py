"""Writing a model together with its look-ups: an outer pyfunc around `feature_spec.yaml` and `raw_model/`.

That is the layout of Databricks' client. The outer model predicts for a pandas frame that has all the features:
`mlflow.pyfunc.load_model(uri).predict(frame)`; `score_batch` looks the features up and loads the raw model directly.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store import feature_store_loader
from mlops_core.adapters.feature_store.spec import MODEL_DATA, RAW_MODEL, SPEC_FILE, FeatureSpec

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo


def log_with_spec(
    *,
    spec: FeatureSpec,
    model: Any,
    artifact_path: str,
    flavor: ModuleType,
    registered_model_name: str | None,
    signature: Any,
    input_example: Any,
    params: Mapping[str, Any],
    **kwargs: Any,
) -> ModelInfo:
    """Log `model` and `spec` to the active MLflow run.

    Without `pip_requirements` the flavor's own are taken: MLflow would otherwise start a process to find them. Without
    a signature it is inferred from the input example. `params` are the parameters of `predict` and their defaults.
    """
    import mlflow
    from mlflow.models import ModelSignature

    requirements = {} if _has_environment(kwargs) else {"pip_requirements": flavor.get_default_pip_requirements()}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / MODEL_DATA
        data.mkdir()
        (data / SPEC_FILE).write_text(spec.to_yaml())
        schema = _params_schema(params)
        stated = {"signature": ModelSignature(params=schema)} if params else {}
        save(flavor, model, data / RAW_MODEL, **requirements, **stated, **kwargs)
        if signature is None and input_example is not None:
            signature = _inferred(data / RAW_MODEL, input_example)
        if params:
            signature = ModelSignature(getattr(signature, "inputs", None), getattr(signature, "outputs", None), schema)
        return mlflow.pyfunc.log_model(
            name=artifact_path,
            loader_module=Path(feature_store_loader.__file__).stem,
            code_paths=[feature_store_loader.__file__],
            data_path=str(data),
            pip_requirements=str(data / RAW_MODEL / "requirements.txt"),
            signature=signature,
            input_example=input_example,
            registered_model_name=registered_model_name,
        )


def check_input_names(seen: Sequence[str], signature: Any, input_example: Any) -> None:
    """Refuse a model whose inputs are not the training set's columns: its predictions would be silently wrong.

    Args:
        seen: the columns of the training set without its label, in order.

    Raises:
        ValueError: the columns of the signature, or else of the input example, differ in name or order.
    """
    stated = _stated_inputs(signature, input_example)
    if stated and list(stated) != list(seen):
        raise ValueError(
            f"The model's inputs {list(stated)} are not the columns {list(seen)} of its training set: train on "
            "load_df() without the label, in its order, and leave columns out with exclude_columns."
        )


def stated_params(signature: Any, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters of a model's `predict` with their defaults: `params`, or else those of its signature."""
    if params is not None:
        return dict(params)
    return {param.name: param.default for param in getattr(signature, "params", None) or ()}


def flavor_module(flavor: ModuleType | str) -> ModuleType:
    """The MLflow module of a flavor that is given as itself or by its name, such as `lightgbm`."""
    return importlib.import_module(f"mlflow.{flavor}") if isinstance(flavor, str) else flavor


def _stated_inputs(signature: Any, input_example: Any) -> Sequence[str]:
    if signature is not None and signature.inputs is not None:
        return signature.inputs.input_names() if signature.inputs.has_input_names() else ()
    return list(getattr(input_example, "columns", ()))


def _params_schema(params: Mapping[str, Any]) -> Any:
    from mlflow.models import infer_signature

    return infer_signature(params=dict(params)).params if params else None


def _inferred(raw_model: Path, input_example: Any) -> Any:
    import mlflow
    from mlflow.models import infer_signature

    return infer_signature(input_example, mlflow.pyfunc.load_model(str(raw_model)).predict(input_example))


def _has_environment(kwargs: dict[str, Any]) -> bool:
    return not {"pip_requirements", "extra_pip_requirements", "conda_env"}.isdisjoint(kwargs)


def save(flavor: ModuleType, model: Any, path: Path, **kwargs: Any) -> None:
    """Write the raw model. The pyfunc flavor takes its model by another name than all others."""
    if flavor.__name__ == "mlflow.pyfunc":
        flavor.save_model(str(path), python_model=model, **kwargs)
    else:
        flavor.save_model(model, str(path), **kwargs)
