"""A day that holds nothing is an error to who reads it, unless the input says that it may."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.defs.io_managers import MAY_BE_EMPTY, DeltaTableIOManager, PartitionNotFoundError
from mlops_core.defs.tables import tables_of
from my_mlops_stacks.project import PROJECT

DAILY = dg.DailyPartitionsDefinition("2016-02-01")


class NoFeatureStore(FeatureStore):
    """No asset of these tests is a feature table."""


def load(tables, day: str, metadata: dict):
    context = dg.build_input_context(
        asset_key=dg.AssetKey("predictions"),
        asset_partition_key_range=dg.PartitionKeyRange(day, day),
        asset_partitions_def=DAILY,
        definition_metadata=metadata,
    )
    return DeltaTableIOManager(tables_of(PROJECT), tables, NoFeatureStore()).load_input(context)


@pytest.fixture
def one_day(tables):
    tables.replace("predictions", tables.spark.spark_session.sql("SELECT 1.5D AS prediction, date'2016-02-15' AS day"))
    return tables


@pytest.mark.parametrize("metadata", [{}, {MAY_BE_EMPTY: True}])
def test_a_day_is_read_without_the_others(one_day, metadata):
    assert load(one_day, "2016-02-15", metadata).count() == 1


def test_a_day_that_was_never_built_is_named(one_day):
    with pytest.raises(
        PartitionNotFoundError, match="DATE'2016-02-16' AND DATE'2016-02-16': materialize these"
    ) as error:
        load(one_day, "2016-02-16", {})
    assert "partitions of 'predictions' first" in str(error.value)


def test_a_day_that_may_be_empty_is(one_day):
    rows = load(one_day, "2016-02-16", {MAY_BE_EMPTY: True})
    assert (rows.count(), rows.columns) == (0, ["prediction", "day"])


@pytest.mark.parametrize("time", ["9999-12-31 23:59:59", "0001-01-01 00:00:00", "+294247-01-10 00:00:00"])
def test_a_time_that_pandas_cannot_hold_is_written_and_previewed(tables, time):
    """Of the last one, which is beyond the years that dates have, no engine need show the text."""
    rows = tables.spark.spark_session.sql(
        f"SELECT CAST('{time}' AS timestamp) AS tpep_pickup_datetime, 1.23456D AS trip_distance, 'late' AS reason, "
        "date'2016-02-15' AS day"
    )

    @dg.asset(io_manager_def=DeltaTableIOManager(tables_of(PROJECT), tables, NoFeatureStore()))
    def rejected_trips():
        return rows

    (event,) = dg.materialize([rejected_trips]).asset_materializations_for_node("rejected_trips")
    metadata = event.metadata
    assert metadata["dagster/row_count"].value == 1
    assert f"| {'' if time.startswith('+') else time} | 1.235".lstrip("| ") in metadata["preview"].value
    assert "| 1.235 | late | 2016-02-15 |" in metadata["preview"].value


def written(tables, rows, days: tuple[str, str]) -> dict[str, dict[str, dg.MetadataValue]]:
    """Metadata by day of `trips` with these rows, all days in one run."""

    @dg.asset(
        io_manager_def=DeltaTableIOManager(tables_of(PROJECT), tables, NoFeatureStore()),
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def trips():
        return rows

    tags = {f"dagster/asset_partition_range_{end}": day for end, day in zip(("start", "end"), days, strict=True)}
    result = dg.materialize([trips], tags=tags)
    return {event.partition: event.metadata for event in result.asset_materializations_for_node("trips")}


def test_a_day_without_rows_has_no_preview_and_the_others_their_own(tables):
    rows = tables.spark.spark_session.sql(
        "SELECT id AS trip_distance, date'2016-02-15' AS day FROM range(7) "
        "UNION ALL SELECT 100, date'2016-02-17' UNION ALL SELECT 101, date'2016-02-17'"
    )
    found = written(tables, rows, ("2016-02-15", "2016-02-17"))
    assert {day: seen["dagster/partition_row_count"].value for day, seen in found.items()} == {
        "2016-02-15": 7,
        "2016-02-16": 0,
        "2016-02-17": 2,
    }
    assert found["2016-02-15"]["preview"].value.count("2016-02-15") == 5
    assert "preview" not in found["2016-02-16"]
    assert sorted(found["2016-02-17"]["preview"].value.splitlines()[2:]) == [
        "| 100 | 2016-02-17 |",
        "| 101 | 2016-02-17 |",
    ]


def test_rows_that_no_preview_can_show_are_written_and_counted(tables, monkeypatch):
    monkeypatch.setattr("mlops_core.defs.io_managers.markdown_tables", lambda rows, by: 1 // 0)
    rows = tables.spark.spark_session.sql("SELECT 1.5D AS trip_distance, date'2016-02-15' AS day")
    found = written(tables, rows, ("2016-02-15", "2016-02-15"))
    assert found["2016-02-15"]["dagster/partition_row_count"].value == 1
    assert tables.read("trips").count() == 1
