"""The feature tables: windows over trips that have ended, one partition a day."""

import dagster as dg

from my_mlops_stacks.defs.annotations import DataFrame
from my_mlops_stacks.defs.partitions import ONE_RUN_A_RANGE, days_of, days_of_run
from my_mlops_stacks.target import Target


def feature_engineering_assets(target: Target, daily: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    common = {
        "group_name": "feature_engineering",
        "owners": [target.owner],
        "kinds": {"spark", "delta", "featuretable"},
        "partitions_def": daily,
        "backfill_policy": ONE_RUN_A_RANGE,
        "io_manager_key": "table_io_manager",
        "required_resource_keys": {"step_launcher"},
    }

    @dg.asset(**common, code_version="1")
    def trip_pickup_features(context: dg.AssetExecutionContext, trips: DataFrame) -> DataFrame:
        """Mean fare and number of trips per pickup zip, in windows of an hour that slide by a quarter of an hour.

        A window ends at `ts` and holds the trips that ended in the hour before, so that a look-up at a pickup time
        finds only fares that were known by then. Partition D holds the windows that end in D.
        """
        from my_mlops_stacks.feature_engineering.features.pickup_features import compute_pickup_features

        return compute_pickup_features(trips, *days_of(context))

    @dg.asset(**common, code_version="1")
    def trip_dropoff_features(context: dg.AssetExecutionContext, trips: DataFrame) -> DataFrame:
        """Number of trips per drop-off zip in windows of half an hour, and whether the window ends on a weekend.

        A window ends at `ts` and holds the trips that ended in the half hour before. Partition D holds the windows
        that end in D.
        """
        from my_mlops_stacks.feature_engineering.features.dropoff_features import compute_dropoff_features

        return compute_dropoff_features(trips, *days_of(context))

    return [trip_pickup_features, trip_dropoff_features]


def feature_engineering_checks() -> list[dg.AssetChecksDefinition]:
    return [_keys_are_unique("trip_pickup_features"), _keys_are_unique("trip_dropoff_features")]


def _keys_are_unique(asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name="keys_are_unique_and_not_null",
        blocking=True,
        required_resource_keys={"step_launcher", "tables"},
        description="A look-up finds at most one row for a zip and a time; asked of the days of the run.",
    )
    def keys_are_unique_and_not_null(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.feature_engineering.quality import key_faults

        faults = key_faults(context.resources.tables.read(asset), days_of_run(context))
        return dg.AssetCheckResult(passed=not any(faults.values()), metadata=faults)

    return keys_are_unique_and_not_null
