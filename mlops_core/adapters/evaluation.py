"""Measuring versions on held-out rows: scored side by side by the feature store, evaluated and recorded by MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from mlops_core.adapters.custom_metrics import explained_metrics
from mlops_core.adapters.feature_store.point_in_time import column
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.predicting import predicted
from mlops_core.adapters.scoring_errors import scorable
from mlops_core.shown_text import as_csv
from mlops_core.tasks import Task

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from mlops_core.tasks.metric import Sums

REPORT_FILE = "report.md"
DIGEST_LENGTH = 36
"""MLflow refuses longer ones."""

REMEDY = {
    "candidate": "fix that and launch {training} again",
    "champion": "fix that, or run the checks with enable_baseline_comparison: false, which judges without it",
}


@dataclass
class Scored:
    """The rows with a column of predictions for each model, and the features that each looked up for itself."""

    rows: DataFrame
    features: dict[str, list[str]] = field(default_factory=dict)


def score_side_by_side(
    store: FeatureStore,
    task: Task,
    rows: DataFrame,
    versions: Mapping[str, ModelVersion],
    named: Callable[[str], str] = str,
    *,
    with_features: Callable[[ModelVersion, DataFrame], DataFrame] = lambda _, rows: rows,
) -> Scored:
    """Add a column to `rows` for each of `versions` ("candidate", "champion"), named so, with its answers.

    Each looks up the features of its own specification that `with_features` does not give. It is one query over the
    same rows, so predictions stay paired; one version's features are dropped before the next version is scored. `named`
    gives the name of a job.

    Raises:
        CannotScoreError: a version has no specification, or needs what the rows or the feature tables lack.
    """
    from pyspark.sql import functions as F

    scored = Scored(rows)
    for name, version in versions.items():
        given = scored.rows.columns
        remedy = REMEDY[name].format(training=named("model_training_job"))
        with scorable(f"The {name}, version {version.version},", remedy):
            answered = predicted(store, task, version, with_features(version, scored.rows))
        put_out = [output.name for output in task.outputs]
        scored.features[name] = [new for new in answered.columns if new not in (*given, *put_out)]
        scored.rows = answered.select(*map(column, given), F.expr(task.shape.answer).alias(name))
    return scored


def evaluated(
    task: Task,
    rows: pd.DataFrame,
    label: str,
    prediction: str,
    *,
    source: tuple[str, int],
    metrics: Sequence[Any],
    config: dict[str, Any],
    sums: Sums | None = None,
) -> dict[str, float]:
    """The task's metrics, MLflow's and `metrics`, logged to the active run with the table that they are of.

    Args:
        rows: one row each with the columns `label` and `prediction`, the answers; custom metrics are of what the table
            of predictions has as `prediction`.
        source: name and Delta version of the table that the rows are from.
        metrics: custom metrics, as `mlflow.models.make_metric` makes them.
        config: options of MLflow's evaluator.
        sums: the task's statistics of more rows, of which these are a sample: what follows from sums is of them.

    Raises:
        CustomMetricError: one of `metrics` failed, or gave no value.
    """
    import mlflow

    actual, answers = task.shape.labels(rows[label]), task.shape.answers(rows[prediction])
    said = rows[[label]].assign(**{prediction: task.shape.predictions(answers)})
    dataset = _dataset(said, label, prediction, *source)
    with explained_metrics(metrics) as watched:
        by_mlflow = _by_mlflow(task, dataset, watched, config)
    ours = task.measure(actual, answers, sums)
    is_ours = {name: value for name, value in ours.items() if sums is not None or name not in by_mlflow}
    mlflow.log_metrics(is_ours)
    return by_mlflow | ours


def _by_mlflow(task: Task, dataset: Any, metrics: list[Any], config: dict[str, Any]) -> dict[str, float]:
    import mlflow

    if task.model_type is None and not metrics:
        mlflow.log_input(dataset)
        return {}
    result = mlflow.models.evaluate(
        data=dataset,
        model_type=task.model_type,
        evaluators=task.model_type or "default",
        extra_metrics=metrics,
        evaluator_config=config,
    )
    return {name: float(value) for name, value in result.metrics.items()}


def _dataset(rows: pd.DataFrame, label: str, prediction: str, table: str, version: int) -> Any:
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.models import infer_signature

    dataset = from_pandas(
        rows,
        targets=label,
        predictions=prediction,
        name=f"held-out rows of {table}",
        digest=f"{table.rsplit('.', maxsplit=1)[-1]}@{version}"[-DIGEST_LENGTH:],
    )
    with catch_warnings():  # MLflow warns that integer columns can't hold missing values: these have none
        simplefilter("ignore", UserWarning)
        # MLflow caches the schema on first use, and would scan every value to infer it: a second for 300,000 rows.
        vars(dataset)["schema"] = infer_signature(rows.head(1)).inputs
    return dataset


def log_report(report: str, figures: Mapping[str, bytes], table: pd.DataFrame) -> None:
    """Write the report, its PNGs (name -> image) and the table of comparisons to the active run."""
    import mlflow

    with TemporaryDirectory() as folder:
        (Path(folder) / REPORT_FILE).write_text(report)
        (Path(folder) / "comparison.csv").write_text(as_csv(table), encoding="utf-8")
        for name, image in figures.items():
            (Path(folder) / f"{name}.png").write_bytes(image)
        mlflow.log_artifacts(folder)
