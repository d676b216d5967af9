"""The feature tables of the project: one asset each, one partition a day."""

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.partitions import ONE_RUN_A_RANGE, days_of, days_of_run
from mlops_core.project import FeatureTable, Project


def feature_engineering_assets(
    project: Project, target: Target, daily: dg.PartitionsDefinition
) -> list[dg.AssetsDefinition]:
    return [_feature_table(project, table, target, daily) for table in project.feature_tables]


def feature_engineering_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    return [_keys_are_unique(project, table) for table in project.feature_tables]


def _feature_table(
    project: Project, table: FeatureTable, target: Target, daily: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    @dg.asset(
        key=key_of(project, table.name),
        ins={events.name: dg.AssetIn(key_of(project, events.name)) for events in table.sources},
        group_name=project.named("feature_engineering"),
        owners=[target.owner],
        kinds={"spark", "delta", "featuretable"},
        partitions_def=daily,
        backfill_policy=ONE_RUN_A_RANGE,
        io_manager_key=project.named("table_io_manager"),
        required_resource_keys=needed(project, "step_launcher"),
        code_version=table.version,
        description=f"{table.meaning}\n\n{table.timing} Partition D holds the rows whose `ts` is in D.",
    )
    def feature_table(context: dg.AssetExecutionContext, **rows: DataFrame) -> DataFrame:
        from mlops_core.features.tables import compute_features

        first, last = days_of(context)
        events, *beside = (rows[each.name] for each in table.sources)
        return compute_features(table, events, first, last, *beside, opens=first == target.first_day)

    return feature_table


def _keys_are_unique(project: Project, table: FeatureTable) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(project, table.name),
        name="keys_are_unique_and_not_null",
        blocking=True,
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"At most one row has the same {', '.join(table.primary_keys)}; asked of the days of the run.",
    )
    def keys_are_unique_and_not_null(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.features.quality import key_faults

        faults = key_faults(
            resources_of(project, context).tables.read(table.name), table.primary_keys, days_of_run(context)
        )
        keys = ", ".join(table.primary_keys)
        why = f"{faults['null_keys']:,} rows have a null in {keys}, {faults['duplicate_keys']:,} a key that another has"
        passed = not any(faults.values())
        return dg.AssetCheckResult(passed=passed, metadata=faults, description=None if passed else why)

    return keys_are_unique_and_not_null
