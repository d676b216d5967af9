"""A label of another table makes the same flights as one of their own, row for row, and so the same model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from mlops_core.ingestion.labelled import labelled
from mlops_core_tests.flights import sample
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.landings import LANDINGS, LATER, TOLD


@pytest.mark.parametrize("kind", sample.SAMPLES)
def test_flights_are_the_same_when_their_landing_is_told_by_another_table(
    shared_spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    """A landing without a delay, of a flight that landed elsewhere, tells no label."""
    raw = sample.as_events(shared_spark, sample.flights(kind), tmp_path)
    own, _ = accept(FLIGHTS, conform(FLIGHTS, raw))
    landed = conform(LANDINGS, raw.where("landed_at IS NOT NULL AND late IS NOT NULL"))
    leaving = raw.drop("landed_at", *TOLD)
    told = labelled(LATER, accept(LATER.delivered, conform(LATER.delivered, leaving))[0], accept(LANDINGS, landed)[0])
    expected, found = (
        each.select(*FLIGHTS.types, "day").toPandas().sort_values("flight_id", ignore_index=True)
        for each in (own, told)
    )
    unknown = expected.late.isna()
    assert 0 < unknown.sum() < len(expected) / 10
    expected.loc[unknown, ["landed_at", *TOLD]] = None
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
