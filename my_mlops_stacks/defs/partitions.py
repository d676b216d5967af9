"""Daily partitions, and the days that a step was asked for."""

from datetime import date, timedelta

import dagster as dg

from my_mlops_stacks.target import Target

ONE_RUN_A_RANGE = dg.BackfillPolicy.single_run()
"""A backfill of many days is one run: its steps read and write a range of days at once."""


def daily_partitions(target: Target) -> dg.DailyPartitionsDefinition:
    """One partition a day, from the target's first day to its last (to yesterday, when it has none)."""
    end = target.last_day + timedelta(days=1) if target.last_day else None
    return dg.DailyPartitionsDefinition(target.first_day.isoformat(), end.isoformat() if end else None)


def days_of(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The first and the last day of the partitions that the step materializes."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)
