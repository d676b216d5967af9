"""The jobs that schedules, sensors and people start: one for each workflow file."""

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:  # what `define_asset_job` returns: Dagster exports the function, not the type
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job
else:
    Job = Any

INGESTION = ("trips", "rejected_trips")
FEATURE_TABLES = ("trip_pickup_features", "trip_dropoff_features")
MODEL = ("fare_model", "challenger", "champion")
MONITOR_TABLES = ("inference_profile_metrics", "inference_drift_metrics")
MONITORING_CHECKS = (("predictions", "metric_within_threshold"), ("predictions", "predictions_have_not_drifted"))


def build_jobs() -> dict[str, Job]:
    """Job name -> job. A job runs the checks of what it makes; those that judge predictions run with monitoring."""
    judging = dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in MONITORING_CHECKS)
    )
    selections = {
        "feature_engineering_job": (
            dg.AssetSelection.assets(*INGESTION, *FEATURE_TABLES),
            "Accept new trips and build the feature tables of a day or a range of days",
        ),
        "model_training_job": (
            dg.AssetSelection.assets(*MODEL),
            "Train a candidate, validate it, and promote it when it passes",
        ),
        "batch_inference_job": (
            dg.AssetSelection.assets("predictions") - judging,
            "Predict the fares of a day or a range of days with the champion",
        ),
        "monitoring_job": (
            dg.AssetSelection.assets(*MONITOR_TABLES) | judging,
            "Compare predictions with the fares that arrived and with the training rows, and judge",
        ),
    }
    return {
        name: dg.define_asset_job(name, selection, description=text) for name, (selection, text) in selections.items()
    }
