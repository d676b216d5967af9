"""The same cases on the twin and on Databricks' own client, whichever this environment has."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from my_mlops_stacks.adapters.feature_store.protocol import FeatureStore
from my_mlops_stacks.training.feature_lookup import FeatureLookup
from my_mlops_stacks_tests.adapters.feature_store.contract import stores
from my_mlops_stacks_tests.adapters.feature_store.contract.cases import CASES, Case

TEMPO_ON_SAIL = "dbl-tempo makes nulls by a union with an untyped NULL, whose type is void on Sail 0.7"
KNOWN = {
    "tempo join": dict.fromkeys(
        [
            "the look-back window is inclusive",
            "defaults fill nulls, those of a row that matched too",
            "defaults are keyed by the new name",
        ],
        TEMPO_ON_SAIL,
    )
}


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


def training_set(store: FeatureStore, case: Case):
    labels = stores.frame(stores.session(store), case.schema, case.labels)
    return store.create_training_set(
        df=labels,
        feature_lookups=[FeatureLookup(**arguments) for arguments in case.look_ups],
        label=case.label,
        exclude_columns=list(case.exclude),
    )


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.error])
def test_columns_and_rows(request: pytest.FixtureRequest, store: FeatureStore, name: str) -> None:
    if reason := KNOWN.get(request.node.callspec.params["store"], {}).get(name):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    case = CASES[name]
    rows = training_set(store, case).load_df()
    assert tuple(rows.columns) == tuple(case.columns)
    found = [tuple(row)[2:] for row in rows.collect()]
    assert sorted(found, key=repr) == sorted(map(tuple, case.rows), key=repr)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.error])
def test_errors(store: FeatureStore, name: str) -> None:
    with pytest.raises(CASES[name].error):
        training_set(store, CASES[name]).load_df().collect()
