"""Table maintenance: compacts small files and removes old ones."""

from datetime import timedelta

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.names import needed, op_of, resources_of
from mlops_core.defs.schedules import daily_schedule_of
from mlops_core.defs.tables import tables_of
from mlops_core.project import Project

SUNDAY_MORNING = "0 4 * * 0"


def maintenance_schedules(project: Project, target: Target) -> list[dg.ScheduleDefinition]:
    """Weekly, when nothing else is scheduled; concurrent writers are not disturbed."""
    job = _maintenance_job(project, target)
    return [daily_schedule_of(job, project.named("table_maintenance_schedule"), SUNDAY_MORNING, target)]


def _maintenance_job(project: Project, target: Target) -> dg.JobDefinition:
    retention = timedelta(days=target.retention_days)

    @dg.op(
        name=op_of(project, "maintain_tables"),
        out=dg.Out(dg.Nothing),
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"Compacts every table and removes files that nothing has referred to for {retention.days} days",
    )
    def maintain_tables(context: dg.OpExecutionContext) -> None:
        tables, done = resources_of(project, context).tables, {}
        for name in tables_of(project):
            if tables.exists(name):
                done[name] = tables.maintain(name, retention)
                context.log.info(f"{tables.full_name(name)}: {done[name]}")
        context.add_output_metadata({name: dg.MetadataValue.text(str(result)) for name, result in done.items()})

    @dg.job(
        name=project.named("table_maintenance_job"),
        description="Keeps the tables fast to read, and their history as long as the target says",
    )
    def job() -> None:
        maintain_tables()

    return job
