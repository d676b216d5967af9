"""Cleaning up the workspace: ended Dagster runs leave nothing running and nothing staged."""

import dagster as dg

from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.config import Target
from mlops_core.defs.names import op_of
from mlops_core.defs.resources import launcher_settings
from mlops_core.defs.schedules import daily_schedule_of
from mlops_core.project import Project

KEPT_DAYS = 7
EVERY_S = 30


def upkeep_sensors(project: Project, target: Target) -> list[dg.SensorDefinition]:
    """One sensor that ends what ended runs left on Databricks, and removes what they staged."""
    return (
        [_tear_down_sensor(project, launcher_settings(project, target))]
        if target.step_launcher == "unity_catalog"
        else []
    )


def _tear_down_sensor(project: Project, settings: LauncherSettings) -> dg.SensorDefinition:
    """Driven by what is staged, not by run status: a run status sensor skips a run when it fails."""

    @dg.sensor(
        name=project.named("tear_down_sensor"),
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends and removes what runs that have ended left on Databricks",
    )
    def tear_down(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher

        swept = UnityCatalogStepLauncher(settings).tear_down_ended(context.instance, context.cursor or "")
        failed = "".join(f"; {run} could not be: {why}" for run, why in swept.failed.items())
        said = f"{len(swept.torn_down)} runs were torn down{failed}"
        return dg.SensorResult(skip_reason=dg.SkipReason(said), cursor=swept.last)

    return tear_down


def upkeep_schedules(project: Project, target: Target) -> list[dg.ScheduleDefinition]:
    """Weekly: remove staged files that no teardown removed because their host was gone, and unused code."""
    if target.step_launcher != "unity_catalog":
        return []
    job = _clean_up_job(project, launcher_settings(project, target))
    return [daily_schedule_of(job, project.named("staging_clean_up_schedule"), "0 3 * * 0", target)]


def _clean_up_job(project: Project, settings: LauncherSettings) -> dg.JobDefinition:
    @dg.op(
        name=op_of(project, "clean_up_staging"),
        description=f"Removes what is staged and was not touched for {KEPT_DAYS} days",
    )
    def clean_up_staging(context: dg.OpExecutionContext) -> None:
        from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher

        removed = UnityCatalogStepLauncher(settings).clean_up(KEPT_DAYS)
        context.log.info(f"Removed from {settings.volume}: {', '.join(removed) or 'nothing'}")

    @dg.job(name=project.named("staging_clean_up_job"), description="Keeps the staging volume small")
    def job() -> None:
        clean_up_staging()

    return job
