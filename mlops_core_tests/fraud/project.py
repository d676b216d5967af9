"""The project of frauds: features that wait for no label, that wait for it, and of the reports themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from mlops_core.project import ByBand, Count, MetricThreshold, Model, Project, Share, Training, Validation, WindowTable
from mlops_core.tasks import BinaryClassification
from mlops_core_tests.fraud.orders import CHARGEBACKS, ORDERS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

DAY = timedelta(days=1)
PLACED = WindowTable(
    "merchant_orders",
    meaning="Orders at a merchant in the last six hours, whatever becomes of them.",
    events=ORDERS.as_they_happen,
    entity={"merchant": "merchant"},
    length=timedelta(hours=6),
    slide=timedelta(hours=1),
    aggregates=(Count("orders_6h", "Orders"), Count("large_orders_6h", "Orders above 100 EUR", where="amount > 100")),
)
DECIDED = WindowTable(
    "merchant_frauds",
    meaning="Frauds among the orders at a merchant that were decided in the last week.",
    events=ORDERS,
    entity={"merchant": "merchant"},
    length=7 * DAY,
    slide=DAY,
    aggregates=(Share("fraud_share_7d", "Share of frauds", where="is_fraud = 1"), Count("decided_7d", "Orders")),
)
REPORTED = WindowTable(
    "merchant_reports",
    meaning="What banks reported of a merchant in the last two days.",
    events=CHARGEBACKS,
    entity={"merchant": "merchant"},
    length=2 * DAY,
    slide=timedelta(hours=6),
    aggregates=(Count("reports_2d", "Reported frauds", where="is_fraud = 1"),),
)


class Hyperparameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_iter: int = Field(40, gt=0, description="Trees of the model")
    max_leaf_nodes: int = Field(4, gt=1, description="Leaves of a tree, at most")


def fit(rows: pd.DataFrame, parameters: Hyperparameters) -> Pipeline:
    """Trees on the amount and the features that the rows have."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    inputs = rows.drop(columns=[ORDERS.label_column, ORDERS.event_time])
    numbers = make_column_transformer(("drop", ["merchant"]), remainder="passthrough")
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **parameters.model_dump())
    return make_pipeline(numbers, model).fit(inputs, rows[ORDERS.label_column])


def predict(model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Probability of a fraud, of each row."""
    return model.predict_proba(rows[list(model.feature_names_in_)])[:, 1]


MODEL = Model(
    "fraud_model",
    "Probability that an order is reported as a fraud within ten days, from what is known when it is placed.",
    task=BinaryClassification(),
    training=Training(
        inputs=("amount", "merchant"),
        fit=fit,
        predict=predict,
        hyperparameters=Hyperparameters,
        flavor="sklearn",
        packages=("numpy", "pandas", "scikit-learn"),
    ),
    validation=Validation(thresholds=lambda: {"roc_auc": MetricThreshold(threshold=0.55, greater_is_better=True)}),
    slices=(ByBand("amount_band", "amount", title="amount", edges=(50.0, 100.0), unit="EUR"),),
)
PROJECT = Project(
    "mlops_core_tests.flights",  # whose bundle and requirements do for this one
    events=ORDERS,
    feature_tables=(PLACED, DECIDED, REPORTED),
    models=(MODEL,),
    prefix="fraud",
)


def write_bundle(folder: Path, label_delay_days: int = 11) -> None:
    """A bundle like that of the flights, with the sources of the orders, into `folder`."""
    bundle = (PROJECT.folder / "databricks.yml").read_text()
    for theirs, own in (("flights_t", "orders_t"), ("weather_t", "chargebacks_t"), ("late_model", "fraud_model")):
        bundle = bundle.replace(theirs, own)
    delay = f"label_delay_days: {label_delay_days}"
    (folder / "databricks.yml").write_text(bundle.replace("label_delay_days: 1", delay))
