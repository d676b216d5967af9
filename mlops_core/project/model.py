"""A model: what it predicts from what, how it is fitted, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_core.project.checks import check_functions, check_training, require_all
from mlops_core.project.columns import Column, DeclarationError
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.names import require_columns, require_table
from mlops_core.project.slices import Slice
from mlops_core.project.thresholds import MetricThreshold
from mlops_core.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.metrics import EvaluationMetric
    from pydantic import BaseModel

Fit = Callable[["pd.DataFrame", Any], Any]
Predict = Callable[[Any, "pd.DataFrame"], "np.ndarray"]


@dataclass(frozen=True)
class Input(Column):
    """An input that is computed from an event.

    Args:
        expression: SQL over the columns of the event that are known when it is predicted.
    """

    _: KW_ONLY
    expression: str


@dataclass(frozen=True)
class Training:
    """How a model is fitted; functions import heavy libraries inside, so that the code location loads fast.

    Args:
        inputs: What the model sees of the event itself: columns by their names, and computed inputs.
        fit: From rows and hyperparameters to a model. The rows are in the order of time, a pandas DataFrame with these
            columns: the event's time, the inputs, the looked-up features, the label. Texts and booleans are as they
            are; integers of the event that no event lacks are int64, other numbers float64.
        predict: From a model and rows to one prediction a row: a number, the probability of the label 1, or that of
            each class.
        hyperparameters: The pydantic model of what a run may change, each with its default.
        flavor: The flavor of MLflow that logs the model, such as "lightgbm" or "sklearn".
        packages: Of requirements.txt, what scoring needs besides MLflow.
        importance: From a model to the importance of each input, as a Series; None when it has none.
    """

    _: KW_ONLY
    inputs: tuple[str | Input, ...]
    fit: Fit
    predict: Predict
    hyperparameters: type[BaseModel]
    flavor: str
    packages: tuple[str, ...]
    importance: Callable[[Any], pd.Series] | None = None

    def __post_init__(self) -> None:
        require_all(self.inputs, (str, Input), "Training, inputs")
        check_training(self)


def _nothing() -> dict[str, Any]:
    return {}


def _no_metrics() -> list[EvaluationMetric]:
    return []


@dataclass(frozen=True)
class Validation:
    """What a candidate must reach on the held-out events.

    Args:
        thresholds: Metric -> what it must reach.
        custom_metrics: Metrics beside those of the task and of MLflow; `thresholds` may name them.
        evaluator_config: Options of MLflow's evaluator.
        compared_metric: The task's metric in which candidate and champion are compared; by default the task's own.
        units: What custom metrics are in; the task's metrics have the label's unit where they have one.
        min_rows: Fewer held-out events judge no model: their metrics say more about the few than about it.
        beats_constant: Whether a candidate must beat the best constant prediction.
        features_do_no_harm: Whether a candidate must not be worse, beyond chance, than a model without looked-up
            features.
    """

    _: KW_ONLY
    thresholds: Callable[[], Mapping[str, MetricThreshold]] = _nothing
    custom_metrics: Callable[[], list[EvaluationMetric]] = _no_metrics
    evaluator_config: Callable[[], dict[str, Any]] = _nothing
    compared_metric: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    min_rows: int = 50
    beats_constant: bool = True
    features_do_no_harm: bool = True

    def __post_init__(self) -> None:
        check_functions(self, ("thresholds", "custom_metrics", "evaluator_config"))


@dataclass(frozen=True)
class Model:
    """What is predicted for an event, from what is known when it happens.

    Args:
        name: Its asset.
        meaning: What it predicts, for people.
        task: What kind of problem it is.
        training: How it is fitted.
        validation: What a candidate must reach.
        slices: By what predictions are looked at besides as a whole.
        lookups: By default all features of all tables, at the time of the event.
        not_watched: Columns of predictions that monitoring does not describe, such as one that has one value a day.
    """

    name: str
    meaning: str
    _: KW_ONLY
    task: Task
    training: Training
    validation: Validation = field(default_factory=Validation)
    slices: tuple[Slice, ...] = ()
    lookups: tuple[FeatureLookup, ...] = ()
    not_watched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        place = f"Model '{self.name}'"
        require_table(self.name, place)
        require_all(self.slices, Slice, f"{place}, slices")
        require_all(self.lookups, FeatureLookup, f"{place}, lookups")
        require_all(self.not_watched, str, f"{place}, not_watched")
        if not isinstance(self.task, Task):
            raise DeclarationError(f"{place}: task must be a task, such as Regression(), not {self.task!r}.")
        require_columns((each.name for each in self.slices), f"The slices of model '{self.name}'")
        if not self.training.inputs and not self.lookups:
            raise DeclarationError(f"Model '{self.name}' has no input: name what it sees of an event.")
