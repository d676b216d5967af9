"""The code location: one target in, its Dagster definitions out.

Loading this module touches no network, no Spark and no registry, and imports no library that only steps need.
"""

from warnings import catch_warnings, simplefilter

import dagster as dg

from my_mlops_stacks.defs.champion_watch import champion_sensors
from my_mlops_stacks.defs.databricks_upkeep import upkeep_schedules, upkeep_sensors
from my_mlops_stacks.defs.deployment import deployment_assets
from my_mlops_stacks.defs.feature_engineering import feature_engineering_assets, feature_engineering_checks
from my_mlops_stacks.defs.ingestion import ingestion_assets
from my_mlops_stacks.defs.ingestion_checks import ingestion_checks
from my_mlops_stacks.defs.jobs import Job, build_jobs
from my_mlops_stacks.defs.maintenance import maintenance_schedules
from my_mlops_stacks.defs.model_copy import copy_model_job
from my_mlops_stacks.defs.monitoring import monitoring_assets
from my_mlops_stacks.defs.monitoring_report import report_assets
from my_mlops_stacks.defs.mutes import mute_alerts_job
from my_mlops_stacks.defs.pairing_check import pairing_checks
from my_mlops_stacks.defs.partitions import daily_partitions, predicted_partitions
from my_mlops_stacks.defs.quality_monitor import quality_monitor_schedules
from my_mlops_stacks.defs.resources import build_executor, build_resources
from my_mlops_stacks.defs.rollback import rollback_job
from my_mlops_stacks.defs.schedules import build_schedules
from my_mlops_stacks.defs.sensors import build_sensors
from my_mlops_stacks.defs.shadow import shadow_checks
from my_mlops_stacks.defs.smoke import smoke_jobs
from my_mlops_stacks.defs.tick_watch import tick_sensors
from my_mlops_stacks.defs.training import training_assets, training_checks
from my_mlops_stacks.defs.validation import validation_assets, validation_checks
from my_mlops_stacks.target import Target, load_target


def build_definitions(target: Target) -> dg.Definitions:
    """Everything that Dagster runs for `target`."""
    with catch_warnings():
        simplefilter("ignore", dg.BetaWarning)  # a backfill policy is beta in name, and every load would say so
        made = _definitions(target, daily_partitions(target), predicted_partitions(target), build_jobs(target))
        return dg.Definitions.merge(made, dg.Definitions(jobs=[mute_alerts_job(made)]))


def _definitions(
    target: Target,
    daily: dg.DailyPartitionsDefinition,
    predicted: dg.DailyPartitionsDefinition,
    jobs: dict[str, Job],
) -> dg.Definitions:
    return dg.Definitions(
        assets=[
            *ingestion_assets(target, daily),
            *feature_engineering_assets(target, daily),
            *training_assets(target, daily),
            *validation_assets(target),
            *deployment_assets(target, predicted),
            *monitoring_assets(target, predicted),
            *report_assets(target, predicted),
        ],
        asset_checks=[
            *ingestion_checks(target, daily),
            *feature_engineering_checks(),
            *training_checks(),
            *validation_checks(target),
            *shadow_checks(),
            *pairing_checks(),
        ],
        jobs=[*jobs.values(), rollback_job(predicted), copy_model_job(), *smoke_jobs(target)],
        schedules=[
            *build_schedules(target, jobs, daily, predicted),
            *maintenance_schedules(target),
            *upkeep_schedules(target),
            *quality_monitor_schedules(target),
        ],
        sensors=[
            *build_sensors(target, jobs),
            *champion_sensors(target, jobs, predicted),
            *upkeep_sensors(target),
            *tick_sensors(target),
        ],
        resources=build_resources(target),
        executor=build_executor(target),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the target that MLOPS_TARGET names, `local` by default."""
    return build_definitions(load_target())
