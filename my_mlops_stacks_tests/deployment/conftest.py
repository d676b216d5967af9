"""One warehouse with features for all tests that promote models which really predict: building it takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from deltalake import DeltaTable, write_deltalake

from my_mlops_stacks_tests.gate import Gate


@pytest.fixture(scope="session")
def gate(tmp_path_factory) -> Gate:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRIPS_PATH", raising=False)
        made = Gate(tmp_path_factory.mktemp("gate"))
        made.features()
        made.registry.client.create_registered_model(made.registry.model)
        return made


@pytest.fixture
def without_neighbours(gate) -> Callable[[], AbstractContextManager[None]]:
    """A context in which the feature table lacks the feature of `NeighboursFare`."""

    @contextmanager
    def without() -> Iterator[None]:
        table = gate.table("trip_pickup_features")
        rows = DeltaTable(table).to_pyarrow_table()
        less = rows.drop_columns(["mean_fare_window_1h_pickup_zip"])
        write_deltalake(table, less, mode="overwrite", schema_mode="overwrite")
        try:
            yield
        finally:
            write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")

    return without
