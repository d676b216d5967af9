"""Trips from their source: the accepted ones, and the rejected ones with the reason."""

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from mlops_core.adapters.sources.generated_source import GeneratedTrips
from mlops_core.config import Target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.io_managers import REPLACED
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of_run, last_partition
from mlops_core.project import Project

if TYPE_CHECKING:
    from mlops_core.ingestion.days import TripDays

GENERATED = "generated"
"""Metadata of `trips`: whether the generator made them, so that nobody misses them."""


class TripsConfig(BoundedConfig):
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
    allow_removal: bool = Field(
        False, description="Whether many trips may go that the table has and the source no longer has"
    )


def ingestion_assets(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    raw = dg.AssetSpec(
        "raw_trips",
        group_name="ingestion",
        owners=[target.owner],
        description="Trips as they are delivered: a table on Databricks; here a file, a folder, or generated trips.",
        metadata={"source": target.trips_table or "TRIPS_PATH, or the generator"},
    )
    late_days = target.feature_engineering_workflow.late_days
    out = partial(
        dg.AssetOut,
        io_manager_key="table_io_manager",
        group_name="ingestion",
        owners=[target.owner],
        kinds={"spark", "delta"},
    )

    @dg.multi_asset(
        name="ingest_trips",
        backfill_policy=ONE_RUN_A_RANGE,
        deps=["raw_trips"],
        outs={
            "trips": out(
                description="Accepted trips, each once, also those whose drop-off and fare are not known yet. Times "
                "are New York wall clock, and nothing shifts them. "
                f"A run takes those of its days and, for late ones, of {late_days} days before.",
                code_version="2",
            ),
            "rejected_trips": out(
                description="Trips that were kept aside, with every reason that applies.",
                code_version="3",
            ),
        },
        required_resource_keys={"step_launcher", "trips_sources", "tables"},
    )
    def ingest_trips(context: dg.AssetExecutionContext, config: TripsConfig) -> tuple[dg.Output, dg.Output]:
        """Judge the trips of the run's days and, for those that were delivered late, of `late_days` before."""
        from mlops_core.ingestion.accept import accept, conform, require_acceptable

        source = context.resources.trips_sources.choose(
            path=config.path,
            times=config.times,
            rows=config.rows,
            seed=config.seed,
            drift_from=date.fromisoformat(config.drift_from) if config.drift_from else None,
        )
        days = days_taken(context, target, daily)
        trips = conform(source.read(), days)
        require_acceptable(trips, days)
        removed = _removed(context, trips, days, config.allow_removal)
        told: dict[str, Any] = {GENERATED: isinstance(source, GeneratedTrips), **removed}
        replaced: dict[str, Any] = {REPLACED: days.replaced} if days.replaced else {}
        accepted, rejected = accept(trips)
        return dg.Output(accepted, metadata=replaced | told), dg.Output(rejected, metadata=replaced)

    return [raw, ingest_trips]


def _removed(
    context: dg.AssetExecutionContext, trips: DataFrame, days: "TripDays", allowed: bool
) -> dict[str, dg.MetadataValue]:
    """How many trips and days of the table the source no longer has; refused when they are many."""
    from mlops_core.ingestion.removal import removal

    tables = context.resources.tables
    if not tables.exists("trips"):
        return {}
    found = removal(tables.read("trips").where(days.within), trips)
    if not (allowed or _were_generated(context.instance)):
        found.require_small()
    if found.trips:
        context.log.warning(f"The source lacks {found}: they are removed")
    removed_days = ", ".join(map(str, found.days))
    return {"removed_trips": dg.MetadataValue.int(found.trips), "removed_days": dg.MetadataValue.text(removed_days)}


def _were_generated(instance: dg.DagsterInstance) -> bool:
    event = instance.get_latest_materialization_event(dg.AssetKey("trips"))
    made = event.asset_materialization if event else None
    return bool(made and GENERATED in made.metadata and made.metadata[GENERATED].value)


def days_taken(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    target: Target,
    daily: dg.TimeWindowPartitionsDefinition,
) -> "TripDays":
    """All days for a run without partitions. At both ends of the partitions the days are open: no trip is left out."""
    from mlops_core.ingestion.days import ALL_DAYS, TripDays

    days = days_of_run(context)
    if days is None:
        return ALL_DAYS
    first, last = days[0] - timedelta(days=target.feature_engineering_workflow.late_days), days[1]
    newest = last_partition(daily)
    return TripDays(first if first > target.first_day else None, last if last < newest else None)
