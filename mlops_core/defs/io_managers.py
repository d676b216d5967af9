"""How assets are stored: tables as Delta, models as aliases in the registry. An asset's key is its address."""

from collections.abc import Mapping
from datetime import date
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.aliases import give_alias
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.tables import Tables
from mlops_core.defs.ended_runs import require_running
from mlops_core.defs.metadata import markdown_table, markdown_tables
from mlops_core.defs.tables import PARTITION_COLUMN, TableSpec
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

PREVIEW_ROWS = 5
MAY_BE_EMPTY = "days_may_be_empty"
"""Metadata of an input whose partitions may be empty, such as a day that was deleted."""

REPLACED = "replaced"
"""Metadata of an output of an unpartitioned asset: in SQL, which rows of its table it replaces."""


class PartitionNotFoundError(LookupError):
    """The partitions to read are empty."""


class DeltaTableIOManager(dg.IOManager):
    """Stores a DataFrame as the Delta table of its asset's name.

    A partitioned asset replaces exactly the days of its run, an unpartitioned one what its metadata `REPLACED` says or
    else the whole table, each in one commit.
    """

    def __init__(self, specs: Mapping[str, TableSpec], tables: Tables, feature_store: FeatureStore) -> None:
        self.specs, self.tables, self.feature_store = specs, tables, feature_store

    def handle_output(self, context: dg.OutputContext, obj: "DataFrame") -> None:
        name = context.asset_key.path[-1]
        spec = self.specs[name]
        where = _predicate(context, spec)
        if spec.primary_keys:
            self.feature_store.create_table(
                name=name,
                primary_keys=list(spec.primary_keys),
                timeseries_column=spec.timeseries_column,
                partition_columns=list(spec.partitioned_by),
                df=obj.limit(0),
                description=context.asset_spec.description or "",
            )
        _require_running(context)
        self.tables.replace(name, obj, where, spec.partitioned_by)
        try:
            self._describe(context, name, spec, where)
        except Exception:  # whatever fails here: the rows are written, so the step has done its work
            context.log.warning(f"{self.tables.full_name(name)} is written, but not described", exc_info=True)

    def load_input(self, context: dg.InputContext) -> "DataFrame":
        name = context.asset_key.path[-1]
        rows = self.tables.read(name)
        if not context.has_asset_partitions:
            return rows
        asked = rows.where(_days(context))
        if not context.definition_metadata.get(MAY_BE_EMPTY) and not asked.take(1):
            raise PartitionNotFoundError(
                f"{self.tables.full_name(name)} has no row where {_days(context)}: materialize these partitions of "
                f"'{name}' first; if they are materialized, they are days without rows."
            )
        return asked

    def _describe(self, context: dg.OutputContext, name: str, spec: TableSpec, where: str | None) -> None:
        """Schema, lineage, row count and a preview of what was written: of each partition its own."""
        table = self.tables.read(name)
        written = table.where(where) if where else table
        metadata: dict[str, Any] = {
            "dagster/column_schema": spec.schema(),
            "dagster/table_name": self.tables.full_name(name),
            "delta_version": self.tables.version(name),
        }
        if spec.lineage:
            metadata["dagster/column_lineage"] = spec.column_lineage()
        previews = _previews(context, written)
        if context.has_asset_partitions:
            counts = {str(row[0]): row[1] for row in written.groupBy(PARTITION_COLUMN).count().collect()}
            for key in context.asset_partition_keys:
                seen = {"dagster/partition_row_count": counts.get(key, 0), **previews.get(key, {})}
                # OutputContext has no call for the metadata of one partition; the step that it belongs to has.
                context.step_context.add_asset_metadata(seen, context.asset_key, key)
            rows = sum(counts.values())
        else:
            rows = written.count()
            metadata |= {"dagster/row_count": table.count() if where else rows, **previews.get(None, {})}
        context.add_output_metadata(metadata)
        context.log.info(f"{self.tables.full_name(name)}: {rows} rows written")


def _previews(context: dg.OutputContext, written: "DataFrame") -> dict[str | None, dict[str, dg.MetadataValue]]:
    """Sample rows by partition key (None without partitions); empty when they can't be shown."""
    try:
        if context.has_asset_partitions:
            first = written.limit(PREVIEW_ROWS) if len(context.asset_partition_keys) == 1 else _of_each_day(written)
            return {day: _preview(table) for day, table in markdown_tables(_shown(first), PARTITION_COLUMN).items()}
        return {None: _preview(markdown_table(_shown(written.limit(PREVIEW_ROWS))))}
    except Exception:  # whatever fails here: the table is written and counted
        context.log.warning(f"The rows of {context.asset_key.to_user_string()} can't be previewed", exc_info=True)
        return {}


