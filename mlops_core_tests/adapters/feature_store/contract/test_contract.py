"""The same cases on the twin and on Databricks' own client, whichever this environment has."""

from __future__ import annotations

import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import cases, stores
from mlops_core_tests.adapters.feature_store.contract.cases import Case, pickups
from mlops_core_tests.adapters.feature_store.contract.chained_cases import CHAINED, LABELLED

CASES = cases.CASES | CHAINED | LABELLED

TEMPO_ON_SAIL = "dbl-tempo makes nulls by a union with an untyped NULL, whose type is void on Sail 0.7"
KNOWN = {
    "tempo join": dict.fromkeys(
        [
            "the look-back window is inclusive",
            "a look-back that ends just before the next row",
            "defaults fill nulls, those of a row that matched too",
            "defaults are keyed by the new name",
        ],
        TEMPO_ON_SAIL,
    )
}


def training_set(store: FeatureStore, case: Case):
    labels = stores.frame(stores.session(store), case.schema, case.labels)
    return store.create_training_set(
        df=labels,
        feature_lookups=[FeatureLookup(**arguments) for arguments in case.look_ups],
        label=case.label,
        exclude_columns=case.exclude,
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


def test_excluded_look_up_keys_stay_in_the_specification(store: FeatureStore) -> None:
    case = Case([(1, 130, 1.0)], [pickups()], exclude=["zip", "trips"])
    made = training_set(store, case)
    assert stores.specified(made) == [("zip", False), ("at", True), ("mean_fare", True)]
    assert [tuple(row)[1:] for row in made.load_df().collect()] == [(7.0, 1.0)]


def test_a_null_label_time_raises_in_the_twin_only(request: pytest.FixtureRequest, store: FeatureStore) -> None:
    """Databricks' client drops the row in one of its joins, and keeps it without features in the other."""
    rows = training_set(store, Case([(1, 130, 1.0), (1, None, 2.0)], [pickups()])).load_df()
    if request.node.callspec.params["store"] == "twin":
        with pytest.raises(Exception, match="a label row has no time"):
            rows.collect()
    else:
        assert [row["fare"] for row in rows.collect() if row["mean_fare"] is not None] == [1.0]
