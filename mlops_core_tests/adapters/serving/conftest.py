"""Models that say what they saw, over feature tables of every kind: composite keys, no time, looked up by a feature."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pytest

from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.mlflow_database import database_uri, make_database
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.serving.local import LocalEndpoint
from mlops_core.adapters.serving.newest_rows import FeatureTableCache
from mlops_core.adapters.serving.protocol import Traffic
from mlops_core.adapters.serving.served_endpoint import ServedEndpoint
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.ports import free_port

TIME = pa.timestamp("us", tz="UTC")
END = datetime(2017, 1, 1, tzinfo=UTC)
ASKED = pa.schema(
    [("zip", pa.int32()), ("kind", pa.string()), ("at", TIME), ("day", pa.date32()), ("km", pa.float64())]
)
ROWS = [
    (1, "taxi", END, date(2016, 2, 3), 1.5),
    (2, "taxi", END, date(2016, 2, 4), 2.0),
    (1, "bike", END, None, None),
    (3, "taxi", END, date(9999, 12, 31), 4.0),
    (None, "taxi", END, date(2016, 2, 4), 5.0),
    (1, None, END, date(2016, 2, 4), 6.0),
    (99, "taxi", END, date(2016, 2, 4), 7.0),
]
PICKUPS = pa.schema(
    [("zip", pa.int32()), ("kind", pa.string()), ("ts", TIME), ("mean", pa.float64()), ("n", pa.int64())]
)
ZONES = pa.schema([("zip", pa.int32()), ("borough", pa.string()), ("airport", pa.bool_()), ("since", pa.date32())])
CODES = pa.schema([("borough", pa.string()), ("code", pa.int16()), ("rate", pa.decimal128(6, 2))])


def hour(of_day: int, day: int = 1) -> datetime:
    return datetime(2016, 2, day, of_day, tzinfo=UTC)


PICKUP_ROWS = [
    (1, "taxi", hour(1), 1.0, 10),
    (1, "taxi", hour(3), 3.0, 2**53 + 1),  # the newest
    (1, "taxi", hour(2), 2.0, 20),
    (1, "bike", hour(5), None, None),  # the newest: a row wins as a whole
    (1, "bike", hour(4), 4.0, 40),
    (2, "taxi", hour(1), 5.0, 50),
]
LOOKUPS = [
    FeatureLookup(
        "codes",
        "borough",
        feature_names=["code", "rate"],
        default_values={"tariff": -1},
        rename_outputs={"code": "tariff"},
    ),
    FeatureLookup("pickups", ["zip", "kind"], timestamp_lookup_key="at", default_values={"n": 0}),
    FeatureLookup("zones", "zip"),
]
TABLES = {
    "pickups": (PICKUPS, ["zip", "kind", "ts"], "ts", PICKUP_ROWS),
    "zones": (ZONES, ["zip"], None, [(1, "Queens", True, date(1898, 1, 1)), (2, None, False, None)]),
    "codes": (CODES, ["borough"], None, [("Queens", 7, Decimal("1.25")), ("Bronx", 8, None)]),
}


class Witness(mlflow.pyfunc.PythonModel):
    """Answers each row with its inputs, as text, after its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, context, model_input, params=None):
        if "km" in model_input and (model_input["km"] < 0).any():
            raise ArithmeticError("km is below zero\nand more")
        rows = model_input.astype(object).where(model_input.notna(), None).to_dict("records")
        return [" ".join([self.name, *map(_plain, row.values())]) for row in rows]


def _plain(value: Any) -> str:
    """Integers that had to be floats beside a null are integers again."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@dataclass(frozen=True)
class Place:
    """Where models are, and the tables that they look up."""

    store: LocalFeatureStore
    folder: Path

    @property
    def registry(self) -> ModelRegistry:
        return self.store.model_registry

    def frame(self, schema: pa.Schema, rows: list[tuple]) -> Any:
        table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
        return self.store.tables.spark.spark_session.createDataFrame(table)

    def logged(self, name: str) -> ModelVersion:
        training_set = self.store.create_training_set(
            df=self.frame(ASKED, ROWS), feature_lookups=LOOKUPS, label=None, exclude_columns=["at", "borough"]
        )
        with self.registry.run(name, {}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = self.store.log_model(
                model=Witness(name),
                artifact_path="model",
                flavor=mlflow.pyfunc,
                training_set=training_set,
                registered_model_name=self.registry.model,
                pip_requirements=["mlflow"],
            )
        return self.registry.get(info.registered_model_version)

    def endpoint(self, name: str, model: str = "") -> LocalEndpoint:
        registry = replace(self.registry, model=model) if model else self.registry
        warehouse = self.store.tables.spark.warehouse
        return LocalEndpoint(name, registry, self.folder / "serving", warehouse / "test", free_port())

    def served(self, name: str, traffic: Traffic) -> ServedEndpoint:
        endpoint = self.endpoint(name)
        return endpoint.served(lambda: traffic, FeatureTableCache(endpoint.schema_folder))


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("serving")
    make_database(folder / "mlflow.db")
    uri = database_uri(folder / "mlflow.db")
    registry = ModelRegistry("witness", "witnesses", uri, uri, "http://127.0.0.1:5000", folder / "artifacts")
    store = LocalFeatureStore(LocalTables(LocalSpark(folder / "warehouse", "test")), registry)
    made = Place(store, folder)
    for name, (schema, keys, time, rows) in TABLES.items():
        store.create_table(name=name, primary_keys=keys, timeseries_column=time, df=made.frame(schema, rows))
    yield made


@pytest.fixture(scope="package")
def versions(place: Place) -> tuple[ModelVersion, ModelVersion]:
    return place.logged("first"), place.logged("second")
