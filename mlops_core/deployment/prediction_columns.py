"""Columns of the predictions table beside the model's inputs and features."""

from __future__ import annotations

from mlops_core.project import Project

HISTORY_KEY = ("model_name", "model_version")
"""Scoring a day again replaces that day's rows of the same version only; those of other versions stay."""


def prediction_columns(project: Project) -> dict[str, tuple[str, str]]:
    """Column -> type and meaning."""
    events = project.events
    unit = f", in {events.label_unit}" if events.label_unit else ""
    outputs = {
        output.name: (output.type, output.meaning.format(label=events.label_column) + (unit if output.has_unit else ""))
        for output in project.model.task.outputs
    }
    return {
        **{name: events.raw_columns[name] for name in project.carried},
        **outputs,
        "model_name": ("string", "Registered model that predicted"),
        "model_version": ("int", "Its version"),
        "prediction_time": ("timestamp", "When the row was predicted, UTC"),
        "day": ("date", f"Day of `{events.event_time}`, the partition"),
    }
