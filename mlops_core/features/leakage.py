"""Features that know the future, found by computing them again without it.

For a row that looks features up at a moment, every table of events is cut at that moment: only those that were known
before it, by their own `known_at`, are left. The project's own feature code runs on them, and the newest row that it
makes must be what the feature store looked up. Whatever the code peeks at is gone, so features that peeked differ;
nobody has to say how a feature is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mlops_core.balanced import all_of, any_of
from mlops_core.features.static import static_rows
from mlops_core.features.tables import declared_columns, feature_rows
from mlops_core.features.windows import MICROSECOND, sliding
from mlops_core.project import FeatureLookup, FeatureTable, Project, StaticTable, WindowTable
from mlops_core.project.events import DAY
from mlops_core.project.feature_tables import TIME
from mlops_core.same_value import is_same

MOMENTS = 20
"""Rows of which a function of the project's own is called as of the moment; other tables are made of all at once."""

EXPECTED, ROW, MOMENT, KEY = "expected_{}", "leakage_row", "leakage_moment", "leakage_key_{}"


def leakage_violations(
    project: Project, events: Mapping[str, DataFrame], looked_up: DataFrame
) -> list[dict[str, object]]:
    """Rows whose looked-up features differ from those that were known at their moment; empty without a leak.

    Args:
        events: of each table of `project.event_tables` all accepted events, as they are now, with their `day`.
        looked_up: a sample of the predicted events with what the project's look-ups put out for them.

    Returns: the columns of `looked_up` and, of each feature, `expected_<name>`; times are texts.

    Raises:
        ValueError: a feature of the project is not among the columns of `looked_up`.
    """
    missing = [name for name in project.looked_up if name not in looked_up.columns]
    if missing:
        raise ValueError(f"{', '.join(missing)} was not looked up, so nothing shows whether features leak.")
    if not project.lookups:
        return []
    rows = looked_up.withColumn(ROW, F.monotonically_increasing_id())
    rows = rows.sparkSession.createDataFrame(rows.toArrow())  # a sample: its row numbers must not be drawn again
    compared, differs, kinds = rows, [], dict(rows.dtypes)
    for lookup in project.lookups:
        table = project.table(lookup.table_name)
        known, checked = _known(table, lookup, events, rows)
        outputs = project.outputs(lookup)
        expected = known.select(
            ROW, *(F.col(name).alias(EXPECTED.format(put_out)) for name, put_out in outputs.items())
        )
        compared = _with_defaults(compared.join(expected, ROW, "left"), lookup)
        unequal = any_of(
            ~is_same(compared[name], compared[EXPECTED.format(name)], kinds[name]) for name in outputs.values()
        )
        differs.append(unequal if checked is None else unequal & F.col(ROW).isin(checked))
    found = compared.where(any_of(differs)).orderBy(ROW).drop(ROW)
    times = [name for name, kind in found.dtypes if kind.startswith("timestamp")]
    shown = found.withColumns({name: found[name].cast("string") for name in times})  # not in this machine's zone
    return [row.asDict() for row in shown.collect()]


def _known(
    table: FeatureTable, lookup: FeatureLookup, tables: Mapping[str, DataFrame], rows: DataFrame
) -> tuple[DataFrame, list[int] | None]:
    """`ROW` and the features that a look-up could find at its moment; and which rows were looked at, None for all."""
    events = declared_columns(table.events, tables[table.events.name])
    sources = zip(lookup.keys, table.entity, strict=True)
    keys = {KEY.format(entity): F.col(name) for name, entity in sources}
    asked = rows.select(
        ROW, F.col(lookup.timestamp_lookup_key or "").alias(MOMENT), *(key.alias(name) for name, key in keys.items())
    )
    if isinstance(table, WindowTable):
        known = _of_entity(table, events, asked).where(F.col(table.events.known_at) < F.col(MOMENT))
        return _newest(sliding(table, known, [ROW, MOMENT]), lookup), None
    if isinstance(table, StaticTable):  # a row is known at its time, a window just before it
        known = _of_entity(table, events, asked).where(F.col(table.events.known_at) <= F.col(MOMENT))
        return _newest(static_rows(table, known, [ROW, MOMENT]), lookup), None
    made, checked = _calls(table, lookup, [tables[each.name] for each in table.sources], asked)
    return _newest(made, lookup), checked


def _of_entity(table: FeatureTable, events: DataFrame, asked: DataFrame) -> DataFrame:
    """The events of the entity that each row looks up, beside its `ROW` and `MOMENT`."""
    same = all_of((events[source] == asked[KEY.format(key)] for key, source in table.entity.items()))
    return events.join(asked, same)


def _calls(
    table: FeatureTable, lookup: FeatureLookup, sources: Sequence[DataFrame], asked: DataFrame
) -> tuple[DataFrame, list[int]]:
    """What the project's own function makes for each of some rows, of the events known before its moment."""
    chosen = asked.select(ROW, F.col(MOMENT).cast("string").alias("at")).orderBy(ROW).limit(MOMENTS).collect()
    first = sources[0].agg(F.min(DAY).alias("day")).collect()[0]["day"]
    calls = []
    for row in chosen:
        at = F.lit(row["at"]).cast("timestamp")
        day = date.fromisoformat(row["at"][:10])
        oldest = max(first, day - lookup.lookback_window) if lookup.lookback_window else first
        declared = zip(table.sources, sources, strict=True)
        events, *beside = (rows.where(F.col(each.known_at) < at) for each, rows in declared)
        made = feature_rows(table, events, oldest, day, *beside)
        one = asked.where(F.col(ROW) == row[ROW])
        same = all_of(made[key] == one[KEY.format(key)] for key in table.entity)
        calls.append(made.join(one, same))
    return reduce(DataFrame.unionByName, calls), [row[ROW] for row in chosen]


def _newest(made: DataFrame, lookup: FeatureLookup) -> DataFrame:
    """Of each row the newest features that its look-up takes."""
    known = made.where(F.col(TIME) <= F.col(MOMENT))
    if lookup.lookback_window is not None:
        age = F.unix_micros(MOMENT) - F.unix_micros(TIME)
        known = known.where(age <= lookup.lookback_window // MICROSECOND)
    newest_first = Window.partitionBy(ROW).orderBy(F.col(TIME).desc())
    return known.withColumn("place", F.row_number().over(newest_first)).where("place = 1")


def _with_defaults(compared: DataFrame, lookup: FeatureLookup) -> DataFrame:
    defaults = {EXPECTED.format(name): value for name, value in (lookup.default_values or {}).items()}
    return compared.fillna(defaults) if defaults else compared
