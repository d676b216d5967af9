"""Features recomputed from raw trips as of a moment: what the feature tables must agree with.

Deliberately another way than `features/`: it starts from one look-up, takes only trips that were over at that moment,
and finds the newest window among them. A trip that should not have been known cannot enter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from my_mlops_stacks.feature_engineering.features import dropoff_features, pickup_features
from my_mlops_stacks.feature_engineering.features.windows import DROPOFF, FARE, LONGEST_TRIP, MICROSECOND, PICKUP

TOLERANCE = 1e-5
"""Relative; the tables keep the mean fare as a 32-bit float."""

EXPECTED = "expected_{}"

RECOMPUTED = (
    "mean_fare_window_1h_pickup_zip",
    "count_trips_window_1h_pickup_zip",
    "count_trips_window_30m_dropoff_zip",
    "dropoff_is_weekend",
)
"""The features that `disagreements` recomputes. A look-up of any other is not proven free of leaks."""


def not_recomputed(features: Iterable[str]) -> list[str]:
    """The names among `features`, as look-ups put them out, that nothing here recomputes: nobody can vouch for them."""
    return [name for name in features if name not in RECOMPUTED]


def disagreements(
    trips: DataFrame,
    looked_up: DataFrame,
    lookback_windows: Mapping[str, timedelta | None] | None = None,
    default_values: Mapping[str, bool | float | str] | None = None,
) -> list[dict[str, object]]:
    """Rows whose looked-up features differ from those recomputed at their pickup time, a text; empty without a leak.

    Args:
        trips: all accepted trips, as they are now.
        looked_up: rows with `tpep_pickup_datetime`, `pickup_zip`, `dropoff_zip` and features by their names in the
            feature tables; those that are not there are not compared, and `not_recomputed` names those unknown here.
        lookback_windows: feature table -> the oldest age of a row that its look-up takes, inclusive; None is any age.
        default_values: feature -> what its look-up puts in the place of null.

    Raises:
        ValueError: there is no feature to compare.
    """
    rows = looked_up.withColumn("row", F.monotonically_increasing_id())
    rows = rows.sparkSession.createDataFrame(rows.toArrow())  # a sample: its row numbers must not be drawn again
    expected = _expected(trips, rows, lookback_windows or {})
    features = [name for name in RECOMPUTED if name in looked_up.columns]
    if not features:
        raise ValueError(f"None of {list(RECOMPUTED)} was looked up, so nothing shows whether features leak.")
    defaults = {EXPECTED.format(name): value for name, value in (default_values or {}).items() if name in features}
    recomputed = expected.select("row", *(F.col(name).alias(EXPECTED.format(name)) for name in features))
    compared = rows.join(recomputed, "row", "left")
    compared = compared.fillna(defaults) if defaults else compared
    differs = reduce(or_, (~_close(F.col(name), F.col(EXPECTED.format(name))) for name in features))
    found = compared.where(differs).orderBy("row")
    shown = found.withColumn(PICKUP, F.col(PICKUP).cast("string"))  # collected, a time would be this machine's
    return [row.asDict() for row in shown.collect()]


def _expected(trips: DataFrame, rows: DataFrame, oldest: Mapping[str, timedelta | None]) -> DataFrame:
    """`row` and the features of each row, by the names of the feature tables."""
    hour, quarter, half_hour = pickup_features.LENGTH, pickup_features.SLIDE, dropoff_features.LENGTH
    ages = oldest.get("trip_pickup_features"), oldest.get("trip_dropoff_features")
    pickups = _as_of(trips, rows, "pickup_zip", length=hour, slide=quarter, oldest=ages[0])
    dropoffs = _as_of(trips, rows, "dropoff_zip", length=half_hour, slide=half_hour, oldest=ages[1])
    weekend = F.dayofweek("ts").isin(dropoff_features.SUNDAY, dropoff_features.SATURDAY).cast("int")
    at_pickup = pickups.select(
        "row",
        F.col("mean_fare").alias("mean_fare_window_1h_pickup_zip"),
        F.col("trips").alias("count_trips_window_1h_pickup_zip"),
    )
    at_dropoff = dropoffs.select(
        "row", F.col("trips").alias("count_trips_window_30m_dropoff_zip"), weekend.alias("dropoff_is_weekend")
    )
    return at_pickup.join(at_dropoff, "row", "full")


def _as_of(
    trips: DataFrame, rows: DataFrame, key: str, *, length: timedelta, slide: timedelta, oldest: timedelta | None
) -> DataFrame:
    """`row`, `ts`, `mean_fare` and `trips` of the newest window that had ended, and was not empty, at each pickup.

    None for a pickup at which that window was older than `oldest`.
    """
    step, slices = int(slide.total_seconds()), length // slide
    asked = rows.select(
        "row", F.col(key).alias("zip"), F.unix_micros(PICKUP).alias("pickup"), _slice(PICKUP, step).alias("now")
    )
    length = F.unix_micros(DROPOFF) - F.unix_micros(PICKUP)
    ended = trips.where(F.col(FARE).isNotNull() & length.between(1, LONGEST_TRIP // MICROSECOND))
    ended = ended.select(F.col(key).alias("zip"), FARE, _slice(DROPOFF, step).alias("slice"))
    known = asked.join(ended, "zip").where(F.col("slice") < F.col("now"))
    sums = known.groupBy("row", "pickup", "now", "slice").agg(F.sum(FARE).alias("fares"), F.count("*").alias("trips"))
    newest_slice = F.max("slice").over(Window.partitionBy("row"))  # a join would read all files of the trips once more
    ends = sums.withColumn("end", F.least("now", newest_slice + slices))
    window = ends.where(F.col("slice").between(F.col("end") - slices, F.col("end") - 1))
    if oldest is not None:
        age = F.col("pickup") - F.col("end") * (step * 1_000_000)
        window = window.where(age <= oldest // MICROSECOND)
    return window.groupBy("row", F.timestamp_seconds(F.col("end") * step).alias("ts")).agg(
        (F.sum("fares") / F.sum("trips")).alias("mean_fare"), F.sum("trips").cast("int").alias("trips")
    )


def _slice(time: str, step: int) -> Column:
    return F.expr(f"unix_seconds({time}) div {step}")


def _close(found: Column, expected: Column) -> Column:
    """Equal, or different by less than a 32-bit float can tell apart; a null equals a null only."""
    difference = F.abs(found - expected) <= TOLERANCE * F.abs(expected)
    return F.coalesce(difference, found.isNull() & expected.isNull())
