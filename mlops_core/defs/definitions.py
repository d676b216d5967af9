"""A project and one of its targets in, its Dagster definitions out.

Loading touches no network, no Spark and no registry, and imports no library that only steps need.
"""

from collections.abc import Sequence
from dataclasses import replace
from warnings import catch_warnings, simplefilter

import dagster as dg

from mlops_core.config import ModelTarget, Target
from mlops_core.defs.alerts import build_alerts, failure_sensors
from mlops_core.defs.arrival import arrival_sensors
from mlops_core.defs.arrival_looks import arrivals_job
from mlops_core.defs.champion_watch import champion_sensors
from mlops_core.defs.databricks_upkeep import upkeep_schedules, upkeep_sensors
from mlops_core.defs.deployment import deployment_assets
from mlops_core.defs.endpoint import endpoint_assets
from mlops_core.defs.endpoint_watch import endpoint_sensors
from mlops_core.defs.feature_engineering import feature_engineering_assets, feature_engineering_checks
from mlops_core.defs.freshness import freshness_checks
from mlops_core.defs.freshness_watch import freshness_sensors
from mlops_core.defs.ingestion import ingestion_assets
from mlops_core.defs.ingestion_checks import ingestion_checks
from mlops_core.defs.jobs import feature_engineering_job, model_jobs
from mlops_core.defs.leak_check import training_checks
from mlops_core.defs.maintenance import maintenance_schedules
from mlops_core.defs.model_copy import copy_model_job
from mlops_core.defs.monitoring import monitoring_assets
from mlops_core.defs.monitoring_report import report_assets
from mlops_core.defs.mutes import JOB as MUTES
from mlops_core.defs.mutes import mute_alerts_job
from mlops_core.defs.online_features import online_features_assets
from mlops_core.defs.pairing_check import pairing_checks
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from mlops_core.defs.resources import Resources, build_executor, build_resources
from mlops_core.defs.rollback import rollback_job
from mlops_core.defs.schedules import feature_engineering_schedule, model_schedules
from mlops_core.defs.sensors import build_sensors
from mlops_core.defs.shadow import shadow_checks
from mlops_core.defs.skew_check import skew_checks
from mlops_core.defs.smoke import smoke_jobs
from mlops_core.defs.tick_watch import tick_sensors
from mlops_core.defs.training import training_assets
from mlops_core.defs.validation import validation_assets, validation_checks
from mlops_core.project import Project


def definitions_of(
    project: Project, target: Target, prefix: str | None = None, *, packages: Sequence[str] = ()
) -> dg.Definitions:
    """Everything that Dagster runs of `project` for `target`.

    Args:
        prefix: For a part of a code location, to be merged with others: what its names begin with, instead of the
            project's own prefix. Its asset jobs bring their executor, and the code location keeps its own.
        packages: Import packages, beside the project's, that the module of the code location is made of: steps on
            Databricks load it there.

    Raises:
        DeclarationError: the prefix is one that Dagster refuses, or a package is not there.
    """
    is_part, project = prefix is not None, project if prefix is None else replace(project, prefix=prefix)
    executor = build_executor(project, target)
    with catch_warnings():
        simplefilter("ignore", dg.BetaWarning)  # a backfill policy is beta in name, and every load would say so
        own_executor = executor if is_part else None
        parts = [_shared(project, target, own_executor)]
        parts += [_of_model(each, target.of(each), own_executor) for each in project.each]
        made = _with_arrivals(project, target, dg.Definitions.merge(*parts), build_resources(project, target, packages))
        watched = dg.Definitions.merge(made, _watch(project, target, made))
        of_location = dg.Definitions(
            jobs=[mute_alerts_job(project, target, watched)], executor=None if is_part else executor
        )
        return dg.Definitions.merge(watched, of_location)


def _with_arrivals(project: Project, target: Target, made: dg.Definitions, resources: Resources) -> dg.Definitions:
    """What was made, its resources, and what starts its jobs when data arrive."""
    looks = arrivals_job(project, target, resources)
    sensors = arrival_sensors(project, target, [*(made.jobs or ()), looks])
    return dg.Definitions.merge(made, dg.Definitions(resources=resources, jobs=[looks], sensors=sensors))


def _watch(project: Project, target: Target, made: dg.Definitions) -> dg.Definitions:
    """The sensors that tell of failed runs of what was made, and of failed ticks."""
    scheduled = (each for each in made.schedules or () if isinstance(each, dg.ScheduleDefinition))
    runs = {job.name for job in made.jobs or ()} | {schedule.job_name for schedule in scheduled}
    ticks = {each.name for each in (*(made.schedules or ()), *(made.sensors or ()))}
    failures = failure_sensors(project, target, build_alerts(target), runs | {project.named(MUTES)})
    return dg.Definitions(
        sensors=[*failures, *tick_sensors(project, target, ticks | {sensor.name for sensor in failures})]
    )


def _shared(project: Project, target: Target, executor: dg.ExecutorDefinition | None) -> dg.Definitions:
    """What there is once, however many models there are: events, feature tables, upkeep."""
    daily, job = daily_partitions(target), feature_engineering_job(project, target, executor)
    return dg.Definitions(
        assets=[*ingestion_assets(project, target, daily), *feature_engineering_assets(project, target, daily)],
        asset_checks=[
            *ingestion_checks(project, target, daily),
            *feature_engineering_checks(project),
            *freshness_checks(project, target),
        ],
        jobs=[job, *smoke_jobs(project, target)],
        schedules=[
            feature_engineering_schedule(project, target, job, daily),
            *maintenance_schedules(project, target),
            *upkeep_schedules(project, target),
        ],
        sensors=[*freshness_sensors(project, target), *upkeep_sensors(project, target)],
    )


def _of_model(project: Project, target: ModelTarget, executor: dg.ExecutorDefinition | None) -> dg.Definitions:
    """What a model has of its own; `project` is the one of the model."""
    daily, predicted = daily_partitions(target), predicted_partitions(target)
    jobs = model_jobs(project, target, executor)
    return dg.Definitions(
        assets=[
            *training_assets(project, target, daily),
            *validation_assets(project, target),
            *deployment_assets(project, target, predicted),
            *endpoint_assets(project, target),
            *online_features_assets(project, target),
            *monitoring_assets(project, target, predicted),
            *report_assets(project, target, predicted),
        ],
        asset_checks=[
            *training_checks(project),
            *validation_checks(project, target),
            *shadow_checks(project, target),
            *pairing_checks(project),
            *skew_checks(project, target),
        ],
        jobs=[*jobs.values(), rollback_job(project, target, predicted), copy_model_job(project, target)],
        schedules=model_schedules(project, target, jobs, predicted),
        sensors=[
            *build_sensors(project, target, jobs),
            *champion_sensors(project, target, jobs, predicted),
            *endpoint_sensors(project, target, jobs),
        ],
    )
