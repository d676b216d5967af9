"""Plots of the monitoring over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mlops_core.day_axis import HALF_A_DAY, name_days
from mlops_core.monitoring.drift_rule import LARGE_CHANGE
from mlops_core.monitoring.violation import ViolationRule
from mlops_core.tasks import MonitorMetric, Task

LINE, BAD, GREY = "#4c72b0", "#c44e52", "#8c8c8c"
PLACES = {"left": 0.09, "right": 0.95, "hspace": 0.12}  # searching for them would draw each figure twice
COLORS = (LINE, "#dd8452", "#55a868")
MOST_COLUMNS = 4
"""Of the legend."""
STYLES = ("-", ":", "--", "-.")
DAYS_MARKED = 100
VERSIONS_NAMED = 9
"""Number of version labels that fit side by side."""


def metric_over_time(
    judged: pd.DataFrame,
    metrics: Sequence[MonitorMetric],
    unit: str = "",
    rule: ViolationRule | None = None,
    title: str = "",
) -> Figure:
    """Metrics by day, where another version took over, and below how much of each day is labelled.

    Args:
        judged: the row of each day that is judged, as `rows_of` gives them, with metrics as numbers.
        metrics: all are in `unit`.
        rule: whose threshold is drawn as a line.
        title: what the metrics are of, if not the first one's title; of "title: name", names stand in the legend.
    """
    figure = Figure(figsize=(9, 4.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1], gridspec_kw={**PLACES, "bottom": 0.1})
    above.set(title=f"{title or metrics[0].title} of the predictions", ylabel=unit)
    below.set(ylabel="labelled", ylim=(0, 1.05))
    below.yaxis.set_major_formatter(PercentFormatter(1))
    if judged.empty:
        return figure
    rows = judged.sort_values("day")
    days = pd.to_datetime(rows["day"])
    marker = "." if len(rows) <= DAYS_MARKED else ""
    for metric, (color, style) in zip(metrics, product(COLORS, STYLES), strict=False):
        values = rows[metric.name].astype("float64")
        above.plot(days, values, marker=marker, linestyle=style, color=color, label=metric.title.split(": ", 1)[-1])
    if rule is not None:
        above.axhline(rule.metric_violation_threshold, color=BAD, linewidth=1, label=f"threshold {rule.threshold}")
    _with_room(above)
    below.bar(days, rows["label_coverage"], color=GREY, width=0.8)
    name_days(below, days)
    _promotions(above, days, rows["model_id"])
    above.legend(loc="lower left", ncols=min(len(metrics) + 1, MOST_COLUMNS), fontsize=8)
    return figure


def monitored_over_time(judged: pd.DataFrame, task: Task, rule: ViolationRule) -> Figure:
    """The monitored metric by day with its threshold, and what the task draws with it."""
    together = sorted(task.drawn_with(rule.metric), key=lambda metric: metric != rule.metric)
    return metric_over_time(judged, together, rule.unit, rule)


def _with_room(axes: Axes) -> None:
    """Include zero in the axis, and leave room for the version labels at the top."""
    low, high = axes.get_ylim()
    low = min(low, 0)
    axes.set_ylim(low, low + (high - low) * 1.15)


def _promotions(axes: Axes, days: pd.Series, models: pd.Series) -> None:
    """A dashed line before the first day of each version, with its number where that is readable."""
    apart = (days.max() - days.min() + 2 * HALF_A_DAY) / VERSIONS_NAMED
    free = days.min() - HALF_A_DAY - apart
    for at in (days[models != models.shift()]).index:
        begin = days[at] - HALF_A_DAY
        axes.axvline(begin, color=GREY, linestyle="--", linewidth=1)
        if begin - free >= apart and days.max() + HALF_A_DAY - begin >= apart:
            _name(axes, begin, models[at])
            free = begin


def _name(axes: Axes, moment: pd.Timestamp, model: object) -> None:
    version = str(model).rsplit("/", 1)[-1]
    place = (moment, axes.get_ylim()[1])
    axes.annotate(f"version {version}", place, (3, -11), textcoords="offset points", fontsize=8, color=GREY)


def drift_heat_map(drift: pd.DataFrame, judged: pd.DataFrame, columns: Sequence[str]) -> Figure:
    """Population stability index by column and day, against the training rows; full red is a large change.

    Days without a comparison are white.

    Args:
        drift: rows of the drift metrics table.
        judged: `day` and `model_id` of what is shown, one row a day.
        columns: in the order in which they are shown.
    """
    shown = drift[drift["drift_type"] == "BASELINE"].merge(judged[["day", "model_id"]], on=["day", "model_id"])
    grid = shown.pivot(index="column_name", columns="day", values="population_stability_index")
    grid = grid.reindex([name for name in columns if name in grid.index])
    figure = Figure(figsize=(9, 0.32 * max(len(grid), 1) + 1.2))
    axes = figure.subplots(gridspec_kw={"left": 0.27, "right": 0.9, "bottom": 0.18, "top": 0.88})
    axes.set_title("Drift against the training rows (population stability index)")
    if grid.empty:
        return figure
    known = pd.to_datetime(grid.columns)
    days = pd.date_range(known.min(), known.max())
    grid = grid.set_axis(known, axis=1).reindex(columns=days)
    left, right = date2num([days[0] - HALF_A_DAY, days[-1] + HALF_A_DAY])
    rows = len(grid) - 0.5
    image = axes.imshow(
        grid.to_numpy(dtype=float),
        aspect="auto",
        cmap="Reds",
        vmin=0,
        vmax=LARGE_CHANGE,
        extent=(left, right, rows, -0.5),
    )
    axes.set_yticks(range(len(grid)), grid.index, fontsize=8)
    name_days(axes, days)
    scale = figure.add_axes((0.92, 0.18, 0.015, 0.7))
    figure.colorbar(image, cax=scale, extend="max")
    return figure
