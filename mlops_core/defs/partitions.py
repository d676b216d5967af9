"""Daily partitions, and the days of a step or a run."""

from datetime import date, timedelta

import dagster as dg

from mlops_core.config import ModelTarget, Target

ONE_RUN_A_RANGE = dg.BackfillPolicy.single_run()
"""A backfill of many days is one run: its steps read and write a range of days at once."""


def daily_partitions(target: Target) -> dg.DailyPartitionsDefinition:
    """One partition a day, from the target's first day to its last (to yesterday, when it has none)."""
    return _daily(target.first_day, target)


def predicted_partitions(target: ModelTarget) -> dg.DailyPartitionsDefinition:
    """As `daily_partitions`, of predictions and what monitors them: without the days before any hold-out."""
    return _daily(target.predicted_from, target)


def _daily(first: date, target: Target) -> dg.DailyPartitionsDefinition:
    end = target.last_day + timedelta(days=1) if target.last_day else None
    return dg.DailyPartitionsDefinition(first.isoformat(), end.isoformat() if end else None)


def last_partition(daily: dg.TimeWindowPartitionsDefinition) -> date:
    """The newest day with a partition.

    Raises:
        LookupError: there is none yet.
    """
    day = daily.get_last_partition_key()
    if day is None:
        raise LookupError(f"No day has ended since {daily.start.date()}: set an earlier first_day in databricks.yml.")
    return date.fromisoformat(day)


def days_of_run(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[date, date] | None:
    """The days of the run that a step belongs to, None when it was started for the asset as a whole.

    From the run's tags, for steps without partitions of their own: such as every check (Dagster 1.13 has theirs in
    preview only).
    """
    tags = context.run.tags
    alone = tags.get("dagster/partition")
    first, last = (tags.get(f"dagster/asset_partition_range_{end}", alone) for end in ("start", "end"))
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def days_of(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and the last day of the partitions that the step materializes."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)
