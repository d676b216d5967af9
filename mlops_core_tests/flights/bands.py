"""The same flights, predicted by band of the delay: a label of several classes, one of which never occurred."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_core.project import Column, Count, MetricThreshold, Share, Validation, WindowTable
from mlops_core.tasks import MulticlassClassification
from mlops_core_tests.flights import train
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ROUTE
from mlops_core_tests.flights.project import MODEL, PROJECT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.metrics import EvaluationMetric
    from sklearn.pipeline import Pipeline

BAND = MulticlassClassification(classes=("early", "on time", "late", "a day late"))
OF_DELAY = (
    "CASE WHEN arr_delay < 0 THEN 'early' WHEN arr_delay <= 15 THEN 'on time' WHEN arr_delay <= 1440 THEN 'late' "
    "WHEN arr_delay > 1440 THEN 'a day late' END"
)
BANDED = replace(
    FLIGHTS,
    columns=(
        *(replace(each, nullable=True, known_late=True) if each.name == "late" else each for each in FLIGHTS.columns),
        Column("band", "string", "Band of the delay at the arrival", computed_by=OF_DELAY),
    ),
    label="band",
)
ORIGIN = WindowTable(
    "origin_features",
    meaning="Bands of an airport's departures of the last three hours.",
    events=BANDED,
    entity={"origin": "origin"},
    length=timedelta(hours=3),
    slide=timedelta(minutes=15),
    aggregates=(
        Share("origin_late_3h", "Share of flights that arrived late", where="band = 'late'"),
        Count("origin_early_3h", "Flights that arrived early", where="band = 'early'"),
    ),
)


def fit(rows: pd.DataFrame, parameters: train.Hyperparameters) -> Pipeline:
    """A pipeline from a flight's inputs and features to the probabilities of the bands that the rows have."""
    return train.fit(rows.rename(columns={"band": FLIGHTS.label_column}), parameters)


def predict(model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Probability of each band that the model knows, of each row."""
    return model.predict_proba(rows[list(model.feature_names_in_)])


def _custom_metrics() -> list[EvaluationMetric]:
    from mlflow.models import make_metric

    return [make_metric(eval_fn=_share_right_if_late, greater_is_better=True, name="right_if_late")]


def _share_right_if_late(predictions: pd.Series, targets: pd.Series) -> float:
    """How often it is said rightly whether a flight is late, by the class that is predicted."""
    return float(((predictions == "late") == (targets == "late")).mean())


BAND_MODEL = replace(
    MODEL,
    meaning="Probability of each band of the delay, from what is known at the scheduled departure.",
    task=BAND,
    training=replace(train.TRAINING, fit=fit, predict=predict),
    validation=Validation(
        custom_metrics=_custom_metrics,
        thresholds=lambda: {
            "right_if_late": MetricThreshold(threshold=0.01, greater_is_better=True),
            "accuracy_score": MetricThreshold(threshold=0.3, greater_is_better=True),
            "recall_late": MetricThreshold(threshold=0.1, greater_is_better=True),
        },
    ),
)
BANDS = replace(
    PROJECT, events=BANDED, feature_tables=(ORIGIN, replace(ROUTE, events=BANDED)), models=(BAND_MODEL,), prefix="bands"
)
