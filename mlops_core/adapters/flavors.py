"""Logging a model of any library so that the logged model returns what its task expects."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from mlops_core.adapters.carried import as_python_model
from mlops_core.adapters.feature_store.model_log import save
from mlops_core.adapters.feature_store.scoring import ResultKind
from mlops_core.project import Training
from mlops_core.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLES, COMPARED = 3, 100
"""Rows of the input example, and rows on which the logged model is compared with `predict`."""


FIX = (
    "let predict() say what the logged model does, choose a model whose flavor answers that, such as the "
    "probabilities of a classification with flavor='sklearn', or flavor='pyfunc', which logs predict() with the model"
)

FLAVOR = "FLAVOR_NAME ="
"""A module of MLflow in which this stands is a flavor."""


class UnknownFlavorError(ValueError):
    """MLflow has no such flavor."""


def require_flavor(name: str) -> None:
    """Refuse what MLflow can't log a model as; MLflow itself is not imported.

    Raises:
        UnknownFlavorError: the message has the choices.
    """
    found = find_spec("mlflow")
    (folder,) = found.submodule_search_locations if found and found.submodule_search_locations else ("",)
    if not name or not _is_flavor(Path(folder) / name / "__init__.py"):
        known = sorted(each.parent.name for each in Path(folder).glob("*/__init__.py") if _is_flavor(each))
        raise UnknownFlavorError(f"Training, flavor: MLflow has no '{name}'; choose from {', '.join(known)}.")


def _is_flavor(module: Path) -> bool:
    return module.is_file() and FLAVOR in module.read_text(encoding="utf-8")


class OtherAnswerError(ValueError):
    """The model as logged by its flavor predicts something else than the project's `predict`."""


def description(
    training: Training, task: Task, model: Any, rows: pd.DataFrame, predicted: np.ndarray, *, package: str = ""
) -> dict[str, Any]:
    """Arguments of `FeatureStore.log_model`: the model, its flavor, its inputs and its outputs.

    Args:
        rows: some inputs of the model, of which at most `COMPARED` are looked at.
        predicted: what the project says of them, as metrics take it.
        package: that of the project, whose `predict` is logged with a composed model.

    Raises:
        OtherAnswerError: the logged model would return something else.
    """
    from mlflow.models import infer_signature

    some, logged = rows.head(COMPARED), _logged(training, task, model, package)
    with catch_warnings():  # MLflow would like type hints in a composed model, which it would then hold callers to
        simplefilter("ignore", UserWarning)
        answered = _as_logged(logged, some)
    _require_same(training, _prediction(training, task, model, answered), predicted[:COMPARED])
    example = some[_has_dates_of_mlflow(some)].head(EXAMPLES)
    with catch_warnings():  # MLflow warns that integer columns can't hold missing values: these have none
        simplefilter("ignore", UserWarning)
        signature = infer_signature(some, answered)  # of three rows an input may have no value at all
    return {**logged, "signature": signature, "input_example": example}


def _has_dates_of_mlflow(rows: pd.DataFrame) -> pd.Series:
    """The rows without dates such as 9999-12-31: MLflow checks an example in nanoseconds, which end in 2262."""
    import pandas as pd

    found = pd.Series(True, index=rows.index)
    for name in (each for each in rows if pd.api.types.infer_dtype(rows[each], skipna=True) == "date"):
        days = rows[name].astype("datetime64[s]")
        found &= days.isna() | days.between(pd.Timestamp.min.as_unit("s"), pd.Timestamp.max.as_unit("s"))
    return found


def _logged(training: Training, task: Task, model: Any, package: str) -> dict[str, Any]:
    """The model, its flavor, and how the flavor serializes it.

    scikit-learn models are pickled: MLflow's own format only loads allow-listed types, which exclude boosted trees.
    """
    from mlops_core.training.composed import Composed

    if isinstance(model, Composed):
        return {"flavor": import_module("mlflow.pyfunc"), "model": as_python_model(model, package)}
    logged = {"flavor": import_module(f"mlflow.{training.flavor}"), "model": model}
    if training.flavor != "sklearn":
        return logged
    return {**logged, "serialization_format": "cloudpickle", "pyfunc_predict_fn": task.predict_method}


def _as_logged(logged: dict[str, Any], rows: pd.DataFrame) -> Any:
    """What the model predicts once it is saved and loaded by its flavor."""
    import mlflow.pyfunc

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save(**logged, path=path, pip_requirements=["mlflow"])
        return mlflow.pyfunc.load_model(str(path)).predict(rows)


def _prediction(training: Training, task: Task, model: Any, answered: Any) -> np.ndarray:
    """What the pipeline takes from the answer, as metrics take it."""
    import numpy as np

    try:
        values = ResultKind.parse(task.answer_type).column(answered).to_pylist()
    except ValueError as error:
        raise OtherAnswerError(
            f"The model as MLflow's flavor '{training.flavor}' logs it answers no numbers: {FIX}."
        ) from error
    return task.shape.of_logged(model, np.array(values, dtype=float))


def _require_same(training: Training, answered: np.ndarray, expected: np.ndarray) -> None:
    import numpy as np

    by = f"The model as MLflow's flavor '{training.flavor}' logs it answers"
    if answered.shape != expected.shape:
        numbers, said = (each.size // max(len(each), 1) for each in (answered, expected))
        raise OtherAnswerError(f"{by} {numbers} numbers a row, and predict() of the project {said}: {FIX}.")
    same = np.isclose(answered, expected, rtol=1e-5, atol=1e-8, equal_nan=True)
    if not same.all():
        place = np.unravel_index(int(np.argmin(same)), same.shape)
        raise OtherAnswerError(
            f"{by} {answered[place]:.4g} for a row of which predict() of the project says {expected[place]:.4g}, so "
            f"the pipeline would serve something else than was measured: {FIX}."
        )
