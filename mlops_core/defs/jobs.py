"""The jobs that schedules, sensors and people start: one for each workflow file."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.config import ModelTarget, Target
from mlops_core.defs.approval import asked_of_a_person
from mlops_core.defs.names import check_of, key_of, keys_of
from mlops_core.defs.online_features import ONLINE, online_store_of
from mlops_core.project import Project

if TYPE_CHECKING:  # what `define_asset_job` returns: Dagster exports the function, not the type
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job
else:
    Job = Any

MONITOR_TABLES = ("inference_profile_metrics", "inference_drift_metrics")
CLUSTER_TAG = "databricks/cluster"
"""Runs with the same value share a limit of the run queue (`deploy/dagster.yaml`)."""
REPORT = "monitoring_report"
SKEW = "features_are_as_served"


def feature_engineering_job(project: Project, target: Target, executor: dg.ExecutorDefinition | None = None) -> Job:
    """The job that comes before those of models; it runs the checks of what it makes, as they do."""
    events = (name for each in project.event_tables for name in (each.name, each.rejected_name))
    selection = _selected(project, *events, *(table.name for table in project.feature_tables))
    for each in project.each:
        if online_store_of(target.of(each)):
            selection |= _selected(each, ONLINE)
    text = f"Accept new {project.events.nouns} and build the feature tables of a day or a range of days"
    return _job(project, target, "feature_engineering_job", selection, description=text, executor_def=executor)


def model_jobs(project: Project, target: ModelTarget, executor: dg.ExecutorDefinition | None = None) -> dict[str, Job]:
    """Name without prefix and model -> job: of what it makes also the checks, by `executor` or else the location's."""
    served = ("endpoint_sample", "endpoint") if target.endpoint else ()
    trained = (project.model.name, "challenger", *(("champion", *served) if target.promotion == "automatic" else ()))
    events = project.events

    def checks_of(asset: str) -> dg.AssetSelection:
        return dg.AssetSelection.checks_for_assets(key_of(project, asset))

    outcome = "promote it" if target.promotion == "automatic" else "let it wait as challenger"
    selections = {
        "model_training_job": (
            _selected(project, *trained),
            f"Train a candidate, validate it, and {outcome} when it passes",
        ),
        "judge_job": (
            _selected(project, *trained[1:]) | checks_of(project.model.name),
            f"Validate the candidate as it is, one that was copied or is judged again, and {outcome} when it passes",
        ),
        "promote_job": (
            _selected(project, "champion", *served) | checks_of("challenger"),
            "Score the challenger beside the champion, then make it champion, with who approves it and the reason",
        ),
        "batch_inference_job": (
            _selected(project, "predictions") - _later_checks(project),
            f"Predict the {events.nouns} of a day or a range of days with the champion",
        ),
        "monitoring_job": (
            _selected(project, *MONITOR_TABLES, REPORT) | _later_checks(project),
            "Compare predictions with the labels that arrived and with the training rows, and judge",
        ),
    }
    if served:
        text = "Let the serving endpoint follow the champion, and see that it answers as batch inference does"
        selections["endpoint_job"] = (_selected(project, *served), text)
    config = {"promote_job": asked_of_a_person(project, target)}
    return {
        name: _job(project, target, name, selection, description=text, executor_def=executor, config=config.get(name))
        for name, (selection, text) in selections.items()
    }


def _later_checks(project: Project) -> dg.AssetSelection:
    """The check of predictions that looks at what has changed since they were made."""
    return dg.AssetSelection.checks(*([check_of(project, "predictions", SKEW)] if project.looked_up else []))


def _job(project: Project, target: Target, name: str, selection: dg.AssetSelection, **stated: Any) -> Job:
    return dg.define_asset_job(project.named(name), selection, tags=cluster_tag(project, target), **stated)


def _selected(project: Project, *assets: str) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*keys_of(project, *assets))


def cluster_tag(project: Project, target: Target) -> dict[str, str]:
    """The tag of runs that use the target's compute: the cluster that they share, else the project's target itself."""
    if target.step_launcher == "none":
        return {}
    compute = Compute().overridden(target.compute)
    shared = compute.existing_cluster_id if compute.kind == "existing_cluster" else None
    return {CLUSTER_TAG: shared or project.named(target.name)}
