"""Pictures of a search, as Optuna draws them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import matplotlib.pyplot as plt
import optuna
from matplotlib.figure import Figure
from optuna.trial import TrialState
from optuna.visualization import matplotlib as drawn

FEWEST = 2
"""Of fewer trials that ended there is nothing to compare."""


def search_figures(study: optuna.Study, metric: str) -> dict[str, Figure]:
    """The best value trial by trial, and how much each parameter had to do with it; those that the trials allow."""
    ended = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    figures = {"search_history": _drawn(lambda: drawn.plot_optimization_history(study, target_name=metric))}
    if len(ended) >= FEWEST:
        figures["search_importances"] = _drawn(lambda: drawn.plot_param_importances(study, target_name=metric))
    return figures


def _drawn(draw: Callable[[], plt.Axes]) -> Figure:
    """Optuna draws on pyplot and changes its style, for every picture after it."""
    with warnings.catch_warnings(), plt.rc_context():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        figure = draw().figure
    plt.close(figure)  # type: ignore[arg-type]
    return figure  # type: ignore[return-value]
