"""Pictures of a trained model."""

from __future__ import annotations

import lightgbm
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter


def importance_plot(model: lightgbm.Booster) -> Figure:
    """How much each input reduced the training loss, as shares of the whole."""
    gains = pd.Series(model.feature_importance("gain"), model.feature_name()).sort_values()
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    axes.barh(gains.index, gains / max(gains.sum(), 1e-12), color="#4c72b0")
    axes.set(title="Feature importance", xlabel="share of the loss reduction")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return figure
