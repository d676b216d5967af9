"""XGBoost as a trainer: the same inputs, hyperparameters and model, fitted in memory or by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_core.project.columns import DeclarationError
from mlops_core.project.contributions import BASE_VALUE, Contributions
from mlops_core.tasks import BinaryClassification, Regression

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pydantic import BaseModel
    from pyspark.sql import DataFrame
    from xgboost import Booster, DMatrix

    from mlops_core.project.events import EventTable
    from mlops_core.project.project import Project

BINARY = "binary:logistic"
ADDITIVE = (BINARY, "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror")
"""Objectives whose contributions add up to what is predicted, or to its log-odds; of others to a logarithm."""
NOT_NUMBERS = ("string", "date", "timestamp")
ROUNDS = "num_boost_round"


@dataclass(frozen=True)
class XGBoost:
    """Boosted trees of XGBoost on numbers, booleans, and the categories of an encoding, any of which may be missing.

    The hyperparameters of `Training` are XGBoost's own by their names (`max_depth`, `learning_rate`), and
    `num_boost_round`.

    Args:
        events: What is predicted: their time and label are no inputs.
        objective: XGBoost's, of a number or of a probability, such as "reg:squarederror" or "binary:logistic".
        workers: So many tasks of Spark fit one model together, each on its part of the rows, which never come to the
            driver; 0 fits in memory. A Spark without workers of its own, such as that of a laptop, fits in memory.
        fixed: XGBoost's parameters that no run changes.
    """

    events: EventTable
    _: KW_ONLY
    objective: str
    workers: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)

    flavor = "xgboost"

    def __post_init__(self) -> None:
        if not isinstance(self.objective, str) or self.objective.startswith(("multi:", "rank:")):
            raise DeclarationError(
                f"XGBoost, objective must be of a number or a probability, such as 'reg:squarederror' or '{BINARY}', "
                f"not {self.objective!r}: for several classes write fit and predict of Training."
            )
        if not isinstance(self.workers, int) or isinstance(self.workers, bool) or self.workers < 0:
            raise DeclarationError(
                f"XGBoost, workers must be a number of tasks, or 0 to fit in memory, not {self.workers!r}."
            )

    @property
    def is_of_probabilities(self) -> bool:
        return self.objective == BINARY

    def fit(self, rows: pd.DataFrame, parameters: BaseModel, weights: np.ndarray | None = None) -> Booster:
        """The model of rows in memory, as `fit` of `Training` has them."""
        import xgboost

        label = self.events.label_column
        inputs = rows.drop(columns=[label, self.events.event_time])
        data = _matrix(inputs, label=rows[label].astype("float64"), weight=weights)
        given = parameters.model_dump()
        rounds = given.pop(ROUNDS, 100)
        return xgboost.train({"objective": self.objective, "seed": 0, **self.fixed, **given}, data, rounds)

    def fit_on_workers(self, rows: DataFrame, parameters: BaseModel) -> Booster:
        """The model of the same rows in Spark, which has a JVM: each row has its worker by its hash."""
        from pyspark.sql import functions as F
        from xgboost.spark import SparkXGBClassifier, SparkXGBRegressor

        label, time = self.events.label_column, self.events.event_time
        inputs = [name for name in rows.columns if name not in (label, time)]
        numbers = rows.select(
            F.col(label).cast("double").alias(label),
            *(F.coalesce(F.col(name).cast("double"), F.lit(float("nan"))).alias(name) for name in inputs),
            F.xxhash64(*rows.columns).alias("row_hash"),
        )
        placed = numbers.repartition(self.workers, "row_hash").sortWithinPartitions("row_hash").drop("row_hash")
        given = parameters.model_dump()
        given["n_estimators"] = given.pop(ROUNDS, 100)
        is_binary = self.is_of_probabilities  # the classifier has its objective by itself, and refuses to be told
        stated: dict[str, Any] = {} if is_binary else {"objective": self.objective}
        estimator = (SparkXGBClassifier if is_binary else SparkXGBRegressor)(
            features_col=inputs,
            label_col=label,
            num_workers=self.workers,
            **{"seed": 0, **stated, **self.fixed, **given},
        )
        booster = estimator.fit(placed).get_booster()
        booster.feature_names = inputs
        return booster

    def predict(self, model: Booster, rows: pd.DataFrame) -> np.ndarray:
        """Numbers, or probabilities of the label 1."""
        return model.predict(_matrix(rows[model.feature_names or []]))

    @property
    def contributions(self) -> Contributions | None:
        """What each input adds to a prediction, by TreeSHAP; none of an objective where they do not add up to it."""
        return _contributions if self.objective in ADDITIVE else None

    def importance(self, model: Booster) -> pd.Series:
        """By how much the splits by each input reduced the training loss in all."""
        import pandas as pd

        found = model.get_score(importance_type="total_gain")
        return pd.Series({name: found.get(name, 0.0) for name in model.feature_names or ()})


def _matrix(inputs: pd.DataFrame, **stated: Any) -> DMatrix:
    import xgboost

    numbers = {name: "float64" for name, kind in inputs.dtypes.items() if kind != "category"}
    return xgboost.DMatrix(inputs.astype(numbers), enable_categorical=True, **stated)


def _contributions(model: Booster, rows: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = model.feature_names or []
    return pd.DataFrame(model.predict(_matrix(rows[names]), pred_contribs=True), columns=[*names, BASE_VALUE])


def check_trainer(project: Project) -> None:
    """Refuse a trainer that is of other events or of another kind of problem, and inputs that it can't take.

    Raises:
        DeclarationError: says which.
    """
    trainer, events, task = project.model.training.trainer, project.events, project.model.task
    if trainer is None:
        return
    place = f"Model '{project.model.name}', trainer"
    if (trainer.events.label_column, trainer.events.event_time) != (events.label_column, events.event_time):
        raise DeclarationError(
            f"{place} is of '{trainer.events.label_column}' of '{trainer.events.name}', and '{events.label_column}' of "
            f"'{events.name}' is predicted: name the events that have this label, such as "
            f"dataclasses.replace(events, label='{events.label_column}')."
        )
    if not isinstance(task, BinaryClassification if trainer.is_of_probabilities else Regression):
        raise DeclarationError(f"{place}: the objective '{trainer.objective}' is none of a {type(task).__name__}.")
    training = project.model.training
    if trainer.workers and (project.model.is_wrapped or training.early_stopping):
        raise DeclarationError(
            f"{place}: {trainer.workers} workers fit one model of the rows as they are; leave encoding, weights, "
            "sampling, segments and early_stopping out, or fit in memory with workers=0."
        )
    for name, (kind, _) in project.predicted_columns.items() if training.encoding is None else ():
        if kind in NOT_NUMBERS and name != events.event_time:
            raise DeclarationError(
                f"{place}: '{name}' is a {kind}, and XGBoost takes numbers and booleans: declare an Input whose "
                "expression makes a number of it, or an encoding."
            )
