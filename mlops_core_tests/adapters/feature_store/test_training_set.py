"""Training sets of the local twin: what Databricks' client was observed to do, one behaviour a test."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame

from mlops_core.adapters.feature_store.local import FeatureTableNotFoundError, LocalFeatureStore
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core_tests.adapters.feature_store.conftest import TIME

NOON, HOUR = datetime(2016, 1, 1, 12), timedelta(hours=1)
TRIPS = pa.schema([("pickup_zip", pa.int32()), ("pickup", TIME), ("distance", pa.float64()), ("fare", pa.float64())])
PICKUPS = pa.schema(
    [("zip", pa.int32()), ("ts", TIME), ("mean_fare", pa.float32()), ("count", pa.int32()), ("day", pa.date32())]
)
ZONES = pa.schema([("zip", pa.int32()), ("zone", pa.string()), ("airport", pa.bool_())])


@pytest.fixture
def pickups(store: LocalFeatureStore, make_frame) -> LocalFeatureStore:
    """The store with a time-series table and one without time."""
    day = date(2016, 1, 1)
    rows = [(1, NOON - 2 * HOUR, 10.0, 1, day), (1, NOON - HOUR, None, 2, day), (1, NOON + HOUR, 30.0, 3, day)]
    store.create_table(name="pickups", primary_keys=["zip", "ts"], timeseries_column="ts", df=make_frame(rows, PICKUPS))
    store.create_table(name="zones", primary_keys="zip", df=make_frame([(1, "Midtown", None)], ZONES))
    return store


@pytest.fixture
def trips(make_frame) -> DataFrame:
    return make_frame([(1, NOON, 2.0, 9.0), (1, NOON, 2.0, 9.0), (2, NOON, 3.0, 12.0), (None, NOON, 1.0, 5.0)], TRIPS)


def by_time(**arguments) -> FeatureLookup:
    defaults = {"table_name": "pickups", "lookup_key": "pickup_zip", "timestamp_lookup_key": "pickup"}
    return FeatureLookup(**(defaults | arguments))


def by_zip(**arguments) -> FeatureLookup:
    return FeatureLookup(**({"table_name": "zones", "lookup_key": ["pickup_zip"]} | arguments))


def loaded(store: LocalFeatureStore, df: DataFrame, *lookups: FeatureLookup, **arguments) -> DataFrame:
    arguments = {"label": "fare"} | arguments
    return store.create_training_set(df=df, feature_lookups=list(lookups), **arguments).load_df()


def rows_of(frame: DataFrame) -> list[tuple]:
    return sorted((tuple(row) for row in frame.collect()), key=str)


def test_the_newest_row_wins_as_a_whole_and_label_rows_stay(pickups, trips):
    found = loaded(pickups, trips, by_time(feature_names=["mean_fare", "count"]), exclude_columns=["pickup"])
    expected = [
        (1, 2.0, None, 2, 9.0),
        (1, 2.0, None, 2, 9.0),
        (2, 3.0, None, None, 12.0),
        (None, 1.0, None, None, 5.0),
    ]
    assert rows_of(found) == expected


def test_columns_are_inputs_then_features_in_look_up_order_then_the_label(pickups, make_frame):
    schema = pa.schema([TRIPS.field("fare"), *[TRIPS.field(name) for name in ("pickup_zip", "pickup", "distance")]])
    trips = make_frame([(9.0, 1, NOON, 2.0)], schema)
    found = loaded(pickups, trips, by_zip(), by_time(feature_names="mean_fare"), exclude_columns=["pickup", "unknown"])
    assert found.columns == ["pickup_zip", "distance", "airport", "zone", "mean_fare", "fare"]
    assert found.schema["mean_fare"].dataType.simpleString() == "float"


def test_no_feature_names_mean_all_but_keys_in_alphabetical_order(pickups, trips):
    found = loaded(pickups, trips, by_time(), label=None)
    assert found.columns == ["pickup_zip", "pickup", "distance", "fare", "count", "day", "mean_fare"]


def test_a_table_is_looked_up_twice_under_other_names(pickups, make_frame):
    schema = TRIPS.append(pa.field("dropoff_zip", pa.int32()))
    trips = make_frame([(1, NOON, 2.0, 9.0, 2), (2, NOON, 2.0, 9.0, 1)], schema)
    lookups = [
        by_time(feature_names="count", rename_outputs={"count": "pickup_count"}),
        by_time(feature_names="count", lookup_key="dropoff_zip", rename_outputs={"count": "dropoff_count"}),
        by_time(feature_names="ts", rename_outputs={"ts": "known_at"}),
    ]
    found = loaded(pickups, trips, *lookups, exclude_columns=["pickup", "distance", "pickup_zip"])
    assert found.columns == ["dropoff_zip", "pickup_count", "dropoff_count", "known_at", "fare"]
    known_at = [row["known_at"] for row in found.selectExpr("CAST(known_at AS STRING) AS known_at").collect()]
    assert sorted(map(str, known_at)) == ["2016-01-01 11:00:00", "None"]
    assert rows_of(found.drop("known_at")) == [(1, None, 2, 9.0), (2, 2, None, 9.0)]


@pytest.mark.parametrize(
    ("window", "count"), [(HOUR, 2), (HOUR - timedelta(microseconds=1), None), (timedelta(0), None)]
)
def test_the_look_back_window_is_inclusive(pickups, make_frame, window, count):
    found = loaded(pickups, make_frame([(1, NOON, 2.0, 9.0)], TRIPS), by_time(lookback_window=window))
    assert [row["count"] for row in found.collect()] == [count]


def test_a_look_back_of_zero_matches_the_same_moment(pickups, make_frame):
    trips = make_frame([(1, NOON - HOUR, 2.0, 9.0)], TRIPS)
    assert [row["count"] for row in loaded(pickups, trips, by_time(lookback_window=timedelta(0))).collect()] == [2]


def test_default_values_fill_nulls_by_the_new_name_even_in_a_row_that_matched(pickups, trips):
    fare = by_time(
        feature_names=["mean_fare", "count"],
        rename_outputs={"mean_fare": "mean"},
        default_values={"mean": -1.5, "count": 0},
    )
    zone = by_zip(default_values={"zone": "none", "airport": True})
    found = loaded(pickups, trips, fare, zone, exclude_columns=["pickup", "distance", "pickup_zip"])
    matched, missed = (-1.5, 2, True, "Midtown"), (-1.5, 0, True, "none")
    assert rows_of(found) == [(*missed, 12.0), (*missed, 5.0), (*matched, 9.0), (*matched, 9.0)]


def test_a_training_set_reads_the_tables_when_it_is_loaded(pickups, make_frame):
    training_set = pickups.create_training_set(
        df=make_frame([(1, NOON, 2.0, 9.0)], TRIPS), feature_lookups=[by_time(feature_names="count")], label="fare"
    )
    pickups.write_table(name="pickups", df=make_frame([(1, NOON, 5.0, 99, date(2016, 1, 1))], PICKUPS))
    assert [row["count"] for row in training_set.load_df().collect()] == [99]


def test_a_null_label_time_raises(pickups, make_frame):
    found = loaded(pickups, make_frame([(1, NOON, 2.0, 9.0), (1, None, 2.0, 9.0)], TRIPS), by_time())
    with pytest.raises(Exception, match="a label row has no time: 'pickup' is null"):
        found.collect()


def renamed(name: str) -> FeatureLookup:
    return by_time(feature_names="count", rename_outputs={"count": name})


@pytest.mark.parametrize(
    ("lookups", "arguments", "sentence"),
    [
        ([renamed("distance")], {}, r"already has the name \['distance'\]"),
        ([renamed("fare")], {}, r"already has the name \['fare'\]"),
        ([renamed("zone"), by_zip()], {}, r"put out the same name \['zone'\]"),
        ([renamed("Distance")], {}, r"already has the name \['Distance'\]"),
        ([renamed("FARE")], {}, r"already has the name \['FARE'\]"),
        ([renamed("Zone"), by_zip()], {}, r"put out the same name \['Zone', 'zone'\]"),
        ([renamed("__Key_0")], {}, r"needs the names \['__Key_0'\]"),
        ([by_time()], {"label": "tip"}, "The label 'tip' is not a column"),
        ([by_time()], {"exclude_columns": ["fare"]}, "The label 'fare' cannot be excluded"),
        ([by_time(feature_names="tip")], {}, r"has no feature \['tip'\]"),
        ([by_time(lookup_key="zip")], {}, "The look-up key 'zip' of 'test.pickups' is not a column"),
        ([by_zip(lookup_key="fare")], {}, "The look-up key 'fare' of 'test.zones' is not a column"),
        ([by_time(lookup_key="distance")], {}, "'distance' is double, but 'zip' of 'test.pickups' is int"),
        ([by_time(timestamp_lookup_key="distance")], {}, "'distance' is double, but 'ts' .* is timestamp"),
        ([by_time(lookup_key=["pickup_zip", "distance"])], {}, r"has the primary keys \['zip'\]"),
        ([by_time(timestamp_lookup_key=None)], {}, "need a timestamp_lookup_key"),
        ([by_zip(timestamp_lookup_key="pickup")], {}, "take no timestamp_lookup_key"),
        ([by_time(feature_names="count", lookback_window=HOUR), renamed("n")], {}, "state one for all of them"),
        ([by_zip(default_values={"tip": "x"})], {}, r"default_values for \['tip'\]"),
        ([by_zip(default_values={"airport": 1})], {}, "1 does not fit the feature 'airport' of type boolean"),
        ([by_zip(default_values={"zone": ""})], {}, "An empty text is none"),
        ([renamed("Prediction")], {}, "score_batch adds the column 'prediction'"),
        ([renamed("__side")], {}, r"needs the names \['__side'\]"),
        ([renamed("a"), by_zip(lookup_key="b")], {}, "'b' of 'test.zones' is not a column"),
        ([by_time(table_name="other.pickups")], {}, "is in another schema than 'test'"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(pickups, trips, lookups, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        loaded(pickups, trips, *lookups, **arguments)


@pytest.mark.parametrize("name", ["__moment", "__feature_moment", "__Found_moment", "__key_0", "Distance"])
def test_columns_that_a_look_up_would_confuse_are_refused(pickups, trips, name):
    with pytest.raises(ValueError, match=name):
        loaded(pickups, trips.selectExpr("*", f"1 AS {name}"), by_time(), by_zip())


def test_columns_with_names_beside_the_reserved_ones_are_kept(pickups, trips):
    found = loaded(
        pickups, trips.selectExpr("*", "1 AS __key", "2 AS __moments"), by_time(feature_names="count"), by_zip()
    )
    assert {(row["__key"], row["__moments"]) for row in found.collect()} == {(1, 2)}


def test_an_unknown_table_is_named(pickups, trips):
    with pytest.raises(FeatureTableNotFoundError, match=r"no feature table 'test\.nothing' yet"):
        loaded(pickups, trips, by_time(table_name="nothing"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"lookback_window": HOUR, "timestamp_lookup_key": None}, "lookback_window needs timestamp_lookup_key"),
        ({"lookback_window": -HOUR}, "must be a timedelta of zero or more"),
        ({"feature_names": "count", "default_values": {"mean_fare": 1.0}}, "has 'mean_fare', which is none"),
        ({"rename_outputs": {"count": "n"}, "default_values": {"count": 1}}, "takes the new name"),
    ],
)
def test_a_look_up_that_contradicts_itself_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        by_time(**arguments)
