"""Training-serving skew: the features that predictions were made with, against what is looked up for them today.

A feature table may be built again after it has served, of events that were delivered late or corrected. Then training
sees other features than the model has seen in production.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mlops_core.balanced import any_of
from mlops_core.monitoring.label_rule import Verdict
from mlops_core.project.columns import NUMBERS
from mlops_core.same_value import is_same

SERVED = "__served_{}"
"""The column with a feature as a prediction was made with it, beside the one that is looked up today."""

BATCH = ("day", "model_name", "model_version")
COLUMNS = ("feature", "share", "share_null_once", "mean_difference", "largest_difference", "worst_day")
WORST = 3


@dataclass(frozen=True)
class FeatureSkew:
    """In how many predictions a feature differs, of these in how many only one of both is null, and by how much.

    Of a number, `measured` have a difference, `total` is the sum of their sizes and `largest` the greatest.
    """

    differing: int
    one_null: int
    measured: int = 0
    total: float = 0.0
    largest: float = 0.0


@dataclass(frozen=True)
class BatchSkew:
    """The predictions of a day by a version: how many were compared, how many have any feature that differs."""

    day: date
    model_name: str
    model_version: int
    compared: int
    differing: int
    features: Mapping[str, FeatureSkew]

    def worst(self) -> tuple[str, float]:
        """The feature that differs in the largest share of the predictions, and the share."""
        name = max(self.features, key=lambda each: self.features[each].differing)
        return name, self.features[name].differing / self.compared


@dataclass(frozen=True)
class Skew:
    """What was compared, and of what could not be compared the reasons, each a sentence."""

    batches: Sequence[BatchSkew] = ()
    unknown: Sequence[str] = ()

    @property
    def compared(self) -> int:
        return sum(batch.compared for batch in self.batches)

    @property
    def share(self) -> float:
        """Of the compared predictions, those with a feature that differs."""
        return sum(batch.differing for batch in self.batches) / max(self.compared, 1)

    def verdict(self, max_share: float) -> Verdict:
        """Whether every feature is as it was served, but for at most this share of a day's predictions of a version."""
        found = [(*batch.worst(), batch) for batch in self.batches]
        bad = sorted((each for each in found if each[1] > max_share), key=lambda each: -each[1])
        told = [
            f"{name} differs in {share:.0%} of the {batch.compared:,} predictions of {batch.day} by version "
            f"{batch.model_version}"
            for name, share, batch in bad[:WORST]
        ]
        if len(bad) > WORST:
            told.append(f"and so on for {len(bad) - WORST} more")
        if told:
            told[0] = f"Feature tables have changed since they served, by more than {max_share:.0%}: {told[0]}"
        reasons = [*told, *self.unknown]
        return not reasons, "; ".join(reasons) or self._fine(max_share)

    def _fine(self, max_share: float) -> str:
        if not self.compared:
            return "No prediction of these days was made with a looked-up feature, so there is nothing to compare"
        days = sorted(batch.day for batch in self.batches)
        return (
            f"{self.share:.1%} of the {self.compared:,} predictions of {days[0]} to {days[-1]} have a feature that is "
            f"looked up differently today; on no day does one differ in more than {max_share:.0%}"
        )

    def table(self, units: Mapping[str, str]) -> pd.DataFrame:
        """A row for each feature, over all days and versions: the one that differs most often first."""
        names = dict.fromkeys(name for batch in self.batches for name in batch.features)
        rows = pd.DataFrame([self._row(name) for name in names], columns=COLUMNS)
        rows = rows.sort_values("share", ascending=False, kind="stable")
        return rows.assign(unit=[units.get(name, "") for name in rows["feature"]])

    def _row(self, name: str) -> tuple[object, ...]:
        found = [(batch, batch.features[name]) for batch in self.batches if name in batch.features]
        compared = sum(batch.compared for batch, _ in found)
        measured = sum(each.measured for _, each in found)
        worst, of_worst = max(found, key=lambda each: each[1].differing / each[0].compared)
        return (
            name,
            sum(each.differing for _, each in found) / compared,
            sum(each.one_null for _, each in found) / compared,
            sum(each.total for _, each in found) / measured if measured else None,
            max(each.largest for _, each in found) if measured else None,
            str(worst.day) if of_worst.differing else "",
        )


def newest_day(predictions: DataFrame, today: date) -> date:
    """The last day that has predictions and has come; today when none has."""
    past = predictions.where(F.col("day") <= F.lit(today))
    return past.agg(F.max("day").alias("day")).collect()[0]["day"] or today


def skew_of(compared: DataFrame, features: Sequence[str], categorical: frozenset[str]) -> list[BatchSkew]:
    """The skew of each day and version, oldest first.

    Args:
        compared: predictions with their `BATCH`, and of each feature what is looked up and, as `SERVED`, what served.
        features: those that are compared, one at least.
        categorical: features whose numbers are names: they are equal or not, and have no difference.
    """
    kinds = dict(compared.dtypes)
    differs = {name: ~is_same(F.col(SERVED.format(name)), F.col(name), kinds[name]) for name in features}
    counted = [F.count("*").alias("n"), F.sum(any_of(differs.values()).cast("int")).alias("any")]
    for place, name in enumerate(features):
        sized = kinds[name] in NUMBERS and name not in categorical
        counted += [each.alias(f"{what}_{place}") for what, each in _counts(name, differs[name], sized).items()]
    rows = compared.groupBy(*BATCH).agg(*counted).orderBy(*BATCH).collect()
    return [_batch(row.asDict(), features) for row in rows]


def _counts(name: str, differs: Column, sized: bool) -> dict[str, Column]:
    """Field of `FeatureSkew` -> the aggregate that fills it."""
    served, today = F.col(SERVED.format(name)), F.col(name)
    counts = {
        "differing": F.sum(differs.cast("int")),
        "one_null": F.sum((served.isNull() != today.isNull()).cast("int")),
    }
    if not sized:
        return counts
    size = F.abs(served.cast("double") - today.cast("double"))
    apart = F.when(differs & ~F.isnan(size), size)
    sizes = {"total": F.coalesce(F.sum(apart), F.lit(0.0)), "largest": F.coalesce(F.max(apart), F.lit(0.0))}
    return counts | {"measured": F.count(apart)} | sizes


def _batch(row: Mapping[str, Any], features: Sequence[str]) -> BatchSkew:
    fields = [each.name for each in dataclasses.fields(FeatureSkew)]
    found = {
        name: FeatureSkew(**{each: row[key] for each in fields if (key := f"{each}_{place}") in row})
        for place, name in enumerate(features)
    }
    return BatchSkew(**{name: row[name] for name in BATCH}, compared=row["n"], differing=row["any"], features=found)
