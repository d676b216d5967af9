"""A million rows scored, from parquet to parquet: the feature store's `score_batch` and LightGBM in this process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import lightgbm
import mlflow.lightgbm
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_core.adapters.feature_store.local import LocalFeatureStore

FILES = 8
INPUTS = [f"x{number}" for number in range(9)]


def make_input(store: LocalFeatureStore, folder: Path, rows: int) -> lightgbm.Booster:
    """A model of the example's size, and rows in as many files as a table would have."""
    random = np.random.default_rng(0)
    (folder / "rows").mkdir()
    for number in range(FILES):
        values = {name: random.random(rows // FILES) for name in INPUTS}
        pl.DataFrame(values).write_parquet(folder / "rows" / f"{number}.parquet")
    some = pl.read_parquet(folder / "rows" / "0.parquet").to_pandas()
    label = some["x0"] * 10 + np.sin(some["x1"] * 9) + random.normal(0, 0.1, len(some))
    model = lightgbm.train({"num_leaves": 32, "verbose": -1}, lightgbm.Dataset(some, label), 100)
    labelled = store.tables.spark.spark_session.createDataFrame(some.head(100).assign(fare=1.0))
    with store.model_registry.run("benchmark", {}):
        store.log_model(
            model=model,
            artifact_path="model",
            flavor=mlflow.lightgbm,
            training_set=store.create_training_set(df=labelled, feature_lookups=[], label="fare"),
            registered_model_name=store.model_registry.model,
            pip_requirements=["lightgbm"],
        )
    return model


def ours(store: LocalFeatureStore, folder: Path) -> None:
    rows = store.tables.spark.spark_session.read.parquet(str(folder / "rows"))
    scored = store.score_batch(model_uri=f"models:/{store.model_registry.model}/1", df=rows)
    scored.write.mode("overwrite").parquet(str(folder / "ours"))


def in_process(model: lightgbm.Booster, folder: Path) -> None:
    rows = pq.read_table(folder / "rows")
    predicted = model.predict(rows.select(INPUTS).to_pandas(), num_threads=os.cpu_count())
    shutil.rmtree(folder / "in_process", ignore_errors=True)
    (folder / "in_process").mkdir()
    pq.write_table(rows.append_column("prediction", pa.array(predicted)), folder / "in_process" / "rows.parquet")


def content(folder: Path) -> pl.DataFrame:
    return pl.scan_parquet(f"{folder}/*.parquet").sort("x0", "x1").select(pl.col("prediction").round(6)).collect()
