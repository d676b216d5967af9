"""When a day's distributions differ from the training rows beyond noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import exp

from pyspark.sql import DataFrame

from mlops_core.monitoring.columns import PREDICTION
from mlops_core.monitoring.judged_windows import AsOf, Window

LARGE_CHANGE = 0.25
"""Population stability index above which a change is commonly called large."""
CHANCE = 1e-5
"""Significance level: a few rows can have a large index by chance alone.

So low that a dozen features on every day of ten years hardly ever raise a false alarm.
"""

QUERY = """
SELECT day, model_id, column_name, count, population_stability_index AS psi,
       CASE WHEN ks_test IS NOT NULL THEN ks_test.pvalue
            WHEN chi_squared_test IS NOT NULL THEN chi_squared_test.pvalue END AS pvalue,
       count - count_delta AS reference, percent_null_delta / 100 AS null_delta
FROM {drift}
WHERE drift_type = 'BASELINE' AND slice_key IS NULL AND population_stability_index IS NOT NULL AND day >= :first
ORDER BY psi DESC, column_name
"""
"""The columns of each day against the training rows, the largest change first.

A field of a struct is asked for only where the struct is not null: Sail 0.7 answers 0 for it, Apache Spark null.
"""


@dataclass(frozen=True)
class Comparison:
    """A column of a day against the training rows of the version that predicted it.

    Args:
        pvalue: Of the test of its values; None where one side has none to compare.
        reference: How many training rows it is compared with.
        null_delta: Share of nulls less that of the training rows.
    """

    day: date
    model_id: str
    column: str
    count: int
    psi: float
    pvalue: float | None
    reference: float | None
    null_delta: float | None

    def has_drifted(self, minimum_count: int) -> bool:
        """Whether the change is large and significant."""
        pvalue = 1.0 if self.pvalue is None else self.pvalue
        is_certain = min(pvalue, self.pvalue_of_nulls) < CHANCE
        return self.count >= minimum_count and self.psi > LARGE_CHANGE and is_certain

    @property
    def pvalue_of_nulls(self) -> float:
        """At most how likely so many more or fewer nulls are by chance; Kolmogorov-Smirnov does not see any.

        Hoeffding's bound for the difference of two means (Probability Inequalities for Sums of Bounded Random
        Variables, 1963, equation 2.7), of both signs.
        """
        if not self.count or not self.reference or self.null_delta is None:
            return 1.0
        return min(1.0, 2 * exp(-2 * self.null_delta**2 / (1 / self.count + 1 / self.reference)))


@dataclass(frozen=True)
class Drift:
    """The drift of the newest day: the index by column, and the columns that have drifted; the label is among them."""

    day: str | None
    model_id: str | None
    stability: Mapping[str, float]
    drifted: tuple[str, ...]
    label: str

    def of(self, *columns: str) -> Drift:
        """The same, of these columns only."""
        stability = {name: value for name, value in self.stability.items() if name in columns}
        drifted = tuple(name for name in self.drifted if name in columns)
        return replace(self, stability=stability, drifted=drifted)

    @property
    def features(self) -> Drift:
        return self.of(*(name for name in self.stability if name not in (PREDICTION, self.label)))

    @property
    def predictions(self) -> Drift:
        return self.of(PREDICTION)

    @property
    def is_missing(self) -> bool:
        """Whether the day was profiled but not compared: unknown drift is not the absence of drift."""
        return self.day is not None and not self.stability

    @property
    def is_fine(self) -> bool:
        return not self.drifted and not self.is_missing

    @property
    def reason(self) -> str:
        """One sentence for people."""
        if self.day is None:
            return "No day has been compared with the training rows yet"
        if self.is_missing:
            return (
                f"The drift of {self.day}, predicted by {self.model_id}, is not there yet: materialize "
                "inference_drift_metrics of that day; its log says so when the version's training rows are gone"
            )
        worst = ", ".join(f"{name} {value:.3f}" for name, value in list(self.stability.items())[:3])
        said = f"{', '.join(self.drifted)} drifted" if self.drifted else "Nothing drifted"
        return f"{said} on {self.day}: population stability index {worst} (large above {LARGE_CHANGE})"


def comparisons_of(drift: DataFrame, first: date) -> list[Comparison]:
    """What the drift metrics say of the days from `first` on, the largest change first."""
    rows = drift.sparkSession.sql(QUERY, args={"first": first}, drift=drift).collect()
    return [Comparison(*row) for row in rows]


def newest_drift(
    comparisons: Sequence[Comparison], windows: Sequence[Window], as_of: AsOf, minimum_count: int, label: str
) -> Drift:
    """Judge the newest day that is profiled by its drift, both of the version that scored it last."""
    newest = next(iter(as_of.past(windows)), None)
    if newest is None:
        return Drift(None, None, {}, (), label)
    found = [each for each in comparisons if (each.day, each.model_id) == (newest.day, newest.model_id)]
    stability = {each.column: each.psi for each in found}
    drifted = tuple(each.column for each in found if each.has_drifted(minimum_count))
    return Drift(str(newest.day), newest.model_id, stability, drifted, label)
