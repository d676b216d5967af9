"""The rows that a model is trained and evaluated on, and the table versions that they come from."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import resources_of
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def frozen_events(project: Project, context: Context) -> tuple[int, DataFrame]:
    """The events as of one Delta version, and its number: later checks read these rows, whatever arrives meanwhile."""
    tables, name = resources_of(project, context).tables, project.events.name
    tables.read(name)  # says what to do when there is no table yet
    version = tables.version(name)
    return version, tables.read(name, version)


def other_events(project: Project, context: Context) -> dict[str, int]:
    """Table of events that only make features -> its newest version."""
    names = [events.name for events in project.event_tables if events.name != project.events.name]
    return {name: resources_of(project, context).tables.version(name) for name in names}


def feature_versions(project: Project, context: Context) -> dict[str, int]:
    """Feature table -> its newest version, which is the one that look-ups read."""
    tables = resources_of(project, context).tables
    names = dict.fromkeys(lookup.table_name for lookup in project.lookups)
    return {name: tables.version(name) for name in names if tables.exists(name)}


def training_set(project: Project, context: Context, rows: DataFrame, exclude: Sequence[str] = ()) -> Any:
    """The rows' inputs and labels, and the look-ups of the project."""
    from mlops_core.training.model_inputs import model_inputs

    label = project.events.label_column
    return resources_of(project, context).feature_store.create_training_set(
        df=model_inputs(project, rows, label),
        feature_lookups=list(project.lookups),
        label=label,
        exclude_columns=exclude,
    )


def looked_up(
    project: Project, context: Context, past: DataFrame, unseen: DataFrame, start: date
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """The rows to train on and those held out since `start`, in the order of time, with their time, the inputs, the
    features and the label: looked up together, for a look-up opens every file of its tables, whatever rows it is for.
    """
    import pandas as pd

    from mlops_core.training.model_inputs import as_declared
    from mlops_core.training.split import in_order_of_time

    together = training_set(project, context, past.unionByName(unseen)).load_df()
    rows = as_declared(project, in_order_of_time(project.events, together).toPandas())
    is_past = rows[project.events.event_time] < pd.Timestamp(start)
    return rows[is_past].reset_index(drop=True), rows[~is_past].reset_index(drop=True)
