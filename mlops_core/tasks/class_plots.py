"""Pictures of how several classes are told apart on held-out events.

`actual` and `predicted` are places of classes, each with its name in `names`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix as counted
from sklearn.metrics import precision_recall_fscore_support

MOST_NAMED = 12
"""Of more classes, cells have no numbers."""
LONGEST_NAME = 20
COLORS = {"Precision": "#4c72b0", "Recall": "#55a868", "F1": "#8c8c8c"}


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Predicted over actual classes; the color is the share of the actual class, the number counts events."""
    counts = counted(actual.astype(int), predicted, labels=range(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(2.5 + 0.5 * len(names), 5, 12))
    figure = Figure(figsize=(size, size))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks, short = range(len(names)), [name[:LONGEST_NAME] for name in names]
    axes.set_xticks(ticks, short, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, short, fontsize=8)
    axes.set(title="Held-out events by class", xlabel="predicted", ylabel="actual")
    for (row, column), count in np.ndenumerate(counts) if len(names) <= MOST_NAMED else ():
        color = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004, half of a class
        axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=8, color=color)
    return figure


def scores_by_class(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Precision, recall and F1 of each class, with the number of its events; 0 where it is undetermined."""
    *scores, support = precision_recall_fscore_support(
        actual.astype(int), predicted, labels=range(len(names)), zero_division=0
    )
    figure = Figure(figsize=(7, float(np.clip(0.6 * len(names) + 1.2, 3, 20))))
    axes = figure.subplots()
    at, height = np.arange(len(names)), 0.8 / len(COLORS)
    for number, ((title, color), values) in enumerate(zip(COLORS.items(), scores, strict=True)):
        axes.barh(at + (number - 1) * height, values, height, color=color, label=title)
    axes.set_yticks(at, [f"{name[:LONGEST_NAME]} ({count:,})" for name, count in zip(names, support, strict=True)])
    axes.invert_yaxis()
    axes.set(title="Held-out events by class", xlim=(0, 1))
    axes.legend(fontsize=8)
    return figure
