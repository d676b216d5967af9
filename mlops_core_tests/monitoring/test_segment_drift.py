"""Each segment's days against its own training rows, by pandas over the same bins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from mlops_core.monitoring.bins import as_texts, bins_of
from mlops_core.monitoring.drift import drift_metrics, segmented
from mlops_core_tests.flights.project import MODEL, PROJECT

KEY, DAY = ("late_model", 1), date(2013, 2, 1)


def rows(sizes: dict[str, int], shifts: dict[str, float], seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frames = [
        pd.DataFrame({"carrier": name, "distance": random.normal(1_000 + shifts.get(name, 0), 200, size)})
        for name, size in sizes.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_a_segment_is_compared_with_its_own_training_rows(shared_spark) -> None:
    baseline = rows({"AA": 800, "B6": 700, "UA": 100}, {"B6": 100}, 0)
    day = rows({"AA": 300, "B6": 200, "UA": 200, "new": 50}, {"AA": 50}, 1)
    predictions = shared_spark.createDataFrame(day).selectExpr(
        "*", "date'2013-02-01' day", "'late_model' model_name", "1 model_version"
    )
    model = replace(MODEL, segments="carrier")
    bins = {KEY: bins_of(baseline, replace(PROJECT, models=(model,)))}
    found = drift_metrics(predictions, predictions, bins, DAY, segmented(model, {KEY: baseline}, bins)).toPandas()
    of_segments = found[found["slice_key"] == "carrier"]
    assert set(of_segments["slice_value"]) == {"AA", "B6"}  # of UA the baseline has too few, of a new one none
    assert set(of_segments["drift_type"]) == {"BASELINE"}
    assert len(found[found["slice_key"].isna()]) == len(bins[KEY])
    edges = [-np.inf, *np.quantile(baseline["distance"], np.arange(0.1, 1, 0.1)), np.inf]
    for name in ("AA", "B6"):
        of_name = of_segments[(of_segments["slice_value"] == name) & (of_segments["column_name"] == "distance")]
        of_day, before = (frame.loc[frame["carrier"] == name, "distance"] for frame in (day, baseline))
        p, q = (np.histogram(values, edges)[0] / len(values) for values in (of_day, before))
        by_hand = np.sum((p - q) * np.log(p / q))
        assert of_name["population_stability_index"].item() == pytest.approx(by_hand)
        assert of_name["avg_delta"].item() == pytest.approx(of_day.mean() - before.mean())
        assert of_name["count"].item() == len(of_day)


def test_a_model_without_segments_has_none() -> None:
    assert segmented(MODEL, {}, {}) is None


def test_values_are_the_texts_that_spark_makes_of_them() -> None:
    assert as_texts(pd.Series([1.0, None, 12.0])) == ["1", None, "12"]
    assert as_texts(pd.Series([True, None, False], dtype=object)) == ["true", None, "false"]
    assert as_texts(pd.Series(["AA", None], dtype=object)) == ["AA", None]
