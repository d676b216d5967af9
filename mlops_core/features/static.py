"""What is known of an entity from a time on: the rows of events as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mlops_core.balanced import all_of
from mlops_core.features.look_back import first_read
from mlops_core.features.windows import is_basis
from mlops_core.project import StaticTable
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME

PLACE, END, NEXT = "place_among_those_known_at_once", "end_of_the_row", "begin_of_the_next"


def static_rows(table: StaticTable, events: DataFrame, groups: Sequence[str] = ()) -> DataFrame:
    """One row for each entity, time at which an event of it was known, and value of the columns `groups` of `events`.

    An event without its entity is of none, and left out.
    """
    declared, sources = table.events, list(table.entity.values())
    of_an_entity = all_of(F.col(source).isNotNull() for source in sources)
    newest = Window.partitionBy(*groups, *sources, declared.known_at).orderBy(
        *(F.col(name).desc() for name in (declared.event_time, *declared.identity))
    )
    rows = events.where(is_basis(declared) & of_an_entity).withColumn(PLACE, F.row_number().over(newest))
    keys = (F.col(source).alias(key) for key, source in table.entity.items())
    ends = [F.col(table.until).alias(END)] if table.until else []
    begun = rows.where(f"{PLACE} = 1").select(
        *groups, *keys, F.col(declared.known_at).alias(TIME), *table.passed, *ends
    )
    return _with_ends(table, begun, groups) if table.until else begun


def _with_ends(table: StaticTable, begun: DataFrame, groups: Sequence[str]) -> DataFrame:
    """The rows, and one of nulls where a row ends before another of its entity begins."""
    following = F.lead(TIME).over(Window.partitionBy(*groups, *table.entity).orderBy(TIME))
    ended = begun.withColumn(NEXT, following).where(f"{END} > {TIME} AND ({NEXT} IS NULL OR {END} < {NEXT})")
    kinds = table.events.types
    nulls = (F.lit(None).cast(kinds[name]).alias(name) for name in table.passed)
    return begun.drop(END).union(ended.select(*groups, *table.entity, F.col(END).alias(TIME), *nulls))


def static_days(table: StaticTable, events: DataFrame, first_day: date | None, last_day: date) -> DataFrame:
    """As `static_rows`, of the events that can have been known in the days; without a first one, at any time before."""
    within = F.col(DAY) <= F.lit(last_day)
    if first_day is not None and not table.until:  # a row may end long after it began
        within &= F.col(DAY) >= F.lit(first_read(first_day, table.events.longest))
    return static_rows(table, events.where(within))
