"""Pictures of a trained model."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter


def importance_plot(importance: pd.Series) -> Figure:
    """The importance of each input, by its name, as shares of the whole."""
    rising = importance.sort_values()
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    axes.barh(rising.index, rising / max(rising.sum(), 1e-12), color="#4c72b0")
    axes.set(title="Feature importance", xlabel="share of the whole")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return figure
