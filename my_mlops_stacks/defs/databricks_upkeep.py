"""What keeps the workspace tidy: nothing of a Dagster run that has ended keeps running, or stays staged."""

import dagster as dg

from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.defs.resources import launcher_settings
from my_mlops_stacks.defs.schedules import default_schedule_status
from my_mlops_stacks.target import Target

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
KEPT_DAYS = 7


def upkeep_sensors(target: Target) -> list[dg.SensorDefinition]:
    """One sensor for each way in which a run ends: it ends what is left on Databricks and removes what was staged."""
    if target.step_launcher != "unity_catalog":
        return []
    return [_tear_down_sensor(launcher_settings(target), status) for status in ENDED]


def _tear_down_sensor(settings: LauncherSettings, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"tear_down_after_{status.value.lower()}_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Ends and removes what a run with the status {status.value} left on Databricks",
    )
    def tear_down(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        from my_mlops_stacks.adapters.step_launcher.launcher import UnityCatalogStepLauncher

        report = UnityCatalogStepLauncher(settings).tear_down(context.instance, context.dagster_run)
        return dg.SkipReason(f"Databricks runs: {len(report.databricks_runs)}, cancelled: {len(report.cancelled)}")

    return tear_down


def upkeep_schedules(target: Target) -> list[dg.ScheduleDefinition]:
    """Weekly: remove what no teardown removed, because its host was gone, and code that nothing runs any more."""
    if target.step_launcher != "unity_catalog":
        return []
    schedule = dg.ScheduleDefinition(
        name="staging_clean_up_schedule",
        job=_clean_up_job(launcher_settings(target)),
        cron_schedule="0 3 * * 0",
        execution_timezone="UTC",
        default_status=default_schedule_status(target),
    )
    return [schedule]


def _clean_up_job(settings: LauncherSettings) -> dg.JobDefinition:
    @dg.op(description=f"Removes what is staged and was not touched for {KEPT_DAYS} days")
    def clean_up_staging(context: dg.OpExecutionContext) -> None:
        from my_mlops_stacks.adapters.step_launcher.launcher import UnityCatalogStepLauncher

        removed = UnityCatalogStepLauncher(settings).clean_up(KEPT_DAYS)
        context.log.info(f"Removed from {settings.volume}: {', '.join(removed) or 'nothing'}")

    @dg.job(description="Keeps the staging volume small")
    def staging_clean_up_job() -> None:
        clean_up_staging()

    return staging_clean_up_job
