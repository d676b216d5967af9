"""The tables that assets are: columns, keys, and what one write replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from mlops_core.project import FeatureTable
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME
from mlops_core.project.names import require_columns, require_table
from my_mlops_stacks.deployment.batch_inference.columns import HISTORY_KEY, PREDICTION_COLUMNS
from my_mlops_stacks.ingestion.columns import REJECTED_COLUMNS, TRIP_COLUMNS
from my_mlops_stacks.monitoring.columns import DRIFT_COLUMNS, PROFILE_COLUMNS
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks.training.columns import INPUT_COLUMNS

PARTITION_COLUMN = DAY


@dataclass(frozen=True)
class TableSpec:
    """One Delta table, addressed by its asset's key.

    `columns` maps a name to its Spark type and its meaning; `lineage` maps a column to those that it is made of, as
    (asset, column). A write replaces the days that it brings; with `history_key`, only their rows with the same key.
    """

    columns: Mapping[str, tuple[str, str]]
    lineage: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    partitioned_by: tuple[str, ...] = (PARTITION_COLUMN,)
    history_key: tuple[str, ...] = ()
    primary_keys: tuple[str, ...] = ()
    timeseries_column: str | None = None

    def schema(self) -> dg.TableSchema:
        return dg.TableSchema(
            [dg.TableColumn(name, kind, description=text) for name, (kind, text) in self.columns.items()]
        )

    def column_lineage(self) -> dg.TableColumnLineage:
        return dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(dg.AssetKey(asset), source) for asset, source in sources]
                for column, sources in self.lineage.items()
            }
        )


def _feature_table(table: FeatureTable) -> TableSpec:
    return TableSpec(table.columns, table.lineage, primary_keys=table.primary_keys, timeseries_column=TIME)


def _from_trips(**sources: str) -> dict[str, list[tuple[str, str]]]:
    """Lineage of columns that are made of columns of `trips`, named with spaces between them."""
    return {column: [("trips", name) for name in names.split()] for column, names in sources.items()}


_INPUT_LINEAGE = _from_trips(
    **{name: name for name in INPUT_COLUMNS if name in TRIP_COLUMNS},
    pickup_hour="tpep_pickup_datetime",
    pickup_weekday="tpep_pickup_datetime",
    day="day",
)

_LOOKED_UP = {
    output: PROJECT.table(table).feature_columns[feature] for output, (table, feature) in PROJECT.looked_up_from.items()
}

TABLES: Mapping[str, TableSpec] = {
    "trips": TableSpec(TRIP_COLUMNS),
    "rejected_trips": TableSpec(REJECTED_COLUMNS),
    **{table.name: _feature_table(table) for table in PROJECT.feature_tables},
    "predictions": TableSpec(
        INPUT_COLUMNS | _LOOKED_UP | PREDICTION_COLUMNS,
        _INPUT_LINEAGE | {output: [source] for output, source in PROJECT.looked_up_from.items()},
        history_key=HISTORY_KEY,
    ),
    "inference_profile_metrics": TableSpec(PROFILE_COLUMNS),
    "inference_drift_metrics": TableSpec(DRIFT_COLUMNS),
}
for _name, _spec in TABLES.items():
    require_table(_name, "TABLES in defs/tables.py")
    require_columns(_spec.columns, f"the columns of the table '{_name}'")
require_columns((*INPUT_COLUMNS, *PROJECT.looked_up), "The features that project.py looks up beside INPUT_COLUMNS")
