"""The champion, and what it predicts."""

from datetime import UTC, datetime

import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.defs.annotations import DataFrame
from my_mlops_stacks.defs.partitions import ONE_RUN_A_RANGE, days_of
from my_mlops_stacks.target import Target


def deployment_assets(target: Target, daily: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    @dg.asset(
        group_name="deployment",
        owners=[target.owner],
        kinds={"mlflow"},
        io_manager_key="model_io_manager",
        code_version="1",
    )
    def champion(challenger: ModelVersion) -> ModelVersion:
        """The version that batch inference uses; the one before it keeps the alias `previous_champion`."""
        from my_mlops_stacks.validation.verdict import require_promotable

        require_promotable(challenger.tags, challenger.version)
        return challenger

    @dg.asset(
        group_name="deployment",
        owners=[target.owner],
        kinds={"spark", "delta", "mlflow"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        deps=["trip_pickup_features", "trip_dropoff_features"],
        io_manager_key="table_io_manager",
        required_resource_keys={"step_launcher", "feature_store"},
        code_version="1",
    )
    def predictions(context: dg.AssetExecutionContext, champion: ModelVersion, trips: DataFrame) -> DataFrame:
        """The champion's fare for each trip of a day, from what was known at the pickup.

        Each row carries the model's name and version and the time of prediction. Scoring a day again replaces the
        rows of the same version only: what earlier versions predicted stays.
        """
        from my_mlops_stacks.deployment.batch_inference.predictions import as_predictions, to_score
        from my_mlops_stacks.training.model_inputs import model_inputs

        inputs = model_inputs(to_score(trips, *days_of(context)))
        scored = context.resources.feature_store.score_batch(model_uri=champion.uri, df=inputs)
        context.add_output_metadata({"model_name": champion.name, "model_version": champion.version})
        return as_predictions(scored, champion.name, champion.version, datetime.now(UTC).replace(tzinfo=None))

    return [champion, predictions]
