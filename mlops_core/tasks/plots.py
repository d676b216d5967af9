"""Pictures of how predictions do on held-out events, by the kind of problem.

`held_out` has the columns `label` and `prediction`, and where it says so the event's time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from mlops_core.day_axis import name_days

BLUE, RED, GREY = "#4c72b0", "#c44e52", "#8c8c8c"
POINTS = 5_000
SEED = 0
WIDTH_OF_DAYS = 300
"""Points, which the lines of all days share."""
CALIBRATION_BINS = 10


def predicted_against_actual(held_out: pd.DataFrame, label: str, unit: str) -> Figure:
    """Predicted over actual values of at most `POINTS` of the events."""
    shown = held_out.sample(min(POINTS, len(held_out)), random_state=SEED)
    in_unit = f" in {unit}" if unit else ""
    figure, axes = _square("Held-out events", f"{label}{in_unit}", f"predicted {label}{in_unit}")
    axes.scatter(shown[label], shown["prediction"], s=4, alpha=0.3, color=BLUE)
    values = shown[[label, "prediction"]]
    ends = [min(0.0, float(values.min().min())), float(values.max().max())]
    axes.plot(ends, ends, color=RED, linewidth=1)
    return figure


def residuals_over_time(held_out: pd.DataFrame, label: str, event_time: str, unit: str) -> Figure:
    """Mean and middle 80 % of the residuals (predicted less actual) of each held-out day."""
    residuals = held_out["prediction"] - held_out[label]
    days = residuals.groupby(held_out[event_time].dt.floor("D"))
    figure = Figure(figsize=(7, 3.5))
    axes = figure.subplots()
    mean = days.mean()
    thick = min(4, WIDTH_OF_DAYS / len(mean))
    axes.vlines(mean.index, days.quantile(0.1), days.quantile(0.9), alpha=0.25, color=BLUE, linewidth=thick)
    axes.plot(mean.index, mean, marker=".", color=BLUE)
    axes.axhline(0, color=RED, linewidth=1)
    axes.set(title="Residuals of the held-out days", ylabel=f"predicted less actual{f', {unit}' if unit else ''}")
    name_days(axes, mean.index)
    return figure


def roc(held_out: pd.DataFrame, label: str) -> Figure:
    """The ROC curve, beside that of chance."""
    figure, axes = _square("ROC curve", "false positive rate", "true positive rate")
    if held_out[label].nunique() > 1:
        false_rate, true_rate, _ = roc_curve(held_out[label], held_out["prediction"])
        axes.plot(false_rate, true_rate, color=BLUE)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    return figure


def precision_recall(held_out: pd.DataFrame, label: str, threshold: float) -> Figure:
    """Precision over recall, beside the base rate; the dot is the threshold's."""
    figure, axes = _square("Precision and recall", "recall", "precision")
    positives = held_out[label].to_numpy(float)
    if positives.any():
        precision, recall, thresholds = precision_recall_curve(positives, held_out["prediction"])
        axes.plot(recall, precision, color=BLUE)
        at = int(np.searchsorted(thresholds, threshold))
        axes.scatter(recall[at : at + 1], precision[at : at + 1], color=RED, zorder=3, label=f"from {threshold:g} on")
        axes.legend()
    axes.axhline(float(positives.mean()), color=GREY, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.02)
    return figure


def calibration(held_out: pd.DataFrame, label: str) -> Figure:
    """The share of positives over the predicted probability, in bins of equally many events."""
    figure, axes = _square("Calibration", "predicted probability", "share of positives")
    shares, predicted = calibration_curve(
        held_out[label], held_out["prediction"].clip(0, 1), n_bins=CALIBRATION_BINS, strategy="quantile"
    )
    axes.plot(predicted, shares, marker="o", color=BLUE)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    return figure


def _square(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes
