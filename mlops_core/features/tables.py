"""The rows of a feature table for a range of days."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.features.static import static_days
from mlops_core.features.windows import window_rows
from mlops_core.project import ComputedTable, FeatureTable, StaticTable, WindowTable
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME


def compute_features(
    table: FeatureTable, events: DataFrame, first_day: date, last_day: date, *, opens: bool = False
) -> DataFrame:
    """The rows of `table` whose `ts` is in [`first_day`, `last_day`].

    Args:
        events: accepted events with their `day`; may hold any days, those of the look-back are needed.
        opens: whether no partition is before `first_day`: that of a static table then has what was known before it too.

    Returns: the table's columns, its partition `day` included.

    Raises:
        MissingFeatureError: the project's own function left out a column that it declares.
    """
    if opens and isinstance(table, StaticTable):
        known = static_days(table, events, None, last_day)
        rows = known.withColumn(DAY, F.greatest(F.to_date(TIME), F.lit(first_day)))
    else:
        rows = feature_rows(table, events, first_day, last_day).withColumn(DAY, F.to_date(TIME))
    return rows.where(F.col(DAY).between(F.lit(first_day), F.lit(last_day)))


class MissingFeatureError(ValueError):
    """A function of a project doesn't make a column that its table declares."""


def feature_rows(table: FeatureTable, events: DataFrame, first_day: date, last_day: date) -> DataFrame:
    """As `compute_features`, without `day`; may hold rows of other days too."""
    if isinstance(table, WindowTable):
        return window_rows(table, events, first_day, last_day)
    if isinstance(table, StaticTable):
        return static_days(table, events, first_day, last_day)
    if isinstance(table, ComputedTable):
        return _computed(table, events, first_day, last_day)
    raise TypeError(f"Nothing computes the feature table '{table.name}', a {type(table).__name__}.")


def _computed(table: ComputedTable, events: DataFrame, first_day: date, last_day: date) -> DataFrame:
    oldest = first_day - table.look_back
    made = table.compute(events.where(F.col(DAY).between(F.lit(oldest), F.lit(last_day))), first_day, last_day)
    missing = [name for name in (*table.primary_keys, *table.feature_columns) if name not in made.columns]
    if missing:
        raise MissingFeatureError(
            f"Feature table '{table.name}': its function makes no column {', '.join(missing)}, "
            f"only {', '.join(made.columns)}."
        )
    typed = [F.col(name).cast(kind).alias(name) for name, (kind, _) in table.feature_columns.items()]
    return made.select(*table.primary_keys, *typed)
