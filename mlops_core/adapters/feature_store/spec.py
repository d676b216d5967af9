"""`feature_spec.yaml`: what a logged model needs, and where its features are looked up.

The file has the layout that Databricks' client writes, so the same reader serves models of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from mlops_core.adapters.feature_store.artifacts import local_copy

MODEL_DATA = "feature_store"
SPEC_FILE = "feature_spec.yaml"
RAW_MODEL = "raw_model"
SERIALIZATION_VERSION = 9
CLIENT = "my_mlops_stacks"


class FeatureSpecNotFoundError(ValueError):
    """The model has no feature specification."""


@dataclass(frozen=True)
class SourceColumn:
    """A column that the caller brings. `include` tells whether the model sees it; a look-up key need not be seen."""

    name: str
    data_type: str
    include: bool = True


@dataclass(frozen=True)
class FeatureColumn:
    """A column that is looked up. `default` is the text of the value that replaces nulls, None for none."""

    name: str
    data_type: str
    table_name: str
    feature_name: str
    lookup_key: tuple[str, ...]
    timestamp_lookup_key: str | None = None
    default: str | None = None
    include: bool = True


@dataclass(frozen=True)
class FeatureSpec:
    """A model's inputs in order, and the look-back window of each table that has one."""

    sources: tuple[SourceColumn, ...]
    features: tuple[FeatureColumn, ...]
    lookback_windows: Mapping[str, timedelta | None] = field(default_factory=dict)

    @property
    def model_inputs(self) -> list[str]:
        """The columns that the model sees, in the order of its training."""
        columns: tuple[SourceColumn | FeatureColumn, ...] = (*self.sources, *self.features)
        return [column.name for column in columns if column.include]

    @property
    def required_columns(self) -> list[str]:
        """The columns that a DataFrame to score must have: sources and look-up keys that no look-up puts out."""
        outputs = {feature.name for feature in self.features}
        keys = [key for feature in self.features for key in (*feature.lookup_key, feature.timestamp_lookup_key) if key]
        sources = [source.name for source in self.sources]
        return list(dict.fromkeys([*sources, *(key for key in keys if key not in outputs)]))

    def to_yaml(self) -> str:
        columns = [{source.name: _source_entry(source)} for source in self.sources]
        columns += [{feature.name: _feature_entry(feature)} for feature in self.features]
        tables = sorted({feature.table_name for feature in self.features})
        content = {
            "feature_store_client_version": CLIENT,
            "input_columns": columns,
            "input_tables": [{table: _table_entry(self.lookback_windows.get(table))} for table in tables],
            "serialization_version": SERIALIZATION_VERSION,
        }
        return yaml.safe_dump(content, sort_keys=False)

    @classmethod
    def from_yaml(cls, text: str) -> FeatureSpec:
        content = yaml.safe_load(text)
        columns = [next(iter(entry.items())) for entry in content["input_columns"]]
        tables = [next(iter(entry.items())) for entry in content.get("input_tables", [])]
        return cls(
            sources=tuple(_source(name, entry) for name, entry in columns if entry["source"] == "training_data"),
            features=tuple(_feature(name, entry) for name, entry in columns if entry["source"] == "feature_store"),
            lookback_windows={name: _window(entry.get("lookback_window")) for name, entry in tables},
        )


def read_spec(model_uri: str) -> FeatureSpec:
    """The feature specification of a logged model; MLflow's tracking and registry URIs say where it is sought.

    Raises:
        FeatureSpecNotFoundError: the model was logged without look-ups, by MLflow alone.
    """
    file = model_data(model_uri) / SPEC_FILE
    if not file.is_file():
        raise FeatureSpecNotFoundError(
            f"The model {model_uri} has no {SPEC_FILE}, so nothing says which features it needs: log it with the "
            "feature store's log_model(training_set=...), not with MLflow's."
        )
    return FeatureSpec.from_yaml(file.read_text())


def model_data(model_uri: str) -> Path:
    """The folder of this machine with a logged model's specification and its `raw_model`."""
    return local_copy(model_uri) / "data" / MODEL_DATA


def _source_entry(source: SourceColumn) -> dict[str, Any]:
    return {"data_type": source.data_type} | _excluded(source.include) | {"source": "training_data"}


def _feature_entry(feature: FeatureColumn) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "table_name": feature.table_name,
        "feature_name": feature.feature_name,
        "lookup_key": list(feature.lookup_key),
    }
    if feature.timestamp_lookup_key:
        entry["timestamp_lookup_key"] = [feature.timestamp_lookup_key]
    if feature.default is not None:
        entry["default_value"] = feature.default
    return entry | {"data_type": feature.data_type} | _excluded(feature.include) | {"source": "feature_store"}


def _excluded(include: bool) -> dict[str, bool]:
    return {} if include else {"include": False}


def _table_entry(window: timedelta | None) -> dict[str, float]:
    return {} if window is None else {"lookback_window": window.total_seconds()}


def _window(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _source(name: str, entry: Mapping[str, Any]) -> SourceColumn:
    return SourceColumn(name, entry.get("data_type", ""), entry.get("include", True))


def _feature(name: str, entry: Mapping[str, Any]) -> FeatureColumn:
    return FeatureColumn(
        name=name,
        data_type=entry.get("data_type", ""),
        table_name=entry["table_name"],
        feature_name=entry["feature_name"],
        lookup_key=tuple(entry["lookup_key"]),
        timestamp_lookup_key=next(iter(entry.get("timestamp_lookup_key", [])), None),
        default=entry.get("default_value"),
        include=entry.get("include", True),
    )
