"""The adapter's calls against the signatures of Databricks' own client, where its package is installed."""

from __future__ import annotations

import inspect
from datetime import timedelta
from types import SimpleNamespace

import pytest
import yaml

from mlops_core.adapters.feature_store.databricks import DatabricksFeatureStore
from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.feature_store.spec import FeatureColumn, FeatureSpec, SourceColumn
from mlops_core.adapters.spark import ClusterSpark
from mlops_core.adapters.tables import UnityCatalogTables
from mlops_core.project.feature_lookup import FeatureLookup

real = pytest.importorskip("databricks.feature_engineering", reason="needs Databricks' client: make test-contract")

METHODS = [
    "create_table",
    "get_table",
    "read_table",
    "write_table",
    "drop_table",
    "create_training_set",
    "log_model",
    "score_batch",
]


NO_ROWS = SimpleNamespace(collect=list)


class SignatureClient:
    """Stands for the real client: accepts what its signatures accept, and keeps the last call."""

    def __init__(self) -> None:
        self.calls: dict[str, dict] = {}

    def __getattr__(self, name: str):
        signature = inspect.signature(getattr(real.FeatureEngineeringClient, name))

        def call(**kwargs):
            signature.bind(self, **kwargs)
            self.calls[name] = kwargs
            return SimpleNamespace(model_uri="models:/m-1")

        return call


@pytest.fixture
def store() -> DatabricksFeatureStore:
    store = DatabricksFeatureStore(UnityCatalogTables(ClusterSpark(), "main", "taxi"))
    vars(store)["client"] = SignatureClient()
    return store


def parameters(function) -> set[str]:
    named = inspect.signature(function).parameters.values()
    return {parameter.name for parameter in named if parameter.kind is not parameter.VAR_KEYWORD} - {"self"}


@pytest.mark.parametrize("method", METHODS)
def test_arguments_have_the_real_names(method):
    ours = parameters(getattr(FeatureStore, method))
    through_kwargs = {"signature", "input_example", "params"} if method == "log_model" else set()
    assert ours - through_kwargs <= parameters(getattr(real.FeatureEngineeringClient, method))
    assert parameters(getattr(LocalFeatureStore, method)) == ours
    assert parameters(getattr(DatabricksFeatureStore, method)) == ours


def test_a_look_up_has_the_real_names():
    assert parameters(FeatureLookup) == parameters(real.FeatureLookup)


def test_plain_names_become_full_names(store):
    store.create_table(name="pickups", primary_keys=["zip", "ts"], timeseries_column="ts", df="rows", tags={"a": "b"})
    store.write_table(name="other.pickups", df="rows")
    store.read_table(name="pickups")
    store.get_table(name="a.b.c")
    store.drop_table(name="pickups")
    names = [store.client.calls[method]["name"] for method in METHODS[:5]]
    assert names == ["main.taxi.pickups", "a.b.c", "main.taxi.pickups", "main.other.pickups", "main.taxi.pickups"]
    assert store.client.calls["create_table"]["timeseries_column"] == "ts"


def test_look_ups_become_real_ones(store):
    window = timedelta(hours=1)
    lookup = FeatureLookup(
        "pickups",
        "pickup_zip",
        feature_names=["count"],
        rename_outputs={"count": "trips"},
        timestamp_lookup_key="pickup",
        lookback_window=window,
        default_values={"trips": 0},
    )
    whole = FeatureLookup("a.b.zones", ["zip", "kind"])
    store.create_training_set(df="rows", feature_lookups=[lookup, whole], label="fare", exclude_columns=("pickup",))
    call = store.client.calls["create_training_set"]
    first, second = call.pop("feature_lookups")
    assert call == {"df": "rows", "label": "fare", "exclude_columns": ["pickup"]}
    assert (first.table_name, first.lookup_key) == ("main.taxi.pickups", ["pickup_zip"])
    assert (first.feature_names, first.default_values) == (["count"], {"trips": 0})
    assert (first.timestamp_lookup_key, first.lookback_window) == ("pickup", window)
    assert first._get_output_name("count") == "trips"
    assert (second.table_name, second.lookup_key, second.feature_names) == ("a.b.zones", ["zip", "kind"], [])
    assert (second.timestamp_lookup_key, second.lookback_window) == (None, None)


def test_logging_and_scoring_fit_the_real_client(store):
    infos = [SimpleNamespace(output_name="distance", include=True), SimpleNamespace(output_name="zip", include=False)]
    training_set = SimpleNamespace(feature_spec=SimpleNamespace(column_infos=infos))
    flavor = SimpleNamespace(__name__="mlflow.lightgbm")
    arguments = {"model": 1, "artifact_path": "model", "flavor": flavor, "training_set": training_set}
    store.log_model(**arguments, input_example=SimpleNamespace(columns=["distance"]), pip_requirements=["lightgbm"])
    call = store.client.calls["log_model"]
    assert call == arguments | {"infer_input_example": True, "params": {}, "pip_requirements": ["lightgbm"]}
    with pytest.raises(ValueError, match=r"inputs \['zip'\] are not the columns \['distance'\]"):
        store.log_model(**arguments, input_example=SimpleNamespace(columns=["zip"]))
    uri = "models:/main.taxi.fare_model@champion"
    store.score_batch(model_uri=uri, df="rows", result_type="float", env_manager="uv", params={"a": 1})
    arguments = {"model_uri": uri, "df": "rows", "result_type": "float", "env_manager": "uv", "params": {"a": 1}}
    assert store.client.calls["score_batch"] == arguments


def test_the_real_client_reads_our_specification():
    from databricks.ml_features_common.entities.feature_spec import FeatureSpec as RealSpec

    ours = FeatureSpec(
        sources=(SourceColumn("zip", "int", include=False), SourceColumn("distance", "double")),
        features=(FeatureColumn("trips", "int", "taxi.pickups", "count", ("zip",), "pickup", default="0"),),
        lookback_windows={"taxi.pickups": timedelta(milliseconds=1500)},
    )
    theirs = RealSpec._from_dict(yaml.safe_load(ours.to_yaml()))
    assert [(info.output_name, info.include) for info in theirs.column_infos] == [
        ("zip", False),
        ("distance", True),
        ("trips", True),
    ]
    (feature,) = theirs.feature_column_infos
    assert (feature.feature_name, feature.lookup_key, feature.timestamp_lookup_key) == ("count", ["zip"], ["pickup"])
    assert feature.default_value_str == "0"
    assert FeatureSpec.from_yaml(yaml.safe_dump(theirs._to_dict(), sort_keys=False)) == ours


def test_tables_are_published_with_the_real_arguments(store, monkeypatch):
    calls = vars(store)["client"].calls
    monkeypatch.setattr(ClusterSpark, "spark_session", property(lambda _: SimpleNamespace(sql=lambda _: NO_ROWS)))
    found = SimpleNamespace(state="AVAILABLE")
    vars(store)["client"].get_online_store = lambda *, name: found if "create_online_store" in calls else None
    assert store.publish(["pickups"], "fares", "CU_2") == ["main.taxi.pickups_online"]
    assert calls["create_online_store"] == {"name": "fares", "capacity": "CU_2"}
    published = calls["publish_table"]
    assert (published["source_table_name"], published["online_table_name"]) == (
        "main.taxi.pickups",
        "main.taxi.pickups_online",
    )
