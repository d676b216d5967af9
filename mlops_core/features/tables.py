"""The rows of a feature table for a range of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.features.look_back import first_read
from mlops_core.features.static import static_days
from mlops_core.features.windows import window_rows
from mlops_core.project import ComputedTable, EventTable, FeatureTable, StaticTable, WindowTable
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME


def compute_features(
    table: FeatureTable, events: DataFrame, first_day: date, last_day: date, *beside: DataFrame, opens: bool = False
) -> DataFrame:
    """The rows of `table` whose `ts` is in [`first_day`, `last_day`].

    Args:
        events: accepted events with their `day`; may hold any days, those of the look-back are needed.
        beside: the events of each other table that `table` is made of, in its order.
        opens: whether no partition is before `first_day`: that of a static table then has what was known before it too.

    Returns: the table's columns, its partition `day` included.

    Raises:
        WrongFeaturesError: the project's own function left out a column that its table declares, or made it of another
            type, or made rows of other days only.
    """
    if opens and isinstance(table, StaticTable):
        known = static_days(table, declared_columns(table.events, events), None, last_day)
        made = known.withColumn(DAY, F.greatest(F.to_date(TIME), F.lit(first_day)))
    else:
        made = feature_rows(table, events, first_day, last_day, *beside).withColumn(DAY, F.to_date(TIME))
    rows = made.where(F.col(DAY).between(F.lit(first_day), F.lit(last_day)))
    if isinstance(table, ComputedTable) and rows.isEmpty() and not made.isEmpty():
        raise WrongFeaturesError(
            f"Feature table '{table.name}': its function makes no row whose {TIME} is of the days asked for, "
            f"{first_day} to {last_day}."
        )
    return rows


def declared_columns(declared: EventTable, events: DataFrame) -> DataFrame:
    """The events without what is not declared of them, such as a label that is known later than these are."""
    return events.select(*(name for name in events.columns if name in (*declared.types, DAY)))


class WrongFeaturesError(ValueError):
    """A function of a project doesn't make what its table declares."""


def feature_rows(
    table: FeatureTable, events: DataFrame, first_day: date, last_day: date, *beside: DataFrame
) -> DataFrame:
    """As `compute_features`, without `day`; may hold rows of other days too."""
    sources = zip(table.sources, (events, *beside), strict=True)
    events, *others = (declared_columns(declared, rows) for declared, rows in sources)
    if isinstance(table, WindowTable):
        return window_rows(table, events, first_day, last_day)
    if isinstance(table, StaticTable):
        return static_days(table, events, first_day, last_day)
    if isinstance(table, ComputedTable):
        return _computed(table, [events, *others], first_day, last_day)
    raise TypeError(f"Nothing computes the feature table '{table.name}', a {type(table).__name__}.")


def _computed(table: ComputedTable, sources: Sequence[DataFrame], first_day: date, last_day: date) -> DataFrame:
    within = F.col(DAY).between(F.lit(first_read(first_day, table.look_back)), F.lit(last_day))
    events, *beside = (each.where(within) for each in sources)
    made = table.compute(events, first_day, last_day, *beside)
    _require_columns(table, made)
    typed = [F.col(name).cast(kind).alias(name) for name, (kind, _) in table.feature_columns.items()]
    return made.select(*table.primary_keys, *typed)


def _require_columns(table: ComputedTable, made: object) -> None:
    """Refuse what is no DataFrame with the keys and features of the table, of such types."""
    place = f"Feature table '{table.name}': its function"
    if not isinstance(made, DataFrame):
        raise WrongFeaturesError(f"{place} gives a {type(made).__name__}: return a DataFrame of Spark.")
    types = dict(made.dtypes)
    if missing := [name for name in (*table.primary_keys, *table.feature_columns) if name not in types]:
        raise WrongFeaturesError(f"{place} makes no column {', '.join(missing)}, only {', '.join(types)}.")
    for name, (kind, _) in table.columns.items():
        if name != DAY and (types[name] != kind if name in table.primary_keys else _is_other(types[name], kind)):
            raise WrongFeaturesError(f"{place} makes '{name}' a {types[name]}, which is declared as {kind}: cast it.")


def _is_other(made: str, declared: str) -> bool:
    """Whether a cast could lose values, as of a text to a number."""
    exact = ("string", "boolean", "date", "timestamp")
    return made != declared and (made in exact or declared in exact)
