"""Pictures of a trained model."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter


def importance_plot(importance: pd.Series) -> Figure:
    """The importance of each input, by its name, as shares of the whole."""
    figure, axes = _bars(importance / max(importance.sum(), 1e-12))
    axes.set(title="Feature importance", xlabel="share of the whole")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def contribution_plot(means: pd.Series, unit: str, nouns: str) -> Figure:
    """The mean size of what each input adds to a prediction or takes from it, in `unit`."""
    figure, axes = _bars(means)
    axes.set(title=f"Mean contribution to predictions of held-out {nouns}", xlabel=f"mean size, {unit}".rstrip(", "))
    return figure


def _bars(values: pd.Series) -> tuple[Figure, Axes]:
    """A bar for each value, the largest on top."""
    rising = values.sort_values()
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    axes.barh(rising.index, rising, color="#4c72b0")
    return figure, axes
