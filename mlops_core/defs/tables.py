"""The assets' tables: columns, keys, and what a write replaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from mlops_core.defs.names import key_of
from mlops_core.deployment.prediction_columns import HISTORY_KEY, prediction_columns
from mlops_core.ingestion.columns import accepted_columns, rejected_columns
from mlops_core.monitoring.columns import DRIFT_COLUMNS, profile_columns
from mlops_core.project import FeatureTable, Project
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME
from mlops_core.project.names import require_columns, require_table

PARTITION_COLUMN = DAY


@dataclass(frozen=True)
class TableSpec:
    """One Delta table, addressed by its asset's key.

    `columns` maps a name to its Spark type and its meaning; `lineage` maps a column to those that it is made of, as
    (asset, column). A write replaces the days that it brings; with `history_key`, only their rows with the same key.
    """

    columns: Mapping[str, tuple[str, str]]
    lineage: Mapping[str, Sequence[tuple[dg.AssetKey, str]]] = field(default_factory=dict)
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
                column: [dg.TableColumnDep(asset, source) for asset, source in sources]
                for column, sources in self.lineage.items()
            }
        )


def _feature_table(project: Project, table: FeatureTable) -> TableSpec:
    lineage = _as_keys(project, table.lineage)
    return TableSpec(table.columns, lineage, primary_keys=table.primary_keys, timeseries_column=TIME)


def tables_of(project: Project) -> Mapping[str, TableSpec]:
    """Every table of the project by its name, which is its asset's."""
    tables = {
        **{
            events.name: TableSpec(accepted_columns(events), _as_keys(project, events.label_lineage))
            for events in project.event_tables
        },
        **{events.rejected_name: TableSpec(rejected_columns(events.delivered)) for events in project.event_tables},
        **{table.name: _feature_table(project, table) for table in project.feature_tables},
    }
    for each in project.each:
        tables |= {each.scoped(name): spec for name, spec in _tables_of_model(each).items()}
    for name, spec in tables.items():
        require_table(name, f"The tables of {project.package}")
        require_columns(spec.columns, f"The columns of the table '{name}'")
    return tables


def _tables_of_model(project: Project) -> dict[str, TableSpec]:
    return {
        "predictions": TableSpec(
            project.predicted_columns | prediction_columns(project), _lineage(project), history_key=HISTORY_KEY
        ),
        "inference_profile_metrics": TableSpec(profile_columns(project)),
        "inference_drift_metrics": TableSpec(DRIFT_COLUMNS),
    }


def _lineage(project: Project) -> dict[str, list[tuple[dg.AssetKey, str]]]:
    """Columns of the predictions -> the columns of other tables that they are made of."""
    events = project.events
    own = {column.name: project.sources(column) for column in project.inputs}
    own |= {name: (name,) for name in (events.event_time, *project.carried, DAY)}
    lineage = {name: [(events.name, source) for source in sources] for name, sources in own.items()}
    return _as_keys(project, lineage | {output: [source] for output, source in project.looked_up_from.items()})


def _as_keys(
    project: Project, lineage: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, list[tuple[dg.AssetKey, str]]]:
    return {name: [(key_of(project, asset), source) for asset, source in each] for name, each in lineage.items()}
