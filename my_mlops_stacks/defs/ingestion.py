"""Trips from their source: the accepted ones, and the rejected ones with the reason."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from my_mlops_stacks.defs.io_managers import REPLACED
from my_mlops_stacks.defs.partitions import ONE_RUN_A_RANGE, days_of_run
from my_mlops_stacks.target import Target

if TYPE_CHECKING:
    from my_mlops_stacks.ingestion.days import TripDays

LARGEST_REJECTED_SHARE = 0.05
"""Above it the source is broken rather than dirty, and nothing is built from it."""


class TripsConfig(dg.Config):
    """Where a local run takes its trips from; a Databricks target reads its configured table."""

    path: str | None = Field(
        None, description="Parquet, Delta or CSV file or folder; default: TRIPS_PATH, else generated"
    )
    times: str | None = Field(
        None,
        description="How its times are to be read: wall_clock, wall_clock_as_utc or a zone; default: TRIPS_TIMES, else "
        "trips_times of the target",
    )
    rows: int = Field(10_000, gt=0, description="Trips to generate when there is no path")
    seed: int = Field(0, ge=0, description="The same seed gives the same trips")
    drift_from: str | None = Field(
        None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="Generated fares rise from this day on, YYYY-MM-DD"
    )


def ingestion_assets(
    target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    raw = dg.AssetSpec(
        "raw_trips",
        group_name="ingestion",
        owners=[target.owner],
        description="Trips as they are delivered: a table on Databricks; here a file, a folder, or generated trips.",
        metadata={"source": target.trips_table or "TRIPS_PATH, or the generator"},
    )
    late_days = target.feature_engineering_workflow.late_trip_days
    out = {"io_manager_key": "table_io_manager", "group_name": "ingestion", "owners": [target.owner]}

    @dg.multi_asset(
        name="ingest_trips",
        backfill_policy=ONE_RUN_A_RANGE,
        deps=["raw_trips"],
        outs={
            "trips": dg.AssetOut(
                **out,
                kinds={"spark", "delta"},
                description="Accepted trips, each once. Times are New York wall clock, and nothing shifts them. "
                f"A run takes those of its days and, for late ones, of {late_days} days before.",
                code_version="1",
            ),
            "rejected_trips": dg.AssetOut(
                **out,
                kinds={"spark", "delta"},
                description="Trips that were kept aside, with every reason that applies.",
                code_version="2",
            ),
        },
        required_resource_keys={"step_launcher", "trips_sources"},
    )
    def ingest_trips(context: dg.AssetExecutionContext, config: TripsConfig) -> tuple[dg.Output, dg.Output]:
        """Judge the trips of the run's days and, for those that were delivered late, of `late_trip_days` before."""
        from my_mlops_stacks.ingestion.trips import accept, conform, require_acceptable

        source = context.resources.trips_sources.choose(
            path=config.path,
            times=config.times,
            rows=config.rows,
            seed=config.seed,
            drift_from=date.fromisoformat(config.drift_from) if config.drift_from else None,
        )
        days = _days_taken(context, target, daily)
        trips = conform(source.read(), days)
        require_acceptable(trips, days)
        metadata = {REPLACED: days.replaced} if days.replaced else {}
        accepted, rejected = (dg.Output(rows, metadata=metadata) for rows in accept(trips))
        return accepted, rejected

    return [raw, ingest_trips]


def _days_taken(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    target: Target,
    daily: dg.TimeWindowPartitionsDefinition,
) -> "TripDays":
    """All days for a run without partitions. At both ends of the partitions the days are open: no trip is left out."""
    from my_mlops_stacks.ingestion.days import ALL_DAYS, TripDays

    days = days_of_run(context)
    if days is None:
        return ALL_DAYS
    first, last = days[0] - timedelta(days=target.feature_engineering_workflow.late_trip_days), days[1]
    newest = date.fromisoformat(daily.get_last_partition_key())
    return TripDays(first if first > target.first_day else None, last if last < newest else None)


def ingestion_checks(target: Target, daily: dg.TimeWindowPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset="trips",
        blocking=True,
        additional_deps=["rejected_trips"],
        required_resource_keys={"step_launcher", "tables"},
        description=f"At most {LARGEST_REJECTED_SHARE:.0%} of the trips that the run took were rejected.",
    )
    def few_trips_are_rejected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.ingestion.quality import rejections

        taken = _days_taken(context, target, daily).within
        trips, kept_aside = (context.resources.tables.read(name).where(taken) for name in ("trips", "rejected_trips"))
        reasons = rejections(kept_aside)
        accepted, rejected = trips.count(), sum(reasons.values())
        passed = rejected <= LARGEST_REJECTED_SHARE * (accepted + rejected)
        return dg.AssetCheckResult(
            passed=passed,
            description=None
            if passed
            else f"{rejected} of {accepted + rejected} trips were rejected: the table rejected_trips has the reasons",
            metadata={"accepted": accepted, "rejected": rejected, "rejected_by_reason": reasons},
        )

    @dg.asset_check(
        asset="trips",
        required_resource_keys={"step_launcher", "tables"},
        description="Every trip's day is a partition of the target, so that its features and predictions are built.",
    )
    def trips_are_within_partitions(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.training.split import day_range

        first, last = day_range(context.resources.tables.read("trips"))
        end = target.last_day or date.today()
        return dg.AssetCheckResult(
            passed=first is not None and target.first_day <= first and last <= end,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Trips are of {first} to {last}, partitions of {target.first_day} to {end}: "
            "first_day and last_day in databricks.yml say which days are built.",
            metadata={"first_day": str(first), "last_day": str(last)},
        )

    return [few_trips_are_rejected, trips_are_within_partitions]