def _preview(table: str) -> dict[str, dg.MetadataValue]:
    return {"preview": dg.MetadataValue.md(table)}


def _of_each_day(rows: "DataFrame") -> "DataFrame":
    """`PREVIEW_ROWS` of each day, in one query."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    nth = F.row_number().over(Window.partitionBy(PARTITION_COLUMN).orderBy(PARTITION_COLUMN))
    return rows.withColumn("nth", nth).where(F.col("nth") <= PREVIEW_ROWS).drop("nth")


def _shown(rows: "DataFrame") -> "pd.DataFrame":
    """The rows for display: times as Spark formats them, since pandas holds no time after 2262."""
    times = [name for name, kind in rows.dtypes if "timestamp" in kind or "date" in kind]
    return rows.withColumns({name: rows[name].cast("string") for name in times}).toPandas()


def _predicate(context: dg.OutputContext, spec: TableSpec) -> str | None:
    """The predicate of the write: the run's days, restricted to rows with the same history key."""
    if not context.has_asset_partitions:
        return _plain(context.output_metadata.get(REPLACED))
    key = {name: context.output_metadata[name] for name in spec.history_key}
    return " AND ".join([_days(context), *(f"{name} = {_literal(value)}" for name, value in key.items())])


def _days(context: dg.OutputContext | dg.InputContext) -> str:
    keys = context.asset_partition_key_range
    start, end = date.fromisoformat(keys.start), date.fromisoformat(keys.end)
    return f"{PARTITION_COLUMN} BETWEEN DATE'{start}' AND DATE'{end}'"


def _literal(value: Any) -> str:
    plain = _plain(value)
    return str(plain) if isinstance(plain, int) else "'{}'".format(str(plain).replace("'", "''"))


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


class ModelAliasIOManager(dg.IOManager):
    """Stores a model version by giving it the alias of its asset; a run takes the version that it made itself."""

    def __init__(self, registry: ModelRegistry, aliases: Mapping[str, str]) -> None:
        self.registry, self.aliases = registry, aliases

    def handle_output(self, context: dg.OutputContext, obj: ModelVersion) -> None:
        alias, still_runs = self.aliases[context.asset_key.path[-1]], partial(_require_running, context)
        still_runs()
        with registry_answers(self.registry.tracking_uri):
            run = self.registry.run_url(obj)
            self.registry.write(obj, VersionRecord(outputs={alias: context.run_id}))
        seen: dict[str, Any] = {
            "alias": alias,
            **({} if alias == CHAMPION else {"model_name": obj.name, "version": obj.version}),  # its asset tells both
            "model_version_page": dg.MetadataValue.url(self.registry.version_url(obj)),
            "mlflow_run": dg.MetadataValue.url(run),
        }
        from_version = _plain(context.output_metadata.get("from_version"))
        give_alias(self.registry, alias, obj, may_move=still_runs, from_version=from_version)
        context.add_output_metadata(seen)
        context.log.info(f"{obj.name} version {obj.version} holds the alias '{alias}'")

    def load_input(self, context: dg.InputContext) -> ModelVersion:
        """The version that this run, or the run that it continues, made; who holds the alias when neither made one.

        A run carries its version up to the promotion: the champion is whoever holds the alias, after a rollback too.
        """
        alias = self.aliases[context.asset_key.path[-1]]
        with registry_answers(self.registry.tracking_uri):
            if alias == CHAMPION:
                return self.registry.at_alias(alias)
            if (made_in := _run_of(context)) is not None:
                return self.registry.output_of(made_in, alias)
            continued = self.registry.find_output(alias, _repeated_runs(context))
            return continued or self.registry.at_alias(alias)


def _require_running(context: dg.OutputContext) -> None:
    require_running(context.step_context.instance, context.run_id)


def _run_of(context: dg.InputContext) -> str | None:
    """The run whose step made the input: this one, or the one whose steps it repeats; None without such a step."""
    upstream = context.upstream_output
    return upstream.run_id if upstream is not None and upstream.run_id != _no_run() else None


@cache
def _no_run() -> str:
    """What Dagster says for the run of an asset that no step of this run makes.

    Built lazily: building a context imports Dagster's storage, half of Dagster's import time.
    """
    return dg.build_output_context().run_id


def _repeated_runs(context: dg.InputContext) -> list[str]:
    """The runs that this one repeats for a part of their assets, the newest first."""
    step, runs = context.step_context, list[str]()
    run: dg.DagsterRun | None = step.dagster_run
    while run is not None and run.parent_run_id is not None:
        runs.append(run.parent_run_id)
        run = step.instance.get_run_by_id(run.parent_run_id)
    return runs
