"""When two computations of a feature give the same value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

FLOATS = ("float", "double")

TOLERANCE = 1e-5
"""Relative; tables may keep a feature as a 32-bit float."""

NOISE = 1e-12
"""Absolute: a sum that cancels to zero depends on the order of its terms."""


def is_same(left: Column, right: Column, kind: str) -> Column:
    """Equal, or floats that differ by less than 32 bits can tell apart; a null is the same as a null only.

    Args:
        kind: Spark's name of the type that the two have.
    """
    from pyspark.sql import functions as F

    if kind not in FLOATS:
        return left.eqNullSafe(right)
    apart = F.abs(left - right)
    is_finite = ~F.isnan(apart) & (apart < math.inf)
    near = is_finite & (apart <= TOLERANCE * F.greatest(F.abs(left), F.abs(right)) + NOISE)
    return left.eqNullSafe(right) | F.coalesce(near, F.lit(False))
