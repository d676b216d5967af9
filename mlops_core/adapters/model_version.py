"""A version of a registered model, and what its training leaves in MLflow beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its number is never reused."""

    name: str
    version: int
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def record(self) -> VersionRecord:
        """The record that the pipeline wrote to its tags."""
        return VersionRecord.from_tags(self.tags)

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class TrainingRecord:
    """What one training leaves in MLflow beside the model.

    `figures` are PNGs. `baseline` is a sample of the training rows with the model's predictions: the reference for
    drift. `tables` are further ones by their names, `notes` sentences by their subjects.
    """

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    figures: Mapping[str, bytes]
    baseline: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def measured(self, metrics: Mapping[str, float]) -> TrainingRecord:
        """The record with further metrics."""
        return replace(self, metrics={**self.metrics, **metrics})
