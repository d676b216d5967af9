"""Pictures of how the predictions do over time."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

LARGE_CHANGE = 0.25


def error_over_time(profile: pd.DataFrame) -> Figure:
    """RMSE and MAE in USD by day, one line for each model version.

    Args:
        profile: rows of the profile metrics table.
    """
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    for model, rows in profile.sort_values("day").groupby("model_id"):
        days = pd.to_datetime(rows["day"])
        line = axes.plot(days, rows["root_mean_squared_error"], marker=".", label=f"RMSE {model}")
        axes.plot(days, rows["mean_absolute_error"], linestyle=":", color=line[0].get_color(), label=f"MAE {model}")
    axes.set(title="Error of the predictions", ylabel="USD", ylim=(0, None))
    if not profile.empty:
        axes.legend()
    figure.autofmt_xdate()
    return figure


def drift_heat_map(drift: pd.DataFrame) -> Figure:
    """Population stability index by column and day; full red is a large change.

    Args:
        drift: rows of the drift metrics table.
    """
    newest = drift.sort_values("model_id").drop_duplicates(["column_name", "day"], keep="last")
    grid = newest.pivot(index="column_name", columns="day", values="population_stability_index")
    figure = Figure(figsize=(7, 0.4 * len(grid) + 1.5))
    axes = figure.subplots()
    axes.set_title("Drift against the training rows (population stability index)")
    if grid.empty:
        return figure
    image = axes.imshow(grid.to_numpy(dtype=float), aspect="auto", cmap="Reds", vmin=0, vmax=LARGE_CHANGE)
    axes.set_yticks(range(len(grid)), grid.index)
    step = max(1, len(grid.columns) // 8)
    shown = range(0, len(grid.columns), step)
    axes.set_xticks(shown, [str(grid.columns[day]) for day in shown], rotation=30, ha="right")
    figure.colorbar(image, ax=axes)
    return figure
