"""Logged models and batch scoring: a LightGBM model on MLflow with SQLite, from training set to predictions."""

from __future__ import annotations

import gc
from datetime import datetime, timedelta
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature
from sklearn.linear_model import LinearRegression

from mlops_core.adapters.feature_store import scoring
from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.feature_store.spec import FeatureSpecNotFoundError, read_spec
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.conftest import TIME

NOON, HOUR = datetime(2016, 1, 1, 12), timedelta(hours=1)
TRIPS = pa.schema([("pickup_zip", pa.int32()), ("pickup", TIME), ("distance", pa.float64()), ("fare", pa.float64())])
PICKUPS = pa.schema([("zip", pa.int32()), ("ts", TIME), ("mean_fare", pa.float32()), ("count", pa.int32())])
LOOKUP = FeatureLookup(
    "pickups",
    "pickup_zip",
    feature_names=["mean_fare", "count"],
    rename_outputs={"count": "trips"},
    timestamp_lookup_key="pickup",
    lookback_window=24 * HOUR,
    default_values={"trips": 0},
)
INPUTS = ["distance", "mean_fare", "trips"]


def trips_and_features(rows: int = 400) -> tuple[list[tuple], list[tuple]]:
    random = np.random.default_rng(0)
    trips = [
        (int(zip_code), NOON + timedelta(minutes=int(minute)), float(distance), float(3 * distance + 2 * zip_code))
        for zip_code, minute, distance in zip(
            random.integers(1, 6, rows), random.integers(0, 3000, rows), random.random(rows) * 10, strict=True
        )
    ]
    features = [(zip_code, NOON + n * HOUR, float(zip_code * 10 + n), n) for zip_code in (1, 2, 3) for n in range(40)]
    return trips, features


def with_features(trips: list[tuple], features: list[tuple]) -> pd.DataFrame:
    """The model's inputs by pandas."""
    left = (
        pd.DataFrame(trips, columns=TRIPS.names).astype({"pickup": "datetime64[us]"}).rename_axis("row").reset_index()
    )
    right = pd.DataFrame(features, columns=["pickup_zip", "ts", "mean_fare", "trips"]).astype({"ts": "datetime64[us]"})
    found = pd.merge_asof(
        left.sort_values("pickup"),
        right.astype({"mean_fare": "float32"}).sort_values("ts"),
        left_on="pickup",
        right_on="ts",
        by="pickup_zip",
        tolerance=pd.Timedelta(hours=24),
    )
    return found.fillna({"trips": 0}).sort_values("row").reset_index(drop=True)


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return with_features(*trips_and_features())


@pytest.fixture(scope="module")
def model(expected) -> lightgbm.Booster:
    data = lightgbm.Dataset(expected[INPUTS].astype("float64"), expected["fare"])
    return lightgbm.train({"objective": "regression", "num_leaves": 8, "verbose": -1}, data, 10)


@pytest.fixture
def trips(make_frame):
    return make_frame(trips_and_features()[0], TRIPS)


@pytest.fixture
def pickups(store, make_frame) -> LocalFeatureStore:
    rows = make_frame(trips_and_features()[1], PICKUPS)
    store.create_table(name="pickups", primary_keys=["zip", "ts"], timeseries_column="ts", df=rows)
    return store


@pytest.fixture
def training_set(pickups, trips):
    excluded = ["pickup_zip", "pickup"]
    return pickups.create_training_set(df=trips, feature_lookups=[LOOKUP], label="fare", exclude_columns=excluded)


def logged(store: LocalFeatureStore, model, training_set, **arguments):
    requirements = {"flavor": mlflow.lightgbm, "pip_requirements": ["lightgbm"], "registered_model_name": "fare_model"}
    with store.model_registry.run("training", {}):
        return store.log_model(
            model=model, artifact_path="model", training_set=training_set, **(requirements | arguments)
        )


def test_a_model_is_scored_with_the_features_of_its_training(pickups, model, training_set, trips, expected):
    version = logged(pickups, model, training_set).registered_model_version
    scored = pickups.score_batch(model_uri=f"models:/fare_model/{version}", df=trips.drop("fare"))
    assert scored.columns == ["pickup_zip", "pickup", *INPUTS, "prediction"]
    assert scored.schema["prediction"].dataType.simpleString() == "double"
    found = scored.orderBy("pickup", "distance").toPandas()
    truth = expected.sort_values(["pickup", "distance"]).reset_index(drop=True)
    np.testing.assert_allclose(found["mean_fare"], truth["mean_fare"])
    np.testing.assert_allclose(found["trips"], truth["trips"])
    np.testing.assert_allclose(found["prediction"], model.predict(truth[INPUTS].astype("float64")))


