"""Pictures of how the predictions do over time."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from my_mlops_stacks.monitoring.columns import DRIFT_MONITORED
from my_mlops_stacks.monitoring.drift_rule import LARGE_CHANGE

LINE, BAD, GREY = "#4c72b0", "#c44e52", "#8c8c8c"
PLACES = {"left": 0.09, "right": 0.98, "hspace": 0.12}  # searching for them would draw each figure twice


def error_over_time(judged: pd.DataFrame, threshold: float | None = None) -> Figure:
    """RMSE and MAE in USD by day, where another version took over, and below how much of each day is labelled.

    Args:
        judged: the row of each day that is judged, as `judged_windows` gives them.
        threshold: of the RMSE in USD, drawn as a line.
    """
    figure = Figure(figsize=(9, 4.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1], gridspec_kw={**PLACES, "bottom": 0.1})
    above.set(title="Error of the predictions", ylabel="USD")
    below.set(ylabel="labelled", ylim=(0, 1.05))
    if judged.empty:
        return figure
    rows = judged.sort_values("day")
    days = pd.to_datetime(rows["day"])
    above.plot(days, rows["root_mean_squared_error"], marker=".", color=LINE, label="RMSE")
    above.plot(days, rows["mean_average_error"], linestyle=":", color=LINE, label="MAE")
    if threshold is not None:
        above.axhline(threshold, color=BAD, linewidth=1, label=f"threshold {threshold:g}")
    above.set_ylim(0, above.get_ylim()[1] * 1.15)  # room for the versions' names
    _promotions(above, days, rows["model_id"])
    above.legend(loc="lower left", ncols=3, fontsize=8)
    below.bar(days, rows["label_coverage"], color=GREY, width=0.8)
    locator = AutoDateLocator()
    below.xaxis.set_major_locator(locator)
    below.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return figure


def _promotions(axes: Axes, days: pd.Series, models: pd.Series) -> None:
    """A dashed line before the first day of each version, with its number."""
    for at in (days[models != models.shift()]).index:
        axes.axvline(days[at] - pd.Timedelta(hours=12), color=GREY, linestyle="--", linewidth=1)
        version = str(models[at]).rsplit("/", 1)[-1]
        place = (days[at] - pd.Timedelta(hours=10), axes.get_ylim()[1] * 0.93)
        axes.annotate(f"version {version}", place, fontsize=8, color=GREY)


def drift_heat_map(drift: pd.DataFrame, judged: pd.DataFrame) -> Figure:
    """Population stability index by column and day, against the training rows; full red is a large change.

    Args:
        drift: rows of the drift metrics table.
        judged: `day` and `model_id` of what is shown, one row a day.
    """
    shown = drift[drift["drift_type"] == "BASELINE"].merge(judged[["day", "model_id"]], on=["day", "model_id"])
    grid = shown.pivot(index="column_name", columns="day", values="population_stability_index")
    grid = grid.reindex([name for name in DRIFT_MONITORED if name in grid.index])
    figure = Figure(figsize=(9, 0.32 * max(len(grid), 1) + 1.2))
    axes = figure.subplots(gridspec_kw={"left": 0.27, "right": 1.0, "bottom": 0.18, "top": 0.88})
    axes.set_title("Drift against the training rows (population stability index)")
    if grid.empty:
        return figure
    image = axes.imshow(grid.to_numpy(dtype=float), aspect="auto", cmap="Reds", vmin=0, vmax=LARGE_CHANGE)
    axes.set_yticks(range(len(grid)), grid.index, fontsize=8)
    named = range(0, len(grid.columns), max(1, len(grid.columns) // 8))
    axes.set_xticks(named, [str(grid.columns[day]) for day in named], fontsize=8)
    figure.colorbar(image, ax=axes, pad=0.01, extend="max")
    return figure
