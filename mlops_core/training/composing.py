"""Fitting a model together with what it is wrapped in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project import Model, Segments
from mlops_core.training.class_balance import class_weights, sampled, shares_kept
from mlops_core.training.composed import Composed, Part
from mlops_core.training.encoder import encoder_of
from mlops_core.training.side_by_side import side_by_side

FitOne = Callable[..., Any]
"""From rows, their weights if there are any, and the name of their segment, to a model."""


@dataclass(frozen=True)
class Sample:
    """Rows to fit, encoded, with the label last; their labels as metrics take them; their weights."""

    rows: pd.DataFrame
    labels: np.ndarray
    weights: np.ndarray | None = None

    def taken(self, chosen: np.ndarray) -> Sample:
        weights = None if self.weights is None else self.weights[chosen]
        return Sample(self.rows.iloc[chosen], self.labels[chosen], weights)


def composed(declared: Model, rows: pd.DataFrame, fit: FitOne, later: pd.DataFrame | None = None) -> Composed:
    """The model of training rows, whose first column is the time, and whose last one is the label.

    Args:
        later: Rows by whose error `fit` stops; it gets them encoded, and all of them, each as heavy as sampling and
            weights make its class.
    """
    encoding, segments = declared.training.encoding, declared.by_segment
    encoder = encoder_of(encoding, rows.iloc[:, 1:-1]) if encoding else None
    if encoder and later is not None:
        fit = partial(fit, later=encoder.encoded(later))
    labels = declared.task.shape.labels(rows.iloc[:, -1])
    sample = Sample(encoder.encoded(rows) if encoder else rows, labels)
    values = rows[segments.column].to_numpy(object) if segments else None
    factors: tuple[float, ...] = ()
    notes = {"encoding": encoder.notes()} if encoder else {}
    if declared.training.weights or declared.training.sampling:
        sample, kept, factors = _balanced(declared, rows, sample)
        values = values if values is None else values[kept]
        notes |= {"sampling": _counted(declared, labels, kept)} if declared.training.sampling else {}
        if later is not None:
            places = declared.task.shape.labels(later.iloc[:, -1]).astype(int)
            fit = partial(fit, later_weights=np.asarray(factors)[places])
    parts: tuple[Part, ...] = ()
    if segments and values is not None:
        parts = _of_segments(declared, segments, sample, values, fit)
        notes["segments"] = _divided(segments, parts, values)
    return Composed(
        declared.training.predict,
        _part(declared, sample, fit),
        classes=sum(declared.task.shape.of(1)[1:]),
        segment_column=segments.column if segments else "",
        segments=parts,
        encoder=encoder,
        factors=factors,
        notes={subject: "; ".join(told) for subject, told in notes.items() if told},
    )


def _balanced(declared: Model, rows: pd.DataFrame, sample: Sample) -> tuple[Sample, np.ndarray, tuple[float, ...]]:
    """The rows that sampling leaves, with their weights; which they are; how heavy each class has become."""
    places = sample.labels.astype(int)
    kept = sampled(declared, rows, places)
    weights = class_weights(declared, places[kept])
    factors = weights * shares_kept(places, kept, len(weights))
    left = sample.taken(np.flatnonzero(kept))
    weighed = weights[places[kept]] if declared.training.weights else None
    return Sample(left.rows, left.labels, weighed), kept, tuple(factors.tolist())


def _part(declared: Model, sample: Sample, fit: FitOne, segment: Any = None) -> Part:
    column = f"{declared.by_segment.column} {segment!r}" if declared.by_segment and segment is not None else ""
    model = fit(sample.rows, sample.weights, column)
    shape = declared.task.shape
    classes = shape.logged_classes(model) or ()
    return Part(model, segment, len(sample.rows), tuple(declared.task.label_classes.index(each) for each in classes))


def _of_segments(
    declared: Model, segments: Segments, sample: Sample, values: np.ndarray, fit: FitOne
) -> tuple[Part, ...]:
    """The models of the segments that are large enough, fitted at the same time."""
    numbers, names = pd.factorize(values)
    order = np.argsort(numbers, kind="stable")
    rows_of = np.split(order, np.searchsorted(numbers[order], np.arange(len(names) + 1)))[1:-1] if len(names) else []
    classes = np.unique(sample.labels) if declared.task.label_classes else np.array([])
    chosen = [
        number
        for number, rows in enumerate(rows_of)
        if len(rows) >= segments.min_rows and np.isin(classes, sample.labels[rows]).all()
    ]

    def part(number: int) -> Part:
        return _part(declared, sample.taken(rows_of[number]), fit, names[number])

    return tuple(side_by_side(part, chosen))


def _counted(declared: Model, labels: np.ndarray, kept: np.ndarray) -> list[str]:
    lines = []
    for place, label in enumerate(declared.task.label_classes):
        is_of = labels == place
        lines.append(f"{(is_of & kept).sum():,} of {is_of.sum():,} rows of {label!r} are fitted")
    return lines


def _divided(segments: Segments, parts: Sequence[Part], values: np.ndarray) -> list[str]:
    count, rows = pd.Series(values).nunique(), len(values) - sum(part.rows for part in parts)
    told = [f"{len(parts):,} of {count:,} values of {segments.column} have a model of their own"]
    if rows:
        told.append(
            f"{rows:,} of {len(values):,} rows are of values with fewer than {segments.min_rows:,} rows or without a "
            "class that others have, and are predicted by the model of all rows"
        )
    return told
