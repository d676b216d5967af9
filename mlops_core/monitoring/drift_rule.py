"""When a day's distributions are another regime, and not noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from mlops_core.monitoring.columns import PREDICTION
from mlops_core.monitoring.judged_windows import SCORED, AsOf, rows_of

LARGE_CHANGE = 0.25
"""Population stability index above which a distribution is commonly called changed."""
CHANCE = 1e-5
"""Below this p-value chance does not explain a change: a few rows can have a large index by chance alone.

So small that a dozen features on every day of ten years are hardly ever called changed by chance.
"""

QUERY = f"""{SCORED}, newest AS (
    SELECT day, model_id FROM windows ORDER BY day DESC LIMIT 1
), compared AS (
    SELECT day, model_id, column_name, count, population_stability_index AS psi,
           CASE WHEN ks_test IS NOT NULL THEN ks_test.pvalue ELSE chi_squared_test.pvalue END AS pvalue
    FROM {{drift}}
    WHERE drift_type = 'BASELINE' AND slice_key IS NULL AND population_stability_index IS NOT NULL
)
SELECT *, count >= :minimum_count AND psi > :large AND pvalue < :chance AS drifted
FROM newest LEFT JOIN compared USING (day, model_id) ORDER BY psi DESC, column_name
"""  # noqa: S608, made of constants
"""The columns of the newest judged window against the training rows, the largest change first.

Without any comparison it is one row of nulls. A field of a struct is asked for only where the struct is not null: Sail
0.7 answers 0 for it, Apache Spark null.
"""


@dataclass(frozen=True)
class Drift:
    """What the newest day is like: the index by column, and which columns have drifted; one of them is the label."""

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
        """Whether the day is there and its comparison is not: nothing is known, which is not the same as no drift."""
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


def newest_drift(drift: DataFrame, profile: DataFrame, as_of: AsOf, minimum_count: int, label: str) -> Drift:
    """Judge the newest day that is profiled by its drift, both of the version that scored it last."""
    parameters = {"minimum_count": minimum_count, "large": LARGE_CHANGE, "chance": CHANCE}
    rows = rows_of(QUERY, as_of, parameters, drift=drift, profile=profile)
    if not rows:
        return Drift(None, None, {}, (), label)
    stability = {row["column_name"]: row["psi"] for row in rows if row["column_name"] is not None}
    drifted = tuple(row["column_name"] for row in rows if row["drifted"])
    return Drift(str(rows[0]["day"]), rows[0]["model_id"], stability, drifted, label)
