"""The jobs that schedules, sensors and people start: one for each workflow file."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from my_mlops_stacks.adapters.step_launcher.compute import Compute
from my_mlops_stacks.defs.approval import asked_of_a_person
from my_mlops_stacks.target import Target

if TYPE_CHECKING:  # what `define_asset_job` returns: Dagster exports the function, not the type
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job
else:
    Job = Any

INGESTION = ("trips", "rejected_trips")
FEATURE_TABLES = ("trip_pickup_features", "trip_dropoff_features")
MONITOR_TABLES = ("inference_profile_metrics", "inference_drift_metrics")
CLUSTER_TAG = "databricks/cluster"
"""Runs with the same value share a limit of the run queue (`deploy/dagster.yaml`)."""
REPORT = "monitoring_report"
MONITORING_CHECKS = tuple(
    ("predictions", name)
    for name in (
        "metric_within_threshold",
        "features_have_not_drifted",
        "predictions_have_not_drifted",
        "labels_arrive",
        "predictions_are_fresh",
    )
)


def build_jobs(target: Target) -> dict[str, Job]:
    """Job name -> job. A job runs the checks of what it makes; those that judge predictions run with monitoring."""
    trained = ("fare_model", "challenger", *(("champion",) if target.promotion == "automatic" else ()))
    outcome = "promote it" if target.promotion == "automatic" else "let it wait as challenger"
    judging = dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in MONITORING_CHECKS)
    )
    selections = {
        "feature_engineering_job": (
            dg.AssetSelection.assets(*INGESTION, *FEATURE_TABLES),
            "Accept new trips and build the feature tables of a day or a range of days",
        ),
        "model_training_job": (
            dg.AssetSelection.assets(*trained),
            f"Train a candidate, validate it, and {outcome} when it passes",
        ),
        "promote_job": (
            dg.AssetSelection.assets("champion") | dg.AssetSelection.checks_for_assets("challenger"),
            "Score the challenger beside the champion, then make it champion, with who approves it and the reason",
        ),
        "batch_inference_job": (
            dg.AssetSelection.assets("predictions") - judging,
            "Predict the fares of a day or a range of days with the champion",
        ),
        "monitoring_job": (
            dg.AssetSelection.assets(*MONITOR_TABLES, REPORT) | judging,
            "Compare predictions with the fares that arrived and with the training rows, and judge",
        ),
    }
    config = {"promote_job": asked_of_a_person()}
    return {
        name: dg.define_asset_job(name, selection, config=config.get(name), description=text, tags=cluster_tag(target))
        for name, (selection, text) in selections.items()
    }


def cluster_tag(target: Target) -> dict[str, str]:
    """The tag of runs that use the target's compute: the cluster that they share, else the target itself."""
    if target.step_launcher == "none":
        return {}
    compute = Compute().overridden(target.compute)
    shared = compute.existing_cluster_id if compute.kind == "existing_cluster" else None
    return {CLUSTER_TAG: shared or target.name}
