"""The tables that assets are: columns, keys, and what one write replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from my_mlops_stacks.deployment.batch_inference.columns import HISTORY_KEY, PREDICTION_COLUMNS
from my_mlops_stacks.feature_engineering.feature_tables import (
    DROPOFF_COLUMNS,
    DROPOFF_TABLE,
    PICKUP_COLUMNS,
    PICKUP_TABLE,
    PRIMARY_KEYS,
    TIMESERIES_COLUMN,
)
from my_mlops_stacks.ingestion.columns import REJECTED_COLUMNS, TRIP_COLUMNS
from my_mlops_stacks.monitoring.columns import DRIFT_COLUMNS, PROFILE_COLUMNS
from my_mlops_stacks.names import require_columns, require_table
from my_mlops_stacks.training.columns import INPUT_COLUMNS
from my_mlops_stacks.training.lookups import LOOKED_UP

PARTITION_COLUMN = "day"


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


def _from_trips(**sources: str) -> dict[str, list[tuple[str, str]]]:
    """Lineage of columns that are made of columns of `trips`, named with spaces between them."""
    return {column: [("trips", name) for name in names.split()] for column, names in sources.items()}


_INPUT_LINEAGE = _from_trips(
    **{name: name for name in INPUT_COLUMNS if name in TRIP_COLUMNS},
    pickup_hour="tpep_pickup_datetime",
    pickup_weekday="tpep_pickup_datetime",
    day="day",
)

TABLES: Mapping[str, TableSpec] = {
    "trips": TableSpec(TRIP_COLUMNS),
    "rejected_trips": TableSpec(REJECTED_COLUMNS),
    "trip_pickup_features": TableSpec(
        PICKUP_TABLE,
        _from_trips(
            zip="pickup_zip",
            ts="tpep_dropoff_datetime",
            mean_fare_window_1h_pickup_zip="fare_amount tpep_dropoff_datetime",
            count_trips_window_1h_pickup_zip="tpep_dropoff_datetime",
            day="tpep_dropoff_datetime",
        ),
        primary_keys=PRIMARY_KEYS,
        timeseries_column=TIMESERIES_COLUMN,
    ),
    "trip_dropoff_features": TableSpec(
        DROPOFF_TABLE,
        _from_trips(
            zip="dropoff_zip",
            ts="tpep_dropoff_datetime",
            count_trips_window_30m_dropoff_zip="tpep_dropoff_datetime",
            dropoff_is_weekend="tpep_dropoff_datetime",
            day="tpep_dropoff_datetime",
        ),
        primary_keys=PRIMARY_KEYS,
        timeseries_column=TIMESERIES_COLUMN,
    ),
    "predictions": TableSpec(
        INPUT_COLUMNS | PICKUP_COLUMNS | DROPOFF_COLUMNS | PREDICTION_COLUMNS,
        _INPUT_LINEAGE
        | {name: [("trip_pickup_features", name)] for name in PICKUP_COLUMNS}
        | {name: [("trip_dropoff_features", name)] for name in DROPOFF_COLUMNS},
        history_key=HISTORY_KEY,
    ),
    "inference_profile_metrics": TableSpec(PROFILE_COLUMNS),
    "inference_drift_metrics": TableSpec(DRIFT_COLUMNS),
}
for _name, _spec in TABLES.items():
    require_table(_name, "TABLES in defs/tables.py")
    require_columns(_spec.columns, f"the columns of the table '{_name}'")
require_columns((*INPUT_COLUMNS, *LOOKED_UP), "FEATURE_LOOKUPS in training/lookups.py beside INPUT_COLUMNS")
