"""A model for each of 200 segments against one model, on the same rows: `python -m benchmarks.segments [rows]`.

Seconds of this machine and of its processor, for `fit` and for `predict`; LightGBM, 100 trees of 31 leaves.
"""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from mlops_core.project import Encoding, Segments
from mlops_core.training.model_answers import fitted, predictions
from mlops_core_tests.flights.project import MODEL
from mlops_core_tests.flights.train import TRAINING, Hyperparameters

SEGMENTS, FEW_ROWS = 200, 50_000
NOT_INPUTS = ["scheduled_departure", "late"]


def rows_of(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    segment = random.integers(0, SEGMENTS, count)
    numbers = pd.DataFrame({f"x{place}": random.random(count) for place in range(8)})
    late = random.random(count) < 0.1 + 0.1 * numbers["x0"] * (1 + segment % 3)
    texts = {
        "scheduled_departure": pd.date_range("2013-01-01", periods=count, freq="s"),
        "origin": np.array([f"A{place:03d}" for place in range(SEGMENTS)], dtype=object)[segment],
        "carrier": np.array(list("abcdefgh"), dtype=object)[random.integers(0, 8, count)],
    }
    return pd.DataFrame(texts).join(numbers).assign(late=late.astype("int64"))


def fit(rows: pd.DataFrame, _parameters: BaseModel) -> Any:
    import lightgbm

    data = lightgbm.Dataset(rows.drop(columns=NOT_INPUTS), rows["late"])
    threads = 1 if len(rows) < FEW_ROWS else 0
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 31, "num_threads": threads}, data, 100)


def predict(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return model.predict(rows.drop(columns=NOT_INPUTS))


def main(count: int) -> None:
    rows, training = rows_of(count), replace(TRAINING, fit=fit, predict=predict, encoding=Encoding())
    for segments in (None, Segments("origin")):
        declared, marks = replace(MODEL, training=training, segments=segments), [(time.time(), time.process_time())]
        model = fitted(declared, rows, Hyperparameters())
        marks.append((time.time(), time.process_time()))
        predictions(declared, model, rows)
        marks.append((time.time(), time.process_time()))
        took = np.diff(np.array(marks), axis=0).round(1).tolist()
        logging.info(
            "%s models: fit %s s, %s s of processor; predict %s s, %s s", len(model.models), *took[0], *took[1]
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
