"""Daily schedules, from the cron of each workflow file; a target says whether they run, or arrivals start the days.

The monitoring's ticks also compute the days again whose labels are late: those that the check `labels_arrive` names.
"""

from collections.abc import Sequence
from datetime import UTC, timedelta

import dagster as dg

from mlops_core.adapters.recorded_metadata import recorded
from mlops_core.config import ModelTarget, Target, Workflow
from mlops_core.defs.ended_runs import ENDED
from mlops_core.defs.jobs import Job
from mlops_core.defs.judgements import LABELS, check_key
from mlops_core.defs.records import newest_evaluated
from mlops_core.project import Project

MONITORING = "monitoring"
SCHEDULED_AT = ".dagster/scheduled_execution_time"
MOST_DAYS_AGAIN = 14
"""How many more days before the usual ones a tick recomputes at most, for late labels."""


def feature_engineering_schedule(
    project: Project, target: Target, job: Job, daily: dg.TimeWindowPartitionsDefinition
) -> dg.ScheduleDefinition:
    """Materializes the day that ended before the tick, as the schedules of models do."""
    workflow = target.feature_engineering_workflow
    return _daily_schedule(project, "feature_engineering", job, workflow, target, daily=daily, days_before=0)


def model_schedules(
    project: Project, target: ModelTarget, jobs: dict[str, Job], predicted: dg.TimeWindowPartitionsDefinition
) -> list[dg.ScheduleDefinition]:
    """One schedule a job: partitioned jobs materialize the day that ended before the tick."""
    workflows = {"batch_inference": target.batch_inference_workflow, MONITORING: target.monitoring_workflow}
    days_before = {MONITORING: target.monitoring_workflow.label_delay_days}
    partitioned = [
        _daily_schedule(
            project, name, jobs[f"{name}_job"], workflow, target, daily=predicted, days_before=days_before.get(name, 0)
        )
        for name, workflow in workflows.items()
    ]
    return [*partitioned, _training_schedule(project, jobs["model_training_job"], target)]


def _training_schedule(project: Project, job: Job, target: ModelTarget) -> dg.ScheduleDefinition:
    """Once a day at most: Dagster's run keys are per tick, and the cron may change."""
    name = project.named("model_training_schedule")

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=target.model_workflow.cron_schedule,
        execution_timezone="UTC",
        default_status=default_schedule_status(target),
        description=f"{job.description}, once a day at most",
    )
    def training(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        key = f"{target.registered_model} {context.scheduled_execution_time.date()}"
        asked = {"dagster/schedule_name": name, "dagster/run_key": key}
        for run in context.instance.get_runs(dg.RunsFilter(tags=asked)):
            if run.status not in ENDED and run.tags.get(SCHEDULED_AT) != _moment(context):
                return dg.SkipReason(f"Run {run.run_id} trained on this day already; launch {job.name} for another.")
        return dg.RunRequest(run_key=key)

    return training


def _moment(context: dg.ScheduleEvaluationContext) -> str:
    """The tick's own time, as Dagster writes it on the runs of the tick."""
    return context.scheduled_execution_time.astimezone(UTC).isoformat()


def daily_schedule_of(job: dg.JobDefinition, name: str, cron: str, target: Target) -> dg.ScheduleDefinition:
    """A schedule of a job without partitions, whose ticks of one day ask for the same run."""

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=default_schedule_status(target),
        description=job.description,
    )
    def once(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=str(context.scheduled_execution_time.date()))

    return once


def _daily_schedule(
    project: Project,
    name: str,
    job: Job,
    workflow: Workflow,
    target: Target,
    *,
    daily: dg.TimeWindowPartitionsDefinition,
    days_before: int,
) -> dg.ScheduleDefinition:
    """A tick materializes the day before it and, in the same run, `days_before` days before that."""
    extent = f"the day before and {days_before} days before that" if days_before else "the day before"

    @dg.schedule(
        name=project.named(f"{name}_schedule"),
        job=job,
        cron_schedule=workflow.cron_schedule,
        execution_timezone="UTC",
        default_status=default_schedule_status(target, starts=target.start == "schedule"),
        description=f"{job.description}, for {extent}",
    )
    def previous_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = str((context.scheduled_execution_time - timedelta(days=1)).date())
        keys = daily.get_partition_keys(current_time=context.scheduled_execution_time)
        if day not in keys:
            return dg.SkipReason(f"{day} is not a partition: {_extent(day, str(daily.start.date()), keys)}")
        first = keys[max(keys.index(day) - days_before, 0)]
        if name == MONITORING:
            first = _with_late_days(project, context.instance, keys, first)
        if first == day:
            return dg.RunRequest(run_key=day, partition_key=day)
        days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": day}
        return dg.RunRequest(run_key=day, tags=days)

    return previous_day


def _extent(day: str, first: str, keys: Sequence[str]) -> str:
    if day < first:
        return f"they begin on {first}, as first_day and first_predicted_day in databricks.yml say."
    last = keys[-1] if keys else "no day"
    return f"they end on {last}; set last_day in databricks.yml to let them go on."


def _with_late_days(project: Project, instance: dg.DagsterInstance, keys: Sequence[str], first: str) -> str:
    """`first`, or the oldest day before it whose labels are late by the newest `labels_arrive`, if not too old."""
    record = newest_evaluated(instance, check_key(project, LABELS))
    late = recorded(record.evaluation.metadata, "late_days", list) if record else None
    oldest = keys[max(keys.index(first) - MOST_DAYS_AGAIN, 0)]
    return min([first, *(day for day in late or () if oldest <= day)])


def default_schedule_status(target: Target, *, starts: bool = True) -> dg.DefaultScheduleStatus:
    """Schedules run by themselves only where the target says so, and of days only where no arrival `starts` them."""
    running = target.schedules == "running" and starts
    return dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
