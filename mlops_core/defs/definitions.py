"""A project and one of its targets in, its Dagster definitions out.

Loading touches no network, no Spark and no registry, and imports no library that only steps need.
"""

from warnings import catch_warnings, simplefilter

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.champion_watch import champion_sensors
from mlops_core.defs.databricks_upkeep import upkeep_schedules, upkeep_sensors
from mlops_core.defs.deployment import deployment_assets
from mlops_core.defs.feature_engineering import feature_engineering_assets, feature_engineering_checks
from mlops_core.defs.ingestion import ingestion_assets
from mlops_core.defs.ingestion_checks import ingestion_checks
from mlops_core.defs.jobs import Job, build_jobs
from mlops_core.defs.leak_check import training_checks
from mlops_core.defs.maintenance import maintenance_schedules
from mlops_core.defs.model_copy import copy_model_job
from mlops_core.defs.monitoring import monitoring_assets
from mlops_core.defs.monitoring_report import report_assets
from mlops_core.defs.mutes import mute_alerts_job
from mlops_core.defs.pairing_check import pairing_checks
from mlops_core.defs.partitions import daily_partitions, predicted_partitions
from mlops_core.defs.resources import build_executor, build_resources
from mlops_core.defs.rollback import rollback_job
from mlops_core.defs.schedules import build_schedules
from mlops_core.defs.sensors import build_sensors
from mlops_core.defs.shadow import shadow_checks
from mlops_core.defs.smoke import smoke_jobs
from mlops_core.defs.tick_watch import tick_sensors
from mlops_core.defs.training import training_assets
from mlops_core.defs.validation import validation_assets, validation_checks
from mlops_core.project import Project


def definitions_of(project: Project, target: Target) -> dg.Definitions:
    """Everything that Dagster runs of `project` for `target`."""
    with catch_warnings():
        simplefilter("ignore", dg.BetaWarning)  # a backfill policy is beta in name, and every load would say so
        jobs = build_jobs(project, target)
        made = _definitions(project, target, daily_partitions(target), predicted_partitions(target), jobs)
        return dg.Definitions.merge(made, dg.Definitions(jobs=[mute_alerts_job(made)]))


def _definitions(
    project: Project,
    target: Target,
    daily: dg.DailyPartitionsDefinition,
    predicted: dg.DailyPartitionsDefinition,
    jobs: dict[str, Job],
) -> dg.Definitions:
    return dg.Definitions(
        assets=[
            *ingestion_assets(project, target, daily),
            *feature_engineering_assets(project, target, daily),
            *training_assets(project, target, daily),
            *validation_assets(project, target),
            *deployment_assets(project, target, predicted),
            *monitoring_assets(project, target, predicted),
            *report_assets(project, target, predicted),
        ],
        asset_checks=[
            *ingestion_checks(project, target, daily),
            *feature_engineering_checks(project),
            *training_checks(project),
            *validation_checks(project, target),
            *shadow_checks(project),
            *pairing_checks(project),
        ],
        jobs=[*jobs.values(), rollback_job(project, predicted), copy_model_job(project), *smoke_jobs(project, target)],
        schedules=[
            *build_schedules(target, jobs, daily, predicted),
            *maintenance_schedules(project, target),
            *upkeep_schedules(project, target),
        ],
        sensors=[
            *build_sensors(project, target, jobs),
            *champion_sensors(target, jobs, predicted),
            *upkeep_sensors(project, target),
            *tick_sensors(target),
        ],
        resources=build_resources(project, target),
        executor=build_executor(project, target),
    )
