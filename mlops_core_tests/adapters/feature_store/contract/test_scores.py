"""What a model sees of the rows that it scores, and what its caller may say about it.

The models tell the types of their inputs. Databricks' client scores by Spark's join alone here: dbl-tempo's makes types
on Sail 0.7 that no UDF takes.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.pyfunc import PythonModel

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.contract import stores
from mlops_core_tests.adapters.feature_store.contract.cases import pickups

AT = {"zip": "int", "at": "timestamp"}
KINDS = FeatureLookup("kinds", "zip")
NUMBERS = FeatureLookup("kinds", "zip", feature_names=["s", "i", "l", "f", "d", "b"])
ZONE, CODE = FeatureLookup("zones", "zip"), FeatureLookup("codes", "borough")


class Witness(PythonModel):
    """Predicts what it was given: types, parameters, and each row."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:
        types = " ".join(map(str, model_input.dtypes))
        added = (params or {}).get("added", "")
        return [f"{types}|{added}|{len(row)} {list(map(str, row))}" for row in model_input.itertuples(index=False)]


@pytest.fixture(autouse=True)
def _spark_join_only(request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["store"] == "tempo join":
        pytest.skip("dbl-tempo's nulls are void on Sail 0.7")


def logged(store: FeatureStore, schema: dict[str, str], look_ups: list[FeatureLookup], **arguments: Any) -> str:
    rows = stores.frame(stores.session(store), schema, [(1, *[None] * (len(schema) - 1))])
    excluded = arguments.pop("exclude_columns", ())
    training_set = store.create_training_set(df=rows, feature_lookups=look_ups, label=None, exclude_columns=excluded)
    return stores.logged(store, training_set, Witness(), "pyfunc", **arguments)


def said(store: FeatureStore, uri: str, schema: dict[str, str], rows: list[tuple], **arguments: Any) -> list[str]:
    """The predictions, in the order of zip; the rows come in one batch."""
    frame = stores.frame(stores.session(store), schema, rows)
    scored = store.score_batch(model_uri=uri, df=frame, result_type="string", **arguments)
    return [row["prediction"] for row in sorted(scored.collect(), key=lambda row: row["zip"])]


def types(prediction: str) -> list[str]:
    return prediction.split("|", maxsplit=1)[0].split()


@pytest.mark.parametrize(
    ("look_up", "whole", "broken"),
    [
        (
            KINDS,
            "int32 bool float64 float32 int32 int64 int16 object",
            "int32 object float64 float32 Int32 Int64 Int16 object",
        ),
        (
            NUMBERS,
            "int32 int16 int32 int64 float32 float64 bool",
            "int32 float64 float64 float64 float32 float64 object",
        ),
    ],
    ids=["with a text", "numbers alone"],
)
def test_integers_with_a_null(store: FeatureStore, look_up: FeatureLookup, whole: str, broken: str) -> None:
    """They stay integers when a text is among the inputs: PySpark 4.2 converts numbers alone by NumPy."""
    uri = logged(store, {"zip": "int"}, [look_up])
    assert types(said(store, uri, {"zip": "int"}, [(2,)])[0]) == whole.split()
    assert types(said(store, uri, {"zip": "int"}, [(1,)])[0]) == broken.split()


def test_a_large_integer_beside_a_null_is_exact(store: FeatureStore) -> None:
    schema = {"zip": "int", "n": "bigint", "t": "string"}
    uri = logged(store, schema, [ZONE])
    assert f"'{2**53 + 1}'" in said(store, uri, schema, [(1, 2**53 + 1, "x"), (2, None, "y")])[0]


def test_times_and_dates(store: FeatureStore) -> None:
    schema = AT | {"day": "date"}
    uri = logged(store, schema, [ZONE])
    assert types(said(store, uri, schema, [(1, 70, None)])[0]) == ["int32", "datetime64[ns]", "object", "object"]


def test_a_row_without_time_is_scored_without_features(store: FeatureStore) -> None:
    uri = logged(store, AT, [FeatureLookup(**pickups())])
    with_time, without = said(store, uri, AT, [(1, 70), (2, None)])
    assert with_time.endswith("['1', '2016-01-05 01:10:00', '5.0', '10.0']") or with_time.endswith("'5.0', '10']")
    assert without.endswith("['2', 'NaT', 'nan', 'nan']")


def test_chained_look_ups_score(store: FeatureStore) -> None:
    uri = logged(store, AT, [CODE, ZONE], exclude_columns=["at", "borough"])
    frame = stores.frame(stores.session(store), {"zip": "int"}, [(1,)])
    scored = store.score_batch(model_uri=uri, df=frame, result_type="string")
    assert scored.columns == ["zip", "code", "prediction"]
    assert scored.collect()[0]["prediction"].endswith("['1', '7']")
    brought = {"zip": "int", "borough": "string"}
    assert said(store, uri, brought, [(1, "Bronx")])[0].endswith("['1', '8']")


def test_parameters_reach_the_model(store: FeatureStore) -> None:
    uri = logged(store, AT, [ZONE], params={"added": "usual"})
    added = [said(store, uri, AT, [(1, 70)], params=given)[0].split("|")[1] for given in (None, {}, {"added": "other"})]
    assert added == ["usual", "usual", "other"]


def test_parameters_may_stand_in_the_signature(store: FeatureStore) -> None:
    rows = pd.DataFrame({"zip": [1], "borough": ["Queens"]})
    signature = infer_signature(rows, ["x"], params={"added": "signed"})
    uri = logged(store, {"zip": "int"}, [ZONE], signature=signature)
    assert said(store, uri, {"zip": "int"}, [(1,)])[0].split("|")[1] == "signed"


def test_parameters_that_nothing_declares_are_ignored(store: FeatureStore) -> None:
    uri = logged(store, AT, [ZONE])
    assert said(store, uri, AT, [(1, 70)], params={"added": "other"})[0].split("|")[1] == ""


def test_the_environment_is_this_one(store: FeatureStore) -> None:
    uri = logged(store, AT, [ZONE])
    assert said(store, uri, AT, [(1, 70)], env_manager="local")
    for other in ("virtualenv", "conda", "uv", "odd"):
        with pytest.raises(MlflowException):
            said(store, uri, AT, [(1, 70)], env_manager=other)


@pytest.mark.parametrize("result_type", ["date", "decimal(10,2)", "smallint", "binary"])
def test_a_type_that_no_prediction_has(store: FeatureStore, result_type: str) -> None:
    uri = logged(store, {"zip": "int"}, [ZONE])
    with pytest.raises(MlflowException):
        store.score_batch(
            model_uri=uri, df=stores.frame(stores.session(store), {"zip": "int"}, [(1,)]), result_type=result_type
        )


@pytest.mark.parametrize("uri", ["nothing", "/tmp/nothing", ""])
def test_an_address_of_no_model(store: FeatureStore, uri: str) -> None:
    with pytest.raises(ValueError):
        store.score_batch(model_uri=uri, df=stores.frame(stores.session(store), {"zip": "int"}, [(1,)]))
