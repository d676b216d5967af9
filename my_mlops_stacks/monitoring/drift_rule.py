"""When a day's distributions are another regime, and not noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from my_mlops_stacks.monitoring.columns import FEATURES, PREDICTION
from my_mlops_stacks.monitoring.judged_windows import rows_of

LARGE_CHANGE = 0.25
"""Population stability index above which a distribution is commonly called changed."""
CHANCE = 1e-5
"""Below this p-value chance does not explain a change: a few rows can have a large index by chance alone.

So small that seven features on every day of ten years are hardly ever called changed by chance.
"""

QUERY = """
WITH compared AS (
    SELECT day, model_id, column_name, count, population_stability_index AS psi,
           CASE WHEN ks_test IS NOT NULL THEN ks_test.pvalue ELSE chi_squared_test.pvalue END AS pvalue
    FROM {drift}
    WHERE drift_type = 'BASELINE' AND slice_key IS NULL AND population_stability_index IS NOT NULL
      AND day = (SELECT max(day) FROM {drift} WHERE drift_type = 'BASELINE' AND day <= :today)
)
SELECT *, count >= :minimum_count AND psi > :large AND pvalue < :chance AS drifted FROM compared ORDER BY psi DESC
"""
"""The columns of the newest day against the training rows, the largest change first.

A field of a struct is asked for only where the struct is not null: Sail 0.7 answers 0 for it, Apache Spark null.
"""


@dataclass(frozen=True)
class Drift:
    """What the newest day's distributions are like: the index by column, and which columns have drifted."""

    day: str | None
    model_id: str | None
    stability: Mapping[str, float]
    drifted: tuple[str, ...]

    def of(self, *columns: str) -> Drift:
        """The same, of these columns only."""
        stability = {name: value for name, value in self.stability.items() if name in columns}
        return Drift(self.day, self.model_id, stability, tuple(name for name in self.drifted if name in columns))

    @property
    def features(self) -> Drift:
        return self.of(*FEATURES)

    @property
    def predictions(self) -> Drift:
        return self.of(PREDICTION)

    @property
    def reason(self) -> str:
        """One sentence for people."""
        if self.day is None:
            return "No day has been compared with the training rows yet"
        worst = ", ".join(f"{name} {value:.3f}" for name, value in list(self.stability.items())[:3])
        said = f"{', '.join(self.drifted)} drifted" if self.drifted else "Nothing drifted"
        return f"{said} on {self.day}: population stability index {worst} (large above {LARGE_CHANGE})"


def newest_drift(drift: DataFrame, today: date, minimum_count: int) -> Drift:
    """Judge the newest day of the drift metrics table up to `today`, UTC's; of several versions the worse counts."""
    parameters = {"minimum_count": minimum_count, "large": LARGE_CHANGE, "chance": CHANCE}
    rows = rows_of(QUERY, today, parameters, drift=drift)
    stability: dict[str, float] = {}
    for row in rows:
        stability.setdefault(row["column_name"], row["psi"])
    drifted = dict.fromkeys(row["column_name"] for row in rows if row["drifted"])
    first = rows[0] if rows else {"day": None, "model_id": None}
    return Drift(str(first["day"]) if rows else None, first["model_id"], stability, tuple(drifted))
