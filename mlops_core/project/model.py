"""A model: what it predicts from what, how it is fitted, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal

from mlops_core.project.checks import check_functions, check_training, require_all, require_kind, require_rows
from mlops_core.project.class_balance import check_class_balance
from mlops_core.project.columns import Column, DeclarationError
from mlops_core.project.contributions import Contributions
from mlops_core.project.early_stopping import EarlyStopping
from mlops_core.project.encoding import Encoding
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.names import require_columns, require_table
from mlops_core.project.search import Search
from mlops_core.project.segments import Segments
from mlops_core.project.slices import ByValue, Slice
from mlops_core.project.thresholds import MetricThreshold
from mlops_core.project.xgboost import XGBoost
from mlops_core.tasks import MulticlassClassification, Task
from mlops_core.tasks.shape import Label

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.metrics import EvaluationMetric
    from pydantic import BaseModel

Fit = Callable[..., Any]
Predict = Callable[[Any, "pd.DataFrame"], "np.ndarray"]


@dataclass(frozen=True)
class Input(Column):
    """An input that is computed from an event.

    Args:
        expression: SQL over the columns of the event that are known when it is predicted.
    """

    _: KW_ONLY
    expression: str


def _unstated(*_: Any) -> Any:
    """Stands for a function that a trainer brings; a training without a trainer may not keep it."""
    raise DeclarationError("Training needs fit, predict and flavor, or a trainer that has them.")


@dataclass(frozen=True)
class Training:
    """How a model is fitted; functions import heavy libraries inside, so that the code location loads fast.

    Args:
        inputs: What the model sees of the event itself: columns by their names, and computed inputs.
        fit: From rows and hyperparameters to a model. The rows are in the order of time, a pandas DataFrame with these
            columns: the event's time, the inputs, the looked-up features, the label. Texts and booleans are as they
            are, unless there is an `encoding`; integers of the event that no event lacks are int64, other numbers
            float64. With `weights` it has a parameter of this name, which gets the weight of each row.
        predict: From a model and rows to one prediction a row: a number, the probability of the label 1, or that of
            each class.
        trainer: What fits instead, in memory or on the workers of a cluster; `fit`, `predict`, `flavor`,
            `importance` and `contributions` are then the trainer's.
        hyperparameters: The pydantic model of what a run may change, each with its default.
        flavor: The flavor of MLflow that logs what `fit` gives, such as "lightgbm" or "sklearn"; it has to answer what
            `predict` says. With "pyfunc" `predict` itself is logged with the model, of any library, and so it is
            whenever the model has an encoding, weights, sampling or segments.
        packages: Of requirements.txt, what scoring needs besides MLflow.
        importance: From a model to the importance of each input, as a Series; None when it has none.
        contributions: From a model and rows to what each input adds to each row's prediction, and `base_value`: as the
            library itself has it, such as TreeSHAP. A row's sum is its prediction, of a probability its log-odds. None
            when there is none; a multiclass model has none.
        encoding: What `fit` and `predict` see in place of texts, booleans, dates and times; None for these as they are.
        weights: Class -> how much a row of it counts, 1 for those not named; "balanced" weighs the classes alike.
        sampling: Class -> the share of its rows that is fitted, all of those not named. Which ones depends on nothing
            but a row's time and inputs. Probabilities are corrected for weights and sampling, so that they are those of
            all rows.
        search: The hyperparameters that a search tries; None where there is nothing to search.
        max_rows: Of more labelled events, `fit` gets so many: the same share of each day, always the same ones.
        early_stopping: How the number of rounds is found; None where it is a hyperparameter as others are.
    """

    _: KW_ONLY
    inputs: tuple[str | Input, ...]
    hyperparameters: type[BaseModel]
    packages: tuple[str, ...]
    fit: Fit = _unstated
    predict: Predict = _unstated
    flavor: str = ""
    trainer: XGBoost | None = None
    importance: Callable[[Any], pd.Series] | None = None
    contributions: Contributions | None = None
    encoding: Encoding | None = None
    weights: Mapping[Label, float] | Literal["balanced"] = field(default_factory=dict)
    sampling: Mapping[Label, float] = field(default_factory=dict)
    search: Search | None = None
    max_rows: int = 2_000_000
    early_stopping: EarlyStopping | None = None

    def __post_init__(self) -> None:
        require_all(self.inputs, (str, Input), "Training, inputs")
        kinds = {"trainer": XGBoost, "encoding": Encoding, "search": Search, "early_stopping": EarlyStopping}
        for name, kind in kinds.items():
            require_kind(getattr(self, name), (kind, NoneType), f"Training, {name}")
        if self.trainer:
            for name in ("fit", "predict", "flavor", "importance", "contributions"):
                object.__setattr__(self, name, getattr(self.trainer, name))
        elif _unstated in (self.fit, self.predict) or not self.flavor:
            _unstated()
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
        max_rows: More held-out events are measured by Spark, where they are. What needs the rows themselves (pictures,
            metrics of their order, MLflow's and custom metrics, the baselines) is of so many of them: the same share of
            each day, always the same ones.
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
    max_rows: int = 200_000
    beats_constant: bool = True
    features_do_no_harm: bool = True

    def __post_init__(self) -> None:
        check_functions(self, ("thresholds", "custom_metrics", "evaluator_config"))
        require_rows(self.max_rows, self.min_rows, "Validation, max_rows")


@dataclass(frozen=True)
class Model:
    """What is predicted for an event, from what is known when it happens.

    Args:
        name: Its asset.
        meaning: What it predicts, for people.
        task: What kind of problem it is.
        label: The column of the events that it predicts, where that is not the events' own label.
        known_at: When this label is known, where that is before `known_at` of the events, at which the row is complete.
        training: How it is fitted.
        validation: What a candidate must reach.
        slices: By what predictions are looked at besides as a whole.
        lookups: By default all features of all tables, at the time of the event.
        not_watched: Columns of predictions that monitoring does not describe, such as one that has one value a day.
        segments: A model for each value of this column, and with it a slice by it; None for one model.
    """

    name: str
    meaning: str
    _: KW_ONLY
    task: Task
    training: Training
    label: str = ""
    known_at: str = ""
    validation: Validation = field(default_factory=Validation)
    slices: tuple[Slice, ...] = ()
    lookups: tuple[FeatureLookup, ...] = ()
    not_watched: tuple[str, ...] = ()
    segments: str | Segments | None = None

    def __post_init__(self) -> None:
        place = f"Model '{self.name}'"
        require_table(self.name, place)
        require_all(self.slices, Slice, f"{place}, slices")
        require_all(self.lookups, FeatureLookup, f"{place}, lookups")
        require_all(self.not_watched, str, f"{place}, not_watched")
        if not isinstance(self.task, Task):
            raise DeclarationError(f"{place}: task must be a task, such as Regression(), not {self.task!r}.")
        require_kind(self.training, (Training,), f"{place}, training")
        require_kind(self.validation, (Validation,), f"{place}, validation")
        check_class_balance(self.training, self.task)
        if self.segments and self.training.early_stopping:
            raise DeclarationError(
                f"{place}: early stopping finds one number of rounds, and segments have models of their own: declare "
                "one of them, and search the number with segments."
            )
        self._slice_by_segment(place)
        require_columns((each.name for each in self.slices), f"The slices of model '{self.name}'")
        if self.training.contributions and isinstance(self.task, MulticlassClassification):
            raise DeclarationError(
                f"{place}: contributions are to one number a row, and a {type(self.task).__name__} says one for each "
                "class: leave them out of its training."
            )
        if self.known_at and not self.label:
            raise DeclarationError(f"{place}: known_at is of a label of its own, and it has none: name the label too.")
        if not self.training.inputs and not self.lookups:
            raise DeclarationError(f"Model '{self.name}' has no input: name what it sees of an event.")

    @property
    def short_name(self) -> str:
        """What the names of its assets, tables, jobs and variables begin with where a project has several models."""
        return self.name.removesuffix("_model") or self.name

    @property
    def by_segment(self) -> Segments | None:
        """The segments that have models of their own."""
        return Segments(self.segments) if isinstance(self.segments, str) else self.segments

    @property
    def is_wrapped(self) -> bool:
        """Whether more than what `fit` gives makes a prediction, or `predict` itself does."""
        training = self.training
        return bool(
            training.encoding or training.weights or training.sampling or self.segments or training.flavor == "pyfunc"
        )

    def _slice_by_segment(self, place: str) -> None:
        if not isinstance(self.segments, str | Segments | None):
            stated = repr(self.segments)
            raise DeclarationError(f"{place}: segments must be the name of a column, or Segments(), not {stated}.")
        found = self.by_segment
        if found and not any(isinstance(each, ByValue) and each.column == found.column for each in self.slices):
            by_segment = ByValue(found.column, found.column, title=found.column.replace("_", " "))
            object.__setattr__(self, "slices", (*self.slices, by_segment))
