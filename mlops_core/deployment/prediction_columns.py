"""What the table of predictions has beside the model's inputs and features."""

from __future__ import annotations

from mlops_core.project import EventTable

HISTORY_KEY = ("model_name", "model_version")
"""Scoring a day again replaces that day's rows of the same version only: what other versions said stays."""


def prediction_columns(events: EventTable) -> dict[str, tuple[str, str]]:
    """Column -> type and meaning."""
    unit = f", in {events.label_unit}" if events.label_unit else ""
    identity = {name: events.raw_columns[name] for name in events.identity}
    return identity | {
        "prediction": ("double", f"Prediction of `{events.label_column}`{unit}"),
        "model_name": ("string", "Registered model that predicted"),
        "model_version": ("int", "Its version"),
        "prediction_time": ("timestamp", "When the row was predicted, UTC"),
        "day": ("date", f"Day of `{events.event_time}`, the partition"),
    }
