"""What a name may be: refused is what LightGBM, Delta or Unity Catalog would refuse or change.

LightGBM and delta-rs are asked. What Delta refuses on Spark, and that Unity Catalog stores the names of tables in lower
case and takes 255 characters, is from their documentation.
"""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from mlops_core.project import Count
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.names import NameRefusedError, require_columns, require_table
from my_mlops_stacks.project import PROJECT

ALLOWED = ("mean_fare_1h", "MeanFare", "_x", "a" * 255)
OF_LIGHTGBM = ("mean fare", " ", "a,b", 'a"b', "a:b", "a[1]", "a{b}", "", "a\nb")
OF_DELTA = ("a;b", "a(b)", "a=b", "a\tb", "a b")
OF_UNITY_CATALOG = ("a.b", "a/b", "naïve", "距離", "a" * 256, "a`b", "a-b", "a\x7fb", "1st")


def taken_by_lightgbm(names: list[str]) -> bool:
    """Whether a model keeps the names as they are."""
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(40, len(names))), columns=names)
    try:
        model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, label=rows.iloc[:, 0]), 2)
        return lightgbm.Booster(model_str=model.model_to_string()).feature_name() == names
    except lightgbm.basic.LightGBMError:
        return False


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_is_taken_as_it_is(tmp_path, name):
    require_columns([name], "here")
    assert taken_by_lightgbm([name, "other"])
    write_deltalake(tmp_path, pa.table({name: [1.0]}))
    assert DeltaTable(tmp_path).to_pandas().columns.tolist() == [name]


@pytest.mark.parametrize("name", OF_LIGHTGBM)
def test_what_lightgbm_refuses_or_changes_is_refused(name):
    assert not taken_by_lightgbm([name, "other"])
    with pytest.raises(NameRefusedError, match="here: .* cannot name a column"):
        require_columns([name], "here")


@pytest.mark.parametrize("name", (*OF_DELTA, *OF_UNITY_CATALOG))
def test_what_delta_or_unity_catalog_refuses_is_refused(name):
    with pytest.raises(NameRefusedError, match="use up to 255 of the letters a to z, digits and underscores"):
        require_columns([name], "here")


def test_names_that_differ_by_case_alone_are_one_column_to_delta(tmp_path):
    with pytest.raises(Exception, match="Duplicate field name"):
        write_deltalake(tmp_path, pa.table({"Zip": [1], "zip": [2]}))
    with pytest.raises(NameRefusedError, match="'Zip' and 'zip' differ by case alone"):
        require_columns(["Zip", "zip"], "here")


def test_names_that_lightgbm_would_make_the_same_never_get_there():
    assert not taken_by_lightgbm(["a b", "a_b"])
    with pytest.raises(NameRefusedError, match="'a_b' and 'a_b' are the same"):
        require_columns(["a_b", "a_b"], "here")


def test_all_names_that_are_refused_are_told_at_once():
    with pytest.raises(NameRefusedError) as refused:
        require_columns(["a b", "good", "c-d", "1e", "Zip", "zip", "ZIP"], "here")
    assert str(refused.value) == (
        "here: 'a b', 'c-d' and '1e' cannot name a column, for LightGBM, Delta or Unity Catalog would refuse or change "
        "them: use up to 255 of the letters a to z, digits and underscores, no digit first. "
        "'Zip' and 'zip' differ by case alone, so Delta takes them for one column and "
        "'Zip' and 'ZIP' differ by case alone, so Delta takes them for one column: rename one of each pair."
    )


def test_of_very_many_names_some_are_told():
    with pytest.raises(NameRefusedError, match=r"'n 0', .*, 'n 19' and 80 more cannot name a column"):
        require_columns([f"n {number}" for number in range(100)], "here")


@pytest.mark.parametrize("name", ["Zones", "my zones", "zonen_ä", "z" * 256, "zones-1"])
def test_a_table_is_named_as_unity_catalog_stores_it(name):
    with pytest.raises(NameRefusedError, match="cannot name a table"):
        require_table(name, "here")
    with pytest.raises(NameRefusedError, match=f"FeatureLookup in 'a.b.{name}'"):
        FeatureLookup(f"a.b.{name}", "zip")


@pytest.mark.parametrize(
    "written",
    [
        {"feature_names": ["mean fare"]},
        {"feature_names": "mean,fare"},
        {"feature_names": ["fare"], "rename_outputs": {"fare": "fare [USD]"}},
        {"rename_outputs": {"fare": "Fare: mean"}},
        {"feature_names": ["fare", "mean"], "rename_outputs": {"fare": "usual", "mean": "Usual"}},
        {"feature_names": ["fare", "mean"], "rename_outputs": {"fare": "mean"}},
    ],
)
def test_a_look_up_is_refused_where_it_is_written(written):
    with pytest.raises(NameRefusedError, match="FeatureLookup in 'zones': '"):
        FeatureLookup("zones", "zip", **written)


def test_look_ups_whose_outputs_are_one_column_are_refused_where_the_project_is_declared():
    pickup, *others = PROJECT.lookups
    renamed = replace(pickup, rename_outputs={"mean_fare_window_1h_pickup_zip": "Trip_Distance"})
    with pytest.raises(NameRefusedError, match="'trip_distance' and 'Trip_Distance' differ by case"):
        replace(PROJECT, models=(replace(PROJECT.model, lookups=(renamed, *others)),))


@pytest.mark.parametrize("name", ["mean fare", "ts", "Day", "zip", "fare,mean"])
def test_a_feature_is_refused_where_it_is_declared(name):
    first = PROJECT.feature_tables[0]
    with pytest.raises(NameRefusedError, match="'trip_pickup_features'|Column: "):
        replace(first, aggregates=(Count(name, "Trips"),))
