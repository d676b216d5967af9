"""Targets on Databricks also have the workspace's own monitor of the predictions: made and refreshed by a job."""

import dagster as dg

from mlops_core.adapters.monitor import DataQualityMonitor
from mlops_core.config import Target
from mlops_core.defs.schedules import daily_schedule_of
from mlops_core.project import Project


def quality_monitor_schedules(project: Project, target: Target) -> list[dg.ScheduleDefinition]:
    """Daily with the monitoring, on Databricks; its job runs on the Dagster host and starts no cluster of ours."""
    if target.platform != "databricks":
        return []
    schema = f"{target.catalog}.{target.schema_name}"
    monitor = DataQualityMonitor(
        table=f"{schema}.predictions",
        schema=schema,
        assets_folder=f"/Workspace/Shared/{target.catalog}-{target.schema_name}-monitoring",
        workspace=target.workspace_address,
    )
    cron = target.monitoring_workflow.cron_schedule
    return [daily_schedule_of(_quality_monitor_job(monitor), "quality_monitor_schedule", cron, target)]


def _quality_monitor_job(monitor: DataQualityMonitor) -> dg.JobDefinition:
    @dg.op(out=dg.Out(dg.Nothing), description=f"Makes and refreshes the data quality monitor of {monitor.table}")
    def refresh_quality_monitor(context: dg.OpExecutionContext) -> None:
        profile_table = monitor.refresh()
        if profile_table is None:
            context.log.info(f"Nothing to watch: {monitor.table} does not exist yet, batch_inference_job makes it")
        else:
            context.add_output_metadata({"profile_table": profile_table})

    @dg.job(
        executor_def=dg.in_process_executor, description="Refreshes the workspace's own dashboard of the predictions"
    )
    def quality_monitor_job() -> None:
        refresh_quality_monitor()

    return quality_monitor_job
