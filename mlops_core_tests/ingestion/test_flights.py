"""Flights from files, held against pandas: those that were cancelled, whose label never comes, are accepted too."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops_core.adapters.sources.file_source import FileSource
from mlops_core.adapters.spark import LocalSpark
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.sources.landed import named
from mlops_core_tests.flights.events import FLIGHTS

COLUMNS = list(FLIGHTS.types)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_flights_of_files_are_accepted_as_they_are(flights: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    file, delivered = tmp_path / f"flights.{suffix}", pd.concat([flights, flights[:5]])
    delivered.to_parquet(file) if suffix == "parquet" else delivered.to_csv(file, index=False)
    spark = LocalSpark(tmp_path / "warehouse", "test")
    source = FileSource(spark, named(FLIGHTS, file), tmp_path / "landed", EventTimes(FLIGHTS, "wall_clock"))
    accepted, rejected = (part.toPandas() for part in accept(FLIGHTS, conform(FLIGHTS, source.read())))
    assert rejected.reason.tolist() == ["duplicate"] * 5
    found, expected = (rows[COLUMNS].sort_values("flight_id", ignore_index=True) for rows in (accepted, flights))
    pd.testing.assert_frame_equal(*(rows.astype(object).where(rows.notna(), None) for rows in (found, expected)))
    assert found.late.isna().sum() == found.landed_at.isna().sum() > 0