def test_an_alias_means_the_version_that_holds_it_now(pickups, model, training_set, trips):
    version = logged(pickups, model, training_set).registered_model_version
    other = LinearRegression().fit(pd.DataFrame([[0.0, 0.0, 0]], columns=INPUTS), [7.0])
    newer = logged(pickups, other, training_set, flavor="sklearn", pip_requirements=["scikit-learn"])
    client = pickups.model_registry.client
    client.set_registered_model_alias("fare_model", "champion", version)
    before = pickups.score_batch(model_uri="models:/fare_model@champion", df=trips)
    client.set_registered_model_alias("fare_model", "champion", newer.registered_model_version)
    with_all = trips.selectExpr("*", "CAST(1 AS FLOAT) AS mean_fare")
    after = pickups.score_batch(model_uri="models:/fare_model@champion", df=with_all)
    assert {row["prediction"] for row in after.collect()} == {7.0}
    assert len({row["prediction"] for row in before.collect()}) > 10


def test_values_in_df_override_look_ups_and_defaults_fill_their_nulls(pickups, model, training_set, make_frame):
    version = logged(pickups, model, training_set).registered_model_version
    schema = pa.schema([*TRIPS, ("trips", pa.int32()), ("note", pa.string())])
    rows = [(1, NOON, 5.0, 1.0, 30, "given"), (1, NOON, 5.0, 2.0, None, "null")]
    scored = pickups.score_batch(model_uri=f"models:/fare_model/{version}", df=make_frame(rows, schema))
    assert scored.columns == [*schema.names, "mean_fare", "prediction"]
    given, null = scored.orderBy("note").collect()
    assert (given["trips"], null["trips"]) == (30, 0)
    assert given["mean_fare"] == 10.0
    inputs = pd.DataFrame([[5.0, 10.0, 30.0], [5.0, 10.0, 0.0]], columns=INPUTS)
    np.testing.assert_allclose([given["prediction"], null["prediction"]], model.predict(inputs))


@pytest.mark.parametrize(
    ("result_type", "convert"),
    [
        ("double", float),
        ("float", np.float32),
        ("string", str),
        ("array<double>", lambda value: [value]),
        ("array<string>", lambda value: [str(value)]),
    ],
)
def test_predictions_come_as_the_type_asked_for(pickups, model, training_set, result_type, convert):
    version = logged(pickups, model, training_set).registered_model_version
    trip = training_set.df.selectExpr(
        "1 AS pickup_zip", "TIMESTAMP'2016-01-01 12:00:00' AS pickup", "5D AS distance"
    ).limit(1)
    scored = pickups.score_batch(model_uri=f"models:/fare_model/{version}", df=trip, result_type=result_type)
    assert scored.schema["prediction"].dataType.simpleString() == result_type
    (value,) = model.predict(pd.DataFrame([[5.0, 10.0, 0.0]], columns=INPUTS))
    assert scored.collect()[0]["prediction"] == convert(value)


def test_several_outputs_come_as_an_array_or_the_leftmost(pickups, training_set, make_frame):
    frame = pd.DataFrame(np.eye(3), columns=INPUTS)
    two = LinearRegression().fit(frame, [[1.0, 10.0], [1.0, 10.0], [1.0, 10.0]])
    info = logged(pickups, two, training_set, flavor=mlflow.sklearn, pip_requirements=["scikit-learn"])
    uri, trips = f"models:/fare_model/{info.registered_model_version}", make_frame([(1, NOON, 5.0, 1.0)], TRIPS)
    both = pickups.score_batch(model_uri=uri, df=trips, result_type="array<float>").collect()[0]["prediction"]
    assert both == pytest.approx([1.0, 10.0])
    assert pickups.score_batch(model_uri=uri, df=trips).collect()[0]["prediction"] == pytest.approx(1.0)
    with pytest.raises(Exception, match="no column that fits result_type 'int32'"):
        pickups.score_batch(model_uri=uri, df=trips, result_type="int").collect()
    with pytest.raises(MlflowException, match="result_type 'map<string,int>' is none of double"):
        pickups.score_batch(model_uri=uri, df=trips, result_type="map<string,int>")


