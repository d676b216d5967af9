"""The stores that every case runs on: the twin, or Databricks' own client where this environment has it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core_tests.adapters.feature_store.contract import stores


def real_client_is_here() -> bool:
    try:
        return find_spec("databricks.feature_engineering") is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module", params=["tempo join", "native join"] if real_client_is_here() else ["twin"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeatureStore]:
    folder = tmp_path_factory.mktemp("contract")
    if request.param == "twin":
        yield stores.twin(folder)
        return
    with stores.real(folder, native_join=request.param == "native join") as made:
        yield made
