"""The checks of `trips`: whether their source is fit to be used, and the table what it should be."""

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.ingestion import days_taken
from mlops_core.project import Project
from my_mlops_stacks.events import TRIPS


def ingestion_checks(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset="trips",
        blocking=True,
        additional_deps=["rejected_trips"],
        required_resource_keys={"step_launcher", "tables"},
        description="Few of the trips that the run took were rejected: of all, for one reason, and of each day.",
    )
    def few_trips_are_rejected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.quality import rejections

        taken = days_taken(context, target, daily).within
        found = rejections(*(context.resources.tables.read(name).where(taken) for name in ("trips", "rejected_trips")))
        problems = found.problems()
        return dg.AssetCheckResult(
            passed=not problems,
            description=f"{'; '.join(problems)}: the table rejected_trips has the reasons" if problems else None,
            metadata={
                "accepted": sum(found.accepted.values()),
                "rejected": sum(found.rejected.values()),
                "rejected_by_reason": found.by_reason,
            },
        )

    @dg.asset_check(
        asset="trips",
        blocking=True,
        required_resource_keys={"step_launcher", "tables"},
        description="No two accepted trips of the days that the run took have the same identity.",
    )
    def each_trip_is_accepted_once(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.ingestion.quality import repeated

        surplus = repeated(context.resources.tables.read("trips").where(days_taken(context, target, daily).within))
        return dg.AssetCheckResult(
            passed=not surplus,
            description=f"{surplus} trips are in the table more than once, as if two runs had made it at once: run "
            "feature_engineering_job again for these days"
            if surplus
            else None,
            metadata={"repeated": surplus},
        )

    @dg.asset_check(
        asset="trips",
        required_resource_keys={"step_launcher", "tables"},
        description="Every trip's day is a partition of the target, so that its features and predictions are built.",
    )
    def trips_are_within_partitions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.training.split import day_range

        first, last = day_range(context.resources.tables.read("trips"))
        end = target.last_day or TRIPS.clock().date()  # today's are built tomorrow
        return dg.AssetCheckResult(
            passed=first is not None and last is not None and target.first_day <= first and last <= end,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Trips are of {first} to {last}, partitions of {target.first_day} to {end}: "
            "first_day and last_day in databricks.yml say which days are built.",
            metadata={"first_day": str(first), "last_day": str(last)},
        )

    return [few_trips_are_rejected, each_trip_is_accepted_once, trips_are_within_partitions]
