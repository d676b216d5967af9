"""Shadow scoring: the challenger on the events of the champion's newest days, with its production inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.predicting import predicted
from mlops_core.adapters.scoring_errors import scorable
from mlops_core.adapters.tables import Tables
from mlops_core.project import Project

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def shadow_scores(
    project: Project, tables: Tables, store: FeatureStore, champion: ModelVersion, challenger: ModelVersion
) -> DataFrame | None:
    """Each event that `champion` predicted on its newest days, with its answers as `champion_prediction` and the
    challenger's prediction; None when it has predicted nothing yet.

    The events are read again and the challenger looks up its own features: those in the predictions table are the
    champion's.

    Raises:
        CannotScoreError: the challenger has no specification, or needs what the events or the feature tables lack.
    """
    from mlops_core.deployment.predictions import to_score
    from mlops_core.deployment.shadow import champion_predictions, newest_days, predictions_of
    from mlops_core.training.model_inputs import model_inputs

    predictions = project.scoped("predictions")
    if not tables.exists(predictions):
        return None
    own = predictions_of(tables.read(predictions), champion.name, champion.version)
    days = newest_days(own)
    if days is None:
        return None
    events = project.events
    keys = list(events.identity)
    inputs = model_inputs(project, to_score(events, tables.read(events.name), *days), *project.carried)
    asked = inputs.join(champion_predictions(own, days[0], keys, project.model.task.shape), keys)
    remedy = f"fix that and launch {project.named('model_training_job')} again"
    with scorable(f"The challenger, version {challenger.version},", remedy):
        return predicted(store, project.model.task, challenger, asked)
