"""The leak check over those of the project's look-ups whose features a frame has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pyspark.sql import DataFrame

from mlops_core.features.leakage import leakage_violations
from my_mlops_stacks.project import PROJECT


def trip_violations(
    trips: DataFrame,
    looked_up: DataFrame,
    lookback_windows: Mapping[str, timedelta | None] | None = None,
    default_values: Mapping[str, float] | None = None,
) -> list[dict[str, object]]:
    lookups = []
    for table in PROJECT.feature_tables:
        names = [name for name in table.feature_columns if name in looked_up.columns]
        defaults = {name: value for name, value in (default_values or {}).items() if name in names}
        oldest = (lookback_windows or {}).get(table.name)
        if names:
            lookups.append(table.look_up(feature_names=names, lookback_window=oldest, default_values=defaults or None))
    model = replace(PROJECT.model, lookups=tuple(lookups), not_watched=())
    return leakage_violations(replace(PROJECT, models=(model,)), {"trips": trips}, looked_up)
