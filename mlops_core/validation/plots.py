"""Candidate and champion on held-out events, segment by segment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlops_core.project import ByHour, ByValue, Slice
from mlops_core.tasks import Metric
from mlops_core.validation.comparison import CANDIDATE as CANDIDATE_COLUMN
from mlops_core.validation.comparison import CHAMPION as CHAMPION_COLUMN

CANDIDATE, WORSE, BETTER, CHAMPION = "#4c72b0", "#c44e52", "#55a868", "#8c8c8c"
MOST_TICKS = 9


def errors_by_segment(comparison: pd.DataFrame, slices: Sequence[Slice], metric: Metric, unit: str = "") -> Figure:
    """A metric of both models, with intervals, in each segment of each slice.

    The candidate is red where it is worse than the champion beyond chance, and green where it is better.

    Args:
        comparison: as `compare` makes it.
        slices: those of the comparison.
        unit: the label's.
    """
    figure = Figure(figsize=(11, 3))
    places = {"left": 0.04, "right": 0.99, "bottom": 0.2, "top": 0.9, "wspace": 0.14}  # searching for them takes longer
    title = f"{metric.title} in {unit}" if metric.has_unit and unit else metric.title
    panels = figure.subplots(1, len(slices), gridspec_kw=places, squeeze=False)[0]
    for axes, each in zip(panels, slices, strict=True):
        rows = comparison[(comparison["metric"] == metric.name) & (comparison["by"] == each.name)]
        at, apart = np.arange(len(rows)), 0.15 if CHAMPION_COLUMN in rows else 0.0
        if CHAMPION_COLUMN in rows:
            _with_intervals(axes, at - apart, rows, CHAMPION_COLUMN, CHAMPION)
        _with_intervals(axes, at + apart, rows, CANDIDATE_COLUMN, _colors(rows, metric))
        step = max(1, len(rows) // MOST_TICKS + 1) if isinstance(each, ByHour) else 1
        axes.set_xticks(at[::step], rows["segment"][::step], fontsize=7)
        axes.tick_params(axis="x", labelrotation=45 if isinstance(each, ByValue) else 0)
        axes.set_title(f"{title} by {each.title}" + (", champion in grey" if apart else ""), fontsize=9)
    return figure


def _with_intervals(axes: Axes, at: np.ndarray, rows: pd.DataFrame, model: str, colors: str | list[str]) -> None:
    axes.vlines(at, rows[f"{model}_low"], rows[f"{model}_high"], colors=colors, linewidth=2.5, alpha=0.5)
    axes.scatter(at, rows[model], s=14, c=colors)


def _colors(rows: pd.DataFrame, metric: Metric) -> list[str]:
    if CHAMPION_COLUMN not in rows:
        return [CANDIDATE] * len(rows)
    above, below = rows["difference_low"] > 0, rows["difference_high"] < 0
    worse, better = (below, above) if metric.greater_is_better else (above, below)
    return list(np.select([worse, better], [WORSE, BETTER], CANDIDATE))
