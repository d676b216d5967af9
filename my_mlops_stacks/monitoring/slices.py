"""The slices in which a day is looked at besides as a whole: by zip of pickup, hour of pickup and distance."""

from __future__ import annotations

from itertools import pairwise

from pyspark.sql import Column
from pyspark.sql import functions as F

DISTANCE_BANDS = (1.0, 2.0, 4.0, 8.0)
"""Where one band of trip distances ends and the next begins, in miles."""

SLICE = ("slice_key", "slice_value")
SLICED_BY = ("pickup_zip", "pickup_hour", "distance_band")


def slice_numbers() -> dict[str, Column]:
    """Columns `SLICED_BY`, all of them integers: rows are grouped by them, and the texts made of the groups."""
    reached = [(F.col("trip_distance") >= end).cast("int") for end in DISTANCE_BANDS]
    return {"pickup_hour": F.hour("tpep_pickup_datetime"), "distance_band": sum(reached, F.lit(0))}


def grouping_sets(keys: tuple[str, ...]) -> str:
    """SQL that groups by `keys` alone, and by them and each of `SLICED_BY`, in one pass over the rows."""
    sets = [", ".join(names) for names in (keys, *((*keys, name) for name in SLICED_BY))]
    return f"GROUPING SETS (({'), ('.join(sets)}))"


def slice_key() -> str:
    """SQL for the `slice_key` of a group of `grouping_sets`; null for all rows."""
    key = " ".join(f"WHEN grouping({name}) = 0 THEN '{name}'" for name in SLICED_BY)
    return f"CASE {key} END"


def slice_value() -> Column:
    """The text of a group, from its `slice_key` and its numbers; texts of one key sort by their values."""
    texts = {
        "pickup_zip": F.col("pickup_zip").cast("string"),
        "pickup_hour": F.format_string("%02d", "pickup_hour"),
        "distance_band": F.get(F.array(*(F.lit(text) for text in _band_texts())), "distance_band"),
    }
    return F.coalesce(*(F.when(F.col("slice_key") == key, text) for key, text in texts.items()))


def _band_texts() -> list[str]:
    """Of each band of `trip_distance`; its lower end is included."""
    between = [f"{low:g} to {high:g} mi" for low, high in pairwise((0.0, *DISTANCE_BANDS))]
    return [*between, f"{DISTANCE_BANDS[-1]:g} mi and more"]
