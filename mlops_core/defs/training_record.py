"""Results of a training beside the model: its held-out metrics and those of the baselines."""

import math
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.model_version import TrainingRecord
from mlops_core.defs.metadata import png
from mlops_core.project import Project

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pydantic import BaseModel


def record_of(
    project: Project,
    model: Any,
    rows: "pd.DataFrame",
    held_out: "pd.DataFrame",
    parameters: "BaseModel",
    *,
    fitted_rows: int,
) -> TrainingRecord:
    """Evaluate the model and its baselines on the held-out rows; `rows` may be a sample of those that were fitted."""
    from mlops_core.training.baselines import training_baseline
    from mlops_core.training.contributions import mean_contributions, unit_of
    from mlops_core.training.model_answers import importance_of, notes_of, predictions
    from mlops_core.training.plots import contribution_plot, importance_plot
    from mlops_core.training.segment_metrics import SEGMENT_TABLE, segment_metrics

    events, task = project.events, project.model.task
    label = events.label_column
    answers = predictions(project.model, model, held_out)
    scored = held_out.assign(prediction=task.shape.column(answers))
    measured = task.measure(task.shape.labels(held_out[label]), answers)
    figures = task.figures(scored, label, events.event_time, events.label_unit)
    if (importance := importance_of(project.model, model)) is not None:
        figures["feature_importance"] = importance_plot(importance)
    if project.model.training.contributions:
        means = mean_contributions(project.model, model, held_out)
        figures["mean_contributions"] = contribution_plot(
            means, unit_of(project.model, events.label_unit), events.nouns
        )
    segments = segment_metrics(project.model, model, rows, held_out, answers)
    counts = {"example_count": float(len(held_out))}
    if project.looked_up:
        counts["looked_up_share"] = float(rows[list(project.looked_up)].notna().mean().min())
    return TrainingRecord(
        parameters.model_dump(),
        measured | _baselines(project, rows, held_out, answers, parameters, fitted_rows) | counts,
        {name: png(figure) for name, figure in figures.items()},
        training_baseline(project.model, rows, model),
        {} if segments is None else {SEGMENT_TABLE: segments},
        notes_of(model),
    )


def _baselines(  # noqa: PLR0917
    project: Project,
    rows: "pd.DataFrame",
    held_out: "pd.DataFrame",
    answers: "np.ndarray",
    parameters: "BaseModel",
    fitted_rows: int,
) -> dict[str, float]:
    """The baselines' metrics and the effect of the features, as metrics of the run.

    What features are worth is told by two models of the same rows and parameters, where these are too many of a sample.
    """
    from mlops_core.training.baselines import comparison_sample, constant_prediction, prediction_without_features
    from mlops_core.training.model_answers import fitted, predictions
    from mlops_core.validation.baseline_rules import Baselines
    from mlops_core.validation.comparison import CANDIDATE, CHAMPION, difference
    from mlops_core.validation.rules import compared_metric

    model, label = project.model, project.events.label_column
    task, shape = model.task, model.task.shape
    metric, actual = compared_metric(model), shape.labels(held_out[label])
    constant = task.of_constant.measure(actual, constant_prediction(task, rows[label], held_out))[metric.name]
    if not project.looked_up:
        return Baselines(constant).metrics(metric.name)
    sample, sampled = comparison_sample(rows), math.nan
    if len(sample) < fitted_rows:
        answers, sampled = predictions(model, fitted(model, sample, parameters), held_out), len(sample)
    less = prediction_without_features(model, sample, held_out, project.looked_up, parameters)
    predicted: dict[str, Any] = {CANDIDATE: shape.column(answers), CHAMPION: shape.column(less)}
    both = held_out.assign(**predicted)
    change = difference(task, metric, both, label=label, event_time=project.events.event_time)
    return Baselines(constant, task.measure(actual, less)[metric.name], change, sampled).metrics(metric.name)
