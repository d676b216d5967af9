"""Events of two hundred numbers are accepted and rejected as those of two are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from mlops_core.project import Column
from mlops_core_tests.flights.events import FLIGHTS

NUMBERS = [f"n{number}" for number in range(200)]
WIDE = replace(FLIGHTS, columns=(*FLIGHTS.columns, *(Column(name, "double", "A number") for name in NUMBERS)))


def test_wide_events_are_accepted_and_rejected(shared_spark: SparkSession, flights: pd.DataFrame) -> None:
    some = flights.head(20).drop(columns="day")
    wide = pd.concat(
        [some, pd.DataFrame(np.arange(4000.0).reshape(20, 200), columns=NUMBERS, index=some.index)], axis=1
    )
    wide.loc[wide.index[3], "n7"] = np.inf
    rows = shared_spark.createDataFrame(pd.concat([wide, wide[:2]], ignore_index=True))
    accepted, rejected = (part.toPandas() for part in accept(WIDE, conform(WIDE, rows)))
    assert len(accepted) == 19
    assert sorted(rejected.reason) == ["duplicate", "duplicate", "infinite n7"]
    expected = wide.drop(index=wide.index[3]).sort_values("flight_id")["n199"].tolist()
    assert accepted.sort_values("flight_id")["n199"].tolist() == expected
