"""Pictures of how a model does on held-out trips."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

POINTS = 5_000
SEED = 0


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
    axes.fill_between(mean.index, days.quantile(0.1), days.quantile(0.9), alpha=0.25, color="#4c72b0")
    axes.plot(mean.index, mean, color="#4c72b0")
    axes.axhline(0, color="#c44e52", linewidth=1)
    axes.set(title="Residuals of the held-out days", ylabel="predicted less actual, USD")
    figure.autofmt_xdate()
    return figure
