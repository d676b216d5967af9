"""Scoring with a version: the model's output as the prediction columns of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.feature_store.protocol import PREDICTION_COLUMN, FeatureStore
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.tasks import Task

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def predicted(store: FeatureStore, task: Task, version: ModelVersion, rows: DataFrame) -> DataFrame:
    """`rows` with the features that `version` looks up for them, and the columns of the task's prediction, by
    the version's own threshold.

    Raises:
        UnknownClassError: it was trained on a class that is not declared.
    """
    from pyspark.sql import functions as F

    task = task.at(version.record.decision_threshold)
    answer = F.expr(task.shape.from_logged(version.record.answered_classes))
    answered = store.score_batch(model_uri=version.uri, df=rows, result_type=task.answer_type)
    answered = answered.withColumn(PREDICTION_COLUMN, answer)
    return answered.withColumns({output.name: F.expr(output.sql).cast(output.type) for output in task.outputs})