def test_what_cannot_be_scored_is_refused(pickups, model, training_set, trips):
    version = logged(pickups, model, training_set).registered_model_version
    for df, sentence in [
        (trips.selectExpr("*", "1 AS prediction"), "adds the column 'prediction', which df already has"),
        (trips.selectExpr("*", "1 AS Prediction"), "adds the column 'prediction', which df already has"),
        (trips.selectExpr("*", "1 AS Trips"), r"has the features \['trips'\] in another case"),
        (trips.selectExpr("*", "1 AS __moment"), r"needs the names \['__moment'\]"),
        (trips.drop("pickup"), r"lacks \['pickup'\]"),
        (trips.drop("pickup_zip"), r"lacks \['pickup_zip'\]"),
        (trips.drop("distance"), r"lacks \['distance'\]"),
        (trips.selectExpr("*", "1 AS fare"), "names a column twice"),
        (trips.selectExpr("CAST(pickup_zip AS BIGINT) AS pickup_zip", "pickup", "distance"), "'pickup_zip' is bigint"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            pickups.score_batch(model_uri=f"models:/fare_model/{version}", df=df)


def test_no_rows_have_no_predictions(pickups, model, training_set, trips):
    version = logged(pickups, model, training_set).registered_model_version
    assert pickups.score_batch(model_uri=f"models:/fare_model/{version}", df=trips.limit(0)).collect() == []


def test_the_logged_model_predicts_by_itself_for_rows_with_all_features(pickups, model, training_set, expected):
    frame = expected[INPUTS].astype("float64")
    info = logged(pickups, model, training_set, input_example=frame.head(2))
    assert info.signature.inputs.input_names() == INPUTS
    loaded = mlflow.pyfunc.load_model(f"models:/fare_model/{info.registered_model_version}")
    np.testing.assert_allclose(loaded.predict(frame), model.predict(frame))


def test_the_logged_model_brings_its_loader(pickups, model, training_set, tmp_path):
    folder = Path(
        mlflow.artifacts.download_artifacts(logged(pickups, model, training_set).model_uri, dst_path=str(tmp_path))
    )
    flavor = Model.load(folder).flavors["python_function"]
    loader = folder / flavor["code"] / f"{flavor['loader_module']}.py"
    assert "my_mlops_stacks" not in loader.read_text()


SPECIFICATION = """
feature_store_client_version: my_mlops_stacks
input_columns:
- pickup_zip:
    data_type: int
    include: false
    source: training_data
- pickup:
    data_type: timestamp
    include: false
    source: training_data
- distance:
    data_type: double
    source: training_data
- mean_fare:
    table_name: test.pickups
    feature_name: mean_fare
    lookup_key: [pickup_zip]
    timestamp_lookup_key: [pickup]
    data_type: float
    source: feature_store
- trips:
    table_name: test.pickups
    feature_name: count
    lookup_key: [pickup_zip]
    timestamp_lookup_key: [pickup]
    default_value: '0'
    data_type: int
    source: feature_store
input_tables:
- test.pickups:
    lookback_window: 86400.0
serialization_version: 9
"""


def test_the_layout_is_that_of_the_real_client(pickups, model, training_set, tmp_path):
    uri = logged(pickups, model, training_set).model_uri
    data = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path))) / "data" / "feature_store"
    raw = mlflow.lightgbm.load_model(str(data / "raw_model"))
    assert raw.model_to_string() == model.model_to_string()
    assert yaml.safe_load((data / "feature_spec.yaml").read_text()) == yaml.safe_load(SPECIFICATION)
    spec = read_spec(uri)
    assert spec.model_inputs == INPUTS
    assert spec.required_columns == ["pickup_zip", "pickup", "distance"]
    assert [source.name for source in spec.sources if not source.include] == ["pickup_zip", "pickup"]


@pytest.mark.parametrize("columns", [["mean_fare", "distance", "trips"], ["distance", "mean_fare"]])
def test_a_model_with_other_inputs_than_its_training_set_is_refused(pickups, model, training_set, expected, columns):
    frame = expected[columns].astype("float64").head(2)
    for stated in ({"input_example": frame}, {"signature": infer_signature(frame)}):
        with pytest.raises(ValueError, match="are not the columns"):
            logged(pickups, model, training_set, **stated)


def test_a_model_without_a_specification_is_named(store, model):
    with store.model_registry.run("training", {}):
        info = mlflow.lightgbm.log_model(model, name="model", pip_requirements=["lightgbm"])
    with pytest.raises(FeatureSpecNotFoundError, match=f"{info.model_uri} has no feature_spec.yaml"):
        read_spec(info.model_uri)


def test_a_frame_outlives_its_store_and_its_model(pickups, model, training_set, trips):
    version = logged(pickups, model, training_set).registered_model_version
    another = LocalFeatureStore(pickups.tables, pickups.model_registry)
    scored = another.score_batch(model_uri=f"models:/fare_model/{version}", df=trips)
    pickups.model_registry.client.delete_model_version("fare_model", version)
    del another
    gc.collect()
    scoring._cached.cache_clear()  # as in a worker that has not loaded the model yet
    assert scored.where("prediction IS NOT NULL").count() == 400
