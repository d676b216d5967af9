"""The slices in which a day is looked at besides as a whole: by zip of pickup, hour of pickup and distance."""

from __future__ import annotations

from itertools import pairwise

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

DISTANCE_BANDS = (1.0, 2.0, 4.0, 8.0)
"""Where one band of trip distances ends and the next begins, in miles."""

SLICE = ("slice_key", "slice_value")
SLICED_BY = ("pickup_zip", "pickup_hour", "distance_band")


def with_slices(labelled: DataFrame) -> DataFrame:
    """The rows with a text column for each of `SLICED_BY`; the texts of one column sort by their values."""
    hour = F.format_string("%02d", F.hour("tpep_pickup_datetime"))
    return labelled.withColumns(
        {"pickup_zip": F.col("pickup_zip").cast("string"), "pickup_hour": hour, "distance_band": _band()}
    )


def grouping_sets(keys: tuple[str, ...]) -> str:
    """SQL that groups by `keys` alone, and by them and each of `SLICED_BY`, in one pass over the rows."""
    sets = [", ".join(names) for names in (keys, *((*keys, name) for name in SLICED_BY))]
    return f"GROUPING SETS (({'), ('.join(sets)}))"


def slice_columns() -> str:
    """SQL for `slice_key` and `slice_value` of a group of `grouping_sets`; both null for all rows."""
    key = " ".join(f"WHEN grouping({name}) = 0 THEN '{name}'" for name in SLICED_BY)
    return f"CASE {key} END AS slice_key, coalesce({', '.join(SLICED_BY)}) AS slice_value"


def _band() -> Column:
    """The band of `trip_distance`, its lower end included."""
    miles = F.col("trip_distance")
    band = F.when(miles < DISTANCE_BANDS[0], f"0 to {DISTANCE_BANDS[0]:g} mi")
    for low, high in pairwise(DISTANCE_BANDS):
        band = band.when(miles < high, f"{low:g} to {high:g} mi")
    return band.when(miles >= DISTANCE_BANDS[-1], f"{DISTANCE_BANDS[-1]:g} mi and more")
