"""How times are to be read: the truth is Python's zoneinfo, and pandas by which the files are written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.unity_catalog_source import UnityCatalogSource
from mlops_core.adapters.tables import LocalTables
from mlops_core.ingestion.times import EventTimes
from my_mlops_stacks_tests.adapters.sources.sample import (
    EVENTS,
    HEADER,
    LINE,
    TIMES,
    TRIPS,
    good_rows,
    is_sample,
    source_rows,
)

NEW_YORK = "America/New_York"
MOMENTS = TRIPS.assign(**{name: TRIPS[name].dt.tz_localize(NEW_YORK) for name in TIMES})


def in_zone(zone: str) -> pd.DataFrame:
    return MOMENTS.assign(**{name: MOMENTS[name].dt.tz_convert(zone) for name in TIMES})


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Europe/Berlin", "Asia/Kathmandu"])
def test_moments_become_the_wall_clock_of_new_york(tmp_path: Path, zone: str) -> None:
    in_zone(zone).to_parquet(tmp_path / "trips.parquet")
    in_zone(zone).to_csv(tmp_path / "trips.csv", index=False)
    for file in ("trips.parquet", "trips.csv"):
        for declared in ("UTC", NEW_YORK):
            assert is_sample(good_rows(tmp_path / file, declared))
        with pytest.raises(
            UnreadableEventsError, match=f"Column tpep_pickup_datetime of .*{file} has times of the zone"
        ):
            source_rows(tmp_path / file)


def test_moments_of_duckdb(tmp_path: Path) -> None:
    frame = in_zone("UTC")
    assert len(frame) == 3
    for suffix in ("parquet", "csv"):
        duckdb.sql(f"COPY (SELECT * FROM frame) TO '{tmp_path / 'trips'}.{suffix}'")
        assert is_sample(good_rows(tmp_path / f"trips.{suffix}", "UTC"))


@pytest.mark.parametrize(
    "written", ["{}Z", "{}+00:00", "{}+00", "{} UTC", "{} +0000", "{}.000000Z", "{}.000000000+00:00"]
)
def test_labels_of_utc_in_text(tmp_path: Path, written: str) -> None:
    frame = in_zone("UTC")
    for name in TIMES:
        frame[name] = frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S").map(written.format)
    frame.to_csv(tmp_path / "trips.csv", index=False)
    assert is_sample(good_rows(tmp_path / "trips.csv", "UTC"))
    shifted = pd.to_timedelta(5, "h")  # New York is five hours behind in winter
    assert (good_rows(tmp_path / "trips.csv", "wall_clock_as_utc")[TIMES] == TRIPS[TIMES] + shifted).all(axis=None)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", NEW_YORK])
def test_times_without_a_zone_are_the_wall_clock_of_the_declared_one(tmp_path: Path, zone: str) -> None:
    local = in_zone(zone)
    for name in TIMES:
        local[name] = local[name].dt.tz_localize(None)
    local.to_parquet(tmp_path / "trips.parquet")
    local.to_csv(tmp_path / "trips.csv", index=False)
    for file in ("trips.parquet", "trips.csv"):
        assert is_sample(good_rows(tmp_path / file, zone))


def test_every_hour_around_both_changes_of_the_clock(tmp_path: Path) -> None:
    moments = pd.date_range("2016-03-13 00:00", periods=24, freq="h", tz="UTC").union(
        pd.date_range("2016-11-06 00:00", periods=24, freq="h", tz="UTC")
    )
    frame = pd.DataFrame(
        {"tpep_pickup_datetime": moments, "tpep_dropoff_datetime": moments, "trip_distance": range(48)}
    ).assign(fare_amount=1.0, pickup_zip=1, dropoff_zip=1)
    frame.to_parquet(tmp_path / "trips.parquet")
    rows = good_rows(tmp_path / "trips.parquet", "UTC").set_index("trip_distance").tpep_pickup_datetime
    for number, moment in enumerate(moments):
        assert rows[number] == moment.to_pydatetime().astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None)


def test_the_old_times_of_spark_are_moments(tmp_path: Path) -> None:
    """Spark writes INT96 by default: moments of UTC that do not say so."""
    moments = [in_zone("UTC")[name].dt.tz_localize(None) for name in TIMES]
    table = pa.Table.from_pandas(TRIPS.assign(**dict(zip(TIMES, moments, strict=True))), preserve_index=False)
    pq.write_table(table, tmp_path / "trips.parquet", use_deprecated_int96_timestamps=True)
    with pytest.raises(UnreadableEventsError, match="has times of the zone UTC"):
        source_rows(tmp_path / "trips.parquet")
    assert is_sample(good_rows(tmp_path / "trips.parquet", "UTC"))


class TestContradictions:
    def test_the_sentence_names_file_column_and_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "trips.csv").write_text(f"{HEADER}\n{LINE}\n{LINE.replace(':00,', ':00-05:00,')}\n")
        expected = (
            f"Column tpep_dropoff_datetime of {tmp_path / 'trips.csv'} has times of the zone -05:00, where wall clock "
            "without a zone is declared: set TRIPS_TIMES (or trips_times in databricks.yml) to UTC if they are "
            "moments, to wall_clock_as_utc if the clock of America/New_York was only labelled UTC."
        )
        with pytest.raises(UnreadableEventsError) as raised:
            source_rows(tmp_path / "trips.csv")
        assert str(raised.value) == expected

    def test_another_zone_than_utc_is_not_wall_clock_as_utc(self, tmp_path: Path) -> None:
        in_zone(NEW_YORK).to_parquet(tmp_path / "trips.parquet")
        with pytest.raises(UnreadableEventsError, match="zone America/New_York, where wall_clock_as_utc is declared"):
            source_rows(tmp_path / "trips.parquet", "wall_clock_as_utc")

    @pytest.mark.parametrize("declared", ["wall_clock_as_utc", "UTC"])
    def test_files_with_and_without_a_zone_are_refused(self, tmp_path: Path, declared: str) -> None:
        TRIPS.to_parquet(tmp_path / "a.parquet")
        in_zone("UTC").to_parquet(tmp_path / "b.parquet")
        with pytest.raises(UnreadableEventsError, match="b.parquet have a zone and those of .*a.parquet have none"):
            source_rows(tmp_path, declared)

    def test_so_is_a_file_with_both(self, tmp_path: Path) -> None:
        (tmp_path / "trips.csv").write_text(f"{HEADER}\n{LINE}\n{LINE.replace(':00,', ':00Z,')}\n")
        with pytest.raises(UnreadableEventsError, match="trips.csv has times with and without a zone"):
            source_rows(tmp_path / "trips.csv", "UTC")

    @pytest.mark.parametrize("declared", ["Mars/Olympus", "wall clock", "America", "../etc", ""])
    def test_a_declaration_that_is_none(self, declared: str) -> None:
        with pytest.raises(ValueError, match="cannot be read as .*: say wall_clock, wall_clock_as_utc or the name of"):
            EventTimes(EVENTS, declared)


class TestTables:
    """Times of a table: `timestamp` is a moment, `timestamp_ntz` is not."""

    WINTER, SUMMER = datetime(2016, 1, 1, 5, 11, 29), datetime(2016, 7, 1, 4, 0)

    @pytest.fixture
    def table(self, tables: LocalTables) -> LocalTables:
        rows = [(self.WINTER, self.SUMMER)]
        frame = tables.spark.spark_session.createDataFrame(rows, ", ".join(f"{name} timestamp_ntz" for name in TIMES))
        tables.replace("plain", frame)
        tables.replace("moments", frame.selectExpr(*(f"CAST({name} AS timestamp) {name}" for name in TIMES)))
        return tables

    def read(self, tables: LocalTables, name: str, declared: str) -> list[datetime]:
        rows = UnityCatalogSource(tables.spark, f"test.{name}", EventTimes(EVENTS, declared)).read()
        return list(rows.selectExpr(*(f"CAST({name} AS timestamp_ntz)" for name in TIMES)).collect()[0])

    def test_wall_clock_stored_as_utc_stays(self, table: LocalTables) -> None:
        for name in ("plain", "moments"):
            assert self.read(table, name, "wall_clock_as_utc") == [self.WINTER, self.SUMMER]

    def test_moments_become_new_yorks_clock(self, table: LocalTables) -> None:
        expected = [datetime(2016, 1, 1, 0, 11, 29), datetime(2016, 7, 1, 0, 0)]
        assert self.read(table, "moments", "UTC") == expected
        assert self.read(table, "moments", NEW_YORK) == expected
        assert self.read(table, "plain", "UTC") == expected

    def test_wall_clock_is_not_a_moment(self, table: LocalTables) -> None:
        assert self.read(table, "plain", "wall_clock") == [self.WINTER, self.SUMMER]
        assert self.read(table, "plain", NEW_YORK) == [self.WINTER, self.SUMMER]
        with pytest.raises(
            UnreadableEventsError, match="test.moments is a timestamp, which is a moment.*set trips_times"
        ):
            self.read(table, "moments", "wall_clock")
