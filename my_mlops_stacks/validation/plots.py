"""Pictures of how a model does on held-out trips."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlops_core.day_axis import name_days

CANDIDATE, WORSE, BETTER, CHAMPION = "#4c72b0", "#c44e52", "#55a868", "#8c8c8c"
POINTS = 5_000
SEED = 0
WIDTH_OF_DAYS = 300
"""Points, which the lines of all days share."""


def predicted_against_actual(held_out: pd.DataFrame) -> Figure:
    """Predicted over actual fares in USD; at most `POINTS` of the rows.

    Args:
        held_out: rows with `fare_amount` and `prediction`.
    """
    shown = held_out.sample(min(POINTS, len(held_out)), random_state=SEED)
    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    axes.scatter(shown["fare_amount"], shown["prediction"], s=4, alpha=0.3, color="#4c72b0")
    limit = float(shown[["fare_amount", "prediction"]].max().max())
    axes.plot([0, limit], [0, limit], color="#c44e52", linewidth=1)
    axes.set(title="Held-out trips", xlabel="fare in USD", ylabel="predicted fare in USD")
    return figure


def residuals_over_time(held_out: pd.DataFrame) -> Figure:
    """Mean and middle 80 % of the residuals (predicted less actual, USD) for each held-out day.

    Args:
        held_out: rows with `tpep_pickup_datetime`, `fare_amount` and `prediction`.
    """
    residuals = held_out["prediction"] - held_out["fare_amount"]
    days = residuals.groupby(held_out["tpep_pickup_datetime"].dt.floor("D"))
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    mean = days.mean()
    thick = min(4, WIDTH_OF_DAYS / len(mean))
    axes.vlines(mean.index, days.quantile(0.1), days.quantile(0.9), alpha=0.25, color=CANDIDATE, linewidth=thick)
    axes.plot(mean.index, mean, marker=".", color=CANDIDATE)
    axes.axhline(0, color=WORSE, linewidth=1)
    axes.set(title="Residuals of the held-out days", ylabel="predicted less actual, USD")
    name_days(axes, mean.index)
    return figure


def errors_by_segment(comparison: pd.DataFrame) -> Figure:
    """RMSE in USD of both models, with intervals, for each hour, zip and band of distances.

    The candidate is red where it is worse than the champion beyond chance, and green where it is better.

    Args:
        comparison: as `compare` makes it.
    """
    figure = Figure(figsize=(11, 3))
    places = {"left": 0.04, "right": 0.99, "bottom": 0.2, "top": 0.9, "wspace": 0.14}  # searching for them takes longer
    for axes, by in zip(figure.subplots(1, 3, gridspec_kw=places), ("hour", "zip", "distance"), strict=True):
        rows = comparison[(comparison["metric"] == "root_mean_squared_error") & (comparison["by"] == by)]
        at, apart = np.arange(len(rows)), 0.15 if "champion" in rows else 0.0
        if "champion" in rows:
            _with_intervals(axes, at - apart, rows, "champion", CHAMPION)
        _with_intervals(axes, at + apart, rows, "candidate", _colors(rows))
        axes.set_xticks(at[:: 3 if by == "hour" else 1], rows["segment"][:: 3 if by == "hour" else 1], fontsize=7)
        axes.tick_params(axis="x", labelrotation=45 if by == "zip" else 0)
        axes.set_title(f"RMSE in USD by {by}" + (", champion in grey" if apart else ""), fontsize=9)
    return figure


def _with_intervals(axes: Axes, at: np.ndarray, rows: pd.DataFrame, model: str, colors: str | list[str]) -> None:
    axes.vlines(at, rows[f"{model}_low"], rows[f"{model}_high"], colors=colors, linewidth=2.5, alpha=0.5)
    axes.scatter(at, rows[model], s=14, c=colors)


def _colors(rows: pd.DataFrame) -> list[str]:
    if "champion" not in rows:
        return [CANDIDATE] * len(rows)
    worse, better = rows["difference_low"] > 0, rows["difference_high"] < 0
    return list(np.select([worse, better], [WORSE, BETTER], CANDIDATE))
