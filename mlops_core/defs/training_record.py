"""What a training leaves beside the model: how good it is on held-out rows, and than what it must be better."""

from typing import TYPE_CHECKING, Any

from mlops_core.adapters.model_registry import TrainingRecord
from mlops_core.defs.metadata import png
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel


def without_features(project: Project) -> str:
    """The name of the metric of a model of the same kind without looked-up features."""
    return f"{project.model.task.compared}_without_features"


def of_constant(project: Project) -> str:
    """The name of the metric of the best constant."""
    return f"{project.model.task.compared}_of_constant"


def record_of(
    project: Project, model: Any, rows: "pd.DataFrame", held_out: "pd.DataFrame", parameters: "BaseModel"
) -> TrainingRecord:
    """Measure the model, and what it must beat, on the held-out rows."""
    from mlops_core.training.baselines import training_baseline
    from mlops_core.training.plots import importance_plot

    events, task, training = project.events, project.model.task, project.model.training
    label = events.label_column
    scored = held_out.assign(prediction=training.predict(model, held_out))
    measured = task.measure(held_out[label].to_numpy(float), scored["prediction"].to_numpy(float))
    figures = task.figures(scored, label, events.event_time, events.label_unit)
    if training.importance:
        figures["feature_importance"] = importance_plot(training.importance(model))
    counts = {"example_count": float(len(held_out))}
    if project.looked_up:
        counts["looked_up_share"] = float(rows[list(project.looked_up)].notna().mean().min())
    return TrainingRecord(
        parameters.model_dump(),
        measured | _beaten(project, rows, held_out, parameters) | counts,
        {name: png(figure) for name, figure in figures.items()},
        training_baseline(training, rows, model),
    )


def _beaten(
    project: Project, rows: "pd.DataFrame", held_out: "pd.DataFrame", parameters: "BaseModel"
) -> dict[str, float]:
    """The compared metric of the simpler predictors."""
    from mlops_core.training.baselines import constant_prediction, prediction_without_features

    model, label = project.model, project.events.label_column
    predicted = {of_constant(project): constant_prediction(model.task, rows[label], held_out)}
    if project.looked_up:
        predicted[without_features(project)] = prediction_without_features(
            model.training, rows, held_out, project.looked_up, parameters
        )
    actual = held_out[label].to_numpy(float)
    return {name: model.task.measure(actual, values)[model.task.compared] for name, values in predicted.items()}
