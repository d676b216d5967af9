"""What the table of predictions adds to the model's inputs and features."""

from __future__ import annotations

HISTORY_KEY = ("model_name", "model_version")
"""Scoring a day again replaces that day's rows of the same version only: what other versions said stays."""

PREDICTION_COLUMNS = {
    "prediction": ("double", "Predicted fare in USD"),
    "model_name": ("string", "Registered model that predicted"),
    "model_version": ("int", "Its version"),
    "prediction_time": ("timestamp", "When the row was predicted, UTC"),
    "day": ("date", "Day of the pickup, the partition"),
}
