"""Candidate against champion on the same rows: overall, and in each segment of each slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlops_core.project.slices import Slice
from mlops_core.tasks import Metric, Task
from mlops_core.validation.bootstrap import Rows, draws, interval
from mlops_core.validation.slice_segments import ALL, segments
from mlops_core.validation.totals import Totals

CANDIDATE, CHAMPION, DIFFERENCE = "candidate", "champion", "difference"


def compare(
    scored: pd.DataFrame,
    tasks: Mapping[str, Task],
    slices: Sequence[Slice],
    *,
    label: str,
    event_time: str,
    totals: Totals | None = None,
) -> pd.DataFrame:
    """Metrics with their intervals, one row each `by`, `segment` and `metric`.

    Args:
        scored: one row an event: `label`, `event_time`, the columns of `slices`, and the answers of `candidate`
            and, when there is one, `champion`.
        tasks: by what the answers of each are measured.
        totals: sums over all rows, of which `scored` are a sample: what follows from sums is of them.

    Returns:
        `events`, then for `candidate`, `champion` and `difference` (candidate less champion) the value and its
        interval as `_low` and `_high`; those of a champion that is not there are missing.
    """
    at = scored[event_time].dt.floor("h")
    hours = pd.DatetimeIndex(sorted(at.unique())) if totals is None else totals.hours
    shape = tasks[CANDIDATE].shape
    predictions = {model: shape.answers(scored[model]) for model in (CANDIDATE, CHAMPION) if model in scored}
    actual = shape.labels(scored[label])
    sample = _Sample(tasks, actual, predictions, hours.get_indexer(pd.DatetimeIndex(at)), draws(len(hours)), totals)
    whole = pd.Categorical.from_codes([0] * len(scored), pd.Index([ALL]))
    frequent = totals.frequent if totals else {}
    divided = {each.name: segments(each, scored[each.column], frequent.get(each.name)) for each in slices}
    parts = (part for by, labels in ({ALL: whole} | divided).items() for part in sample.compared(by, labels))
    return pd.concat(list(parts), ignore_index=True)


def difference(
    task: Task, metric: Metric, rows: pd.DataFrame, *, label: str, event_time: str
) -> tuple[float, float, float]:
    """`metric` of `candidate` less that of `champion` over all rows, and the ends of its interval; NaN without one.

    Args:
        rows: as for `compare`.
    """
    cluster, hours = pd.factorize(rows[event_time].dt.floor("h"), sort=True)
    actual, alone, drawn = task.shape.labels(rows[label]), np.zeros(len(rows), int), draws(len(hours))
    ours, theirs = (
        Rows(task, actual, task.shape.answers(rows[model]), cluster, alone, (len(hours), 1)).measured(drawn, [metric])
        for model in (CANDIDATE, CHAMPION)
    )
    value, resamples = (our - their for our, their in zip(ours[metric.name], theirs[metric.name], strict=True))
    low, high = interval(resamples, np.array([len(hours)]))
    return float(value[0]), float(low[0]), float(high[0])


@dataclass(frozen=True)
class _Sample:
    """Labels, and predictions of each model; the cluster of each row, and how often each cluster is drawn."""

    tasks: Mapping[str, Task]
    actual: np.ndarray
    predictions: Mapping[str, np.ndarray]
    cluster: np.ndarray
    drawn: np.ndarray
    totals: Totals | None

    def compared(self, by: str, labels: pd.Categorical) -> Iterator[pd.DataFrame]:
        """The rows of each metric, for the segments `labels` of the slice `by`."""
        rows = {model: self._rows(model, by, labels) for model in self.predictions}
        models = {model: each.measured(self.drawn) for model, each in rows.items()}
        counts = next(iter(rows.values())).sums["rows"]
        for metric in self.tasks[CANDIDATE].metrics:
            columns = {"by": by, "segment": labels.categories, "metric": metric.name, "events": counts.sum(axis=0)}
            values = _with_difference({model: measured[metric.name] for model, measured in models.items()})
            for name, (value, resamples) in values.items():
                low, high = interval(resamples, (counts > 0).sum(axis=0))
                columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
            frame = pd.DataFrame(columns).astype({"events": int})
            yield frame[frame["events"] > 0]

    def _rows(self, model: str, by: str, labels: pd.Categorical) -> Rows:
        shape, codes = (self.drawn.shape[1], len(labels.categories)), labels.codes.astype(int)
        sums = self.totals.sums(model, by, shape[1]) if self.totals else None
        return Rows(self.tasks[model], self.actual, self.predictions[model], self.cluster, codes, shape, sums)


def _with_difference(values: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    if CHAMPION not in values:
        return values
    pairs = zip(values[CANDIDATE], values[CHAMPION], strict=True)
    with np.errstate(invalid="ignore"):  # R2 of a single row is minus infinity for both
        value, resamples = (ours - theirs for ours, theirs in pairs)
    return values | {DIFFERENCE: (value, resamples)}
