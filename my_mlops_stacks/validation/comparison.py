"""Candidate against champion on the same held-out trips: overall, and for each hour, zip and band of distances."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.validation.bootstrap import cluster_sums, draws, interval, metrics_of, resampled
from my_mlops_stacks.validation.validation import DISTANCE_BANDS, MIN_HELD_OUT_TRIPS

ACTUAL, CANDIDATE, CHAMPION = TRIPS.label, "candidate", "champion"
PICKUP, ZIP, DISTANCE = TRIPS.event_time, "pickup_zip", "trip_distance"
ROW_COLUMNS = (PICKUP, DISTANCE, ZIP, ACTUAL)

ALL, OTHER = "all", "other"
ZIPS = 12
"""As many pickup zips, those with most trips, are segments of their own."""


class UnusableRowsError(ValueError):
    """The held-out rows can't tell how good a model is."""


REJECT = "add a rule to ingestion/rules.py that rejects such trips, then materialize 'trips' and 'fare_model' again"
FIXES = {
    ACTUAL: REJECT,
    CANDIDATE: "look at these trips' features and at the training's parameters, then materialize 'fare_model' again",
    CHAMPION: "roll back to a version that predicts, or run the checks with enable_baseline_comparison: false",
}
"""Column -> what to do about values that are no numbers."""


def check_rows(scored: pd.DataFrame, days: str) -> None:
    """Refuse rows that measure nothing; `days` says for people which they are.

    Raises:
        UnusableRowsError: there are too few, one lacks what its segment is named after, or a fare or a prediction is
            not a finite number.
    """
    for column in (PICKUP, DISTANCE, ZIP):
        if bad := int(scored[column].isna().sum()):
            raise UnusableRowsError(f"{column} is missing for {bad} of {len(scored)} trips ({days}): {REJECT}.")
    for column, fix in FIXES.items():
        bad = int((~np.isfinite(scored[column])).sum()) if column in scored else 0
        if bad:
            raise UnusableRowsError(f"{column} is no finite number for {bad} of {len(scored)} trips ({days}): {fix}.")
    if len(scored) < MIN_HELD_OUT_TRIPS:
        count = f"Only {len(scored)}" if len(scored) else "No"
        raise UnusableRowsError(
            f"{count} trips are held out ({days}) whose fare is known, and fewer than {MIN_HELD_OUT_TRIPS} judge no "
            "model (MIN_HELD_OUT_TRIPS in validation/validation.py): ingest days that have trips, or raise "
            "holdout_days in resources/model-workflow-resource.yml, and materialize 'fare_model' again."
        )


def compare(scored: pd.DataFrame) -> pd.DataFrame:
    """Metrics with their intervals, one row each `by`, `segment` and `metric`.

    Args:
        scored: one row a trip: `ROW_COLUMNS`, and the predicted fares (USD) `candidate` and, when there is one,
            `champion`.

    Returns:
        `trips`, then for `candidate`, `champion` and `difference` (candidate less champion) the value and its
        interval as `_low` and `_high`; those of a champion that is not there are missing.
    """
    cluster, hours = pd.factorize(scored[PICKUP].dt.floor("h"))
    drawn = draws(len(hours))
    parts = [part for by, labels in _segments(scored) for part in _compared(by, labels, scored, cluster, drawn)]
    return pd.concat(parts, ignore_index=True)


def _segments(scored: pd.DataFrame) -> Iterator[tuple[str, pd.Categorical]]:
    """Name -> the segment of each row, in the order in which people read them."""
    zips = scored[ZIP].value_counts().index[:ZIPS]
    own = pd.Categorical(scored[ZIP], [*zips, OTHER]).fillna(OTHER).rename_categories(str)
    edges = [0.0, *DISTANCE_BANDS, np.inf]
    bands = [*(f"{low:g} to {high:g} mi" for low, high in pairwise(edges[:-1])), f"{edges[-2]:g} mi or more"]
    yield ALL, pd.Categorical.from_codes(np.zeros(len(scored), int), [ALL])
    yield "hour", pd.Categorical.from_codes(scored[PICKUP].dt.hour, [f"{hour:02}" for hour in range(24)])
    yield "zip", own
    yield "distance", pd.cut(scored[DISTANCE], edges, right=False, labels=bands).array


def _compared(
    by: str, labels: pd.Categorical, scored: pd.DataFrame, cluster: np.ndarray, drawn: np.ndarray
) -> Iterator[pd.DataFrame]:
    shape = (drawn.shape[1], len(labels.categories))
    sums = {
        model: cluster_sums(
            scored[ACTUAL].to_numpy(), scored[model].to_numpy(), cluster, labels.codes.astype(int), shape
        )
        for model in (CANDIDATE, CHAMPION)
        if model in scored
    }
    measured = {model: metrics_of(found.sum(axis=1)) for model, found in sums.items()}
    redrawn = {model: metrics_of(resampled(found, drawn)) for model, found in sums.items()}
    trips = sums[CANDIDATE][0].sum(axis=0).astype(int)
    for metric in measured[CANDIDATE]:
        columns = {"by": by, "segment": labels.categories, "metric": metric, "trips": trips}
        values = {model: (measured[model][metric], redrawn[model][metric]) for model in sums}
        if CHAMPION in sums:
            pairs = zip(values[CANDIDATE], values[CHAMPION], strict=True)
            with np.errstate(invalid="ignore"):  # R2 of a single trip is minus infinity for both
                values["difference"] = tuple(ours - theirs for ours, theirs in pairs)
        for name, (value, resamples) in values.items():
            low, high = interval(resamples, sums[CANDIDATE])
            columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
        frame = pd.DataFrame(columns)
        yield frame[frame["trips"] > 0]
