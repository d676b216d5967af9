"""The jobs that schedules, sensors and people start: one for each workflow file."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.config import Target
from mlops_core.defs.approval import asked_of_a_person
from mlops_core.defs.names import key_of, keys_of
from mlops_core.project import Project

if TYPE_CHECKING:  # what `define_asset_job` returns: Dagster exports the function, not the type
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job
else:
    Job = Any

MONITOR_TABLES = ("inference_profile_metrics", "inference_drift_metrics")
CLUSTER_TAG = "databricks/cluster"
"""Runs with the same value share a limit of the run queue (`deploy/dagster.yaml`)."""
REPORT = "monitoring_report"


def build_jobs(project: Project, target: Target, executor: dg.ExecutorDefinition | None = None) -> dict[str, Job]:
    """Name without a prefix -> job. A job runs the checks of what it makes, by `executor`, else by the location's."""
    trained = (project.model.name, "challenger", *(("champion",) if target.promotion == "automatic" else ()))
    events = project.events
    outcome = "promote it" if target.promotion == "automatic" else "let it wait as challenger"
    selections = {
        "feature_engineering_job": (
            _selected(
                project,
                *(name for each in project.event_tables for name in (each.name, each.rejected_name)),
                *(table.name for table in project.feature_tables),
            ),
            f"Accept new {events.nouns} and build the feature tables of a day or a range of days",
        ),
        "model_training_job": (
            _selected(project, *trained),
            f"Train a candidate, validate it, and {outcome} when it passes",
        ),
        "promote_job": (
            _selected(project, "champion") | dg.AssetSelection.checks_for_assets(key_of(project, "challenger")),
            "Score the challenger beside the champion, then make it champion, with who approves it and the reason",
        ),
        "batch_inference_job": (
            _selected(project, "predictions"),
            f"Predict the {events.nouns} of a day or a range of days with the champion",
        ),
        "monitoring_job": (
            _selected(project, *MONITOR_TABLES, REPORT),
            "Compare predictions with the labels that arrived and with the training rows, and judge",
        ),
    }
    config = {"promote_job": asked_of_a_person(project)}
    return {
        name: dg.define_asset_job(
            project.named(name),
            selection,
            config=config.get(name),
            description=text,
            tags=cluster_tag(project, target),
            executor_def=executor,
        )
        for name, (selection, text) in selections.items()
    }


def _selected(project: Project, *assets: str) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*keys_of(project, *assets))


def cluster_tag(project: Project, target: Target) -> dict[str, str]:
    """The tag of runs that use the target's compute: the cluster that they share, else the project's target itself."""
    if target.step_launcher == "none":
        return {}
    compute = Compute().overridden(target.compute)
    shared = compute.existing_cluster_id if compute.kind == "existing_cluster" else None
    return {CLUSTER_TAG: shared or project.named(target.name)}
