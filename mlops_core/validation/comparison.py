"""Candidate against champion on the same rows: overall, and in each segment of each slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlops_core.project.slices import ByBand, ByHour, ByValue, Slice
from mlops_core.tasks import Metric, Task
from mlops_core.validation.bootstrap import Rows, draws, interval

CANDIDATE, CHAMPION, DIFFERENCE = "candidate", "champion", "difference"
ALL, OTHER, MISSING = "all", "other", "missing"


def compare(scored: pd.DataFrame, task: Task, slices: Sequence[Slice], *, label: str, event_time: str) -> pd.DataFrame:
    """Metrics with their intervals, one row each `by`, `segment` and `metric`.

    Args:
        scored: one row an event: `label`, `event_time`, the columns of `slices`, and the answers of `candidate`
            and, when there is one, `champion`.

    Returns:
        `events`, then for `candidate`, `champion` and `difference` (candidate less champion) the value and its
        interval as `_low` and `_high`; those of a champion that is not there are missing.
    """
    cluster, hours = pd.factorize(scored[event_time].dt.floor("h"))
    predictions = {model: task.shape.answers(scored[model]) for model in (CANDIDATE, CHAMPION) if model in scored}
    sample = _Sample(task, task.shape.labels(scored[label]), predictions, cluster, draws(len(hours)))
    whole = pd.Categorical.from_codes([0] * len(scored), pd.Index([ALL]))
    divided = {ALL: whole, **{each.name: segments(each, scored[each.column]) for each in slices}}
    parts = (part for by, labels in divided.items() for part in sample.compared(by, labels))
    return pd.concat(list(parts), ignore_index=True)


def difference(
    task: Task, metric: Metric, rows: pd.DataFrame, *, label: str, event_time: str
) -> tuple[float, float, float]:
    """`metric` of `candidate` less that of `champion` over all rows, and the ends of its interval; NaN without one.

    Args:
        rows: as for `compare`.
    """
    cluster, hours = pd.factorize(rows[event_time].dt.floor("h"))
    actual, alone, drawn = task.shape.labels(rows[label]), np.zeros(len(rows), int), draws(len(hours))
    ours, theirs = (
        Rows(task, actual, task.shape.answers(rows[model]), cluster, alone, (len(hours), 1)).measured(drawn, [metric])
        for model in (CANDIDATE, CHAMPION)
    )
    value, resamples = (our - their for our, their in zip(ours[metric.name], theirs[metric.name], strict=True))
    low, high = interval(resamples, np.array([len(hours)]))
    return float(value[0]), float(low[0]), float(high[0])


def segments(slice_: Slice, values: pd.Series) -> pd.Categorical:
    """The segment of each row, in the order in which people read them."""
    found = _divided(slice_, values)
    if (found.codes < 0).any():  # only by hour or by band: among values a missing one is another
        found = found.add_categories([MISSING]).fillna(MISSING)
    return found


def _divided(slice_: Slice, values: pd.Series) -> pd.Categorical:
    if isinstance(slice_, ByValue):
        frequent = list(values.value_counts().index[: slice_.most])
        return pd.Categorical(values, [*frequent, OTHER]).fillna(OTHER).rename_categories(str)
    if isinstance(slice_, ByHour):
        hours = values.dt.hour.fillna(-1).astype(int)
        return pd.Categorical.from_codes(hours.tolist(), pd.Index([f"{hour:02}" for hour in range(24)]))
    if isinstance(slice_, ByBand):
        return pd.cut(values, [0.0, *slice_.edges, np.inf], right=False, labels=list(slice_.bands)).array
    raise TypeError(f"Nothing divides rows by the slice '{slice_.name}', a {type(slice_).__name__}.")


@dataclass(frozen=True)
class _Sample:
    """Labels, and predictions of each model; the cluster of each row, and how often each cluster is drawn."""

    task: Task
    actual: np.ndarray
    predictions: Mapping[str, np.ndarray]
    cluster: np.ndarray
    drawn: np.ndarray

    def compared(self, by: str, labels: pd.Categorical) -> Iterator[pd.DataFrame]:
        """The rows of each metric, for the segments `labels` of the slice `by`."""
        segment, shape = labels.codes.astype(int), (self.drawn.shape[1], len(labels.categories))
        models = {
            model: Rows(self.task, self.actual, predicted, self.cluster, segment, shape).measured(self.drawn)
            for model, predicted in self.predictions.items()
        }
        rows = np.bincount(segment, minlength=shape[1])
        clusters = np.array([len(np.unique(self.cluster[segment == code])) for code in range(shape[1])])
        for metric in self.task.metrics:
            columns = {"by": by, "segment": labels.categories, "metric": metric.name, "events": rows}
            values = _with_difference({model: measured[metric.name] for model, measured in models.items()})
            for name, (value, resamples) in values.items():
                low, high = interval(resamples, clusters)
                columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
            frame = pd.DataFrame(columns)
            yield frame[frame["events"] > 0]


def _with_difference(values: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    if CHAMPION not in values:
        return values
    pairs = zip(values[CANDIDATE], values[CHAMPION], strict=True)
    with np.errstate(invalid="ignore"):  # R2 of a single row is minus infinity for both
        value, resamples = (ours - theirs for ours, theirs in pairs)
    return values | {DIFFERENCE: (value, resamples)}
