from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables
from my_mlops_stacks.adapters.trips_source import FileTrips, GeneratedTrips, LocalSources, TableSource, TableTrips
from my_mlops_stacks.ingestion.columns import RAW_COLUMNS
from my_mlops_stacks.ingestion.trips import InvalidTripsError, accept, conform

TRIPS = pd.DataFrame(
    {
        "tpep_pickup_datetime": pd.to_datetime(["2016-01-01 00:11:29", "2016-01-01 23:50:00", "2016-02-29 12:00:01"]),
        "tpep_dropoff_datetime": pd.to_datetime(["2016-01-01 00:20:00", "2016-01-02 00:05:00", "2016-02-29 12:30:00"]),
        "trip_distance": [1.4, 2.0, 17.25],
        "fare_amount": [8.0, 9.5, 52.0],
        "pickup_zip": pd.Series([10103, 7030, 11422], dtype="int32"),
        "dropoff_zip": pd.Series([10110, 10001, 10001], dtype="int32"),
    }
)
HEADER = ",".join(RAW_COLUMNS)
LINE = "2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103,10110"


@pytest.fixture
def local(tables: LocalTables) -> LocalSpark:
    return tables.spark


def conformed(local: LocalSpark, path: Path) -> pd.DataFrame:
    """What the pipeline makes of the path, in the order of pickup."""
    rows = conform(FileTrips(local, path).read()).collect()
    table = pd.DataFrame([row.asDict() for row in rows], columns=list(RAW_COLUMNS))
    return table.sort_values("tpep_pickup_datetime", ignore_index=True)


def as_parquet(path: Path) -> None:
    TRIPS.astype(dict.fromkeys(["tpep_pickup_datetime", "tpep_dropoff_datetime"], "datetime64[us]")).to_parquet(path)


def as_parquet_of_pandas(path: Path) -> None:
    TRIPS.astype(dict.fromkeys(["tpep_pickup_datetime", "tpep_dropoff_datetime"], "datetime64[ns]")).to_parquet(path)


def as_csv(path: Path) -> None:
    TRIPS.to_csv(path, index=False)


def as_csv_in_another_order(path: Path) -> None:
    TRIPS[reversed(TRIPS.columns)].assign(note="a, b").to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f")


def as_folder(path: Path) -> None:
    """Two files in sub-folders, beside files that other programs leave."""
    for part, rows in (("2016/01", TRIPS[:2]), ("2016/02", TRIPS[2:])):
        (path / part).mkdir(parents=True)
        rows.to_csv(path / part / "trips.csv", index=False)
    (path / "_SUCCESS").touch()
    (path / ".unfinished.csv").write_text("half a li")
    (path / "_temporary").mkdir()
    (path / "_temporary" / "part.parquet").write_text("not parquet")


def as_zipped_csv(path: Path) -> None:
    path.write_bytes(gzip.compress(TRIPS.to_csv(index=False).encode()))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("trips.parquet", as_parquet),
        ("trips.parquet", as_parquet_of_pandas),
        ("trips.csv", as_csv),
        ("trips.csv", as_csv_in_another_order),
        ("trips.csv.gz", as_zipped_csv),
        ("a folder & more", as_folder),
    ],
)
def test_reads_the_same_trips_from_every_format(
    local: LocalSpark, tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    pd.testing.assert_frame_equal(conformed(local, tmp_path / name), TRIPS, check_dtype=False)


def test_reads_a_delta_table(local: LocalSpark, tmp_path: Path) -> None:
    as_parquet(tmp_path / "trips.parquet")
    rows = FileTrips(local, tmp_path / "trips.parquet").read()
    folder = str(tmp_path / "table")
    rows.write.format("delta").save(folder)
    # Only Delta's log knows that the first rows are gone: their parquet file is still there.
    rows.where("pickup_zip = 7030").write.format("delta").mode("overwrite").save(folder)
    assert conformed(local, tmp_path / "table").pickup_zip.tolist() == [7030]


def test_a_path_may_be_relative_or_start_at_home(
    local: LocalSpark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    as_csv(tmp_path / "trips.csv")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(conformed(local, Path("../trips.csv"))) == len(conformed(local, Path("~/trips.csv"))) == 3


@pytest.mark.parametrize("name", ["trips [1].csv", "trips*.csv", "a{b,c}.csv", "100%20.csv", "wie früher?.csv"])
def test_a_name_that_engines_would_read_otherwise(local: LocalSpark, tmp_path: Path, name: str) -> None:
    as_csv(tmp_path / name)
    (tmp_path / "trips 1.csv").write_text("not this one")
    assert len(conformed(local, tmp_path / name)) == 3


class TestPathsWithoutTrips:
    @pytest.mark.parametrize("name", ["trips.parquet", "folder", "trips.csv"])
    def test_a_missing_path(self, local: LocalSpark, tmp_path: Path, name: str) -> None:
        with pytest.raises(FileNotFoundError, match=f"no trips at {tmp_path / name}: set TRIPS_PATH"):
            FileTrips(local, tmp_path / name).read()

    def test_a_folder_without_data(self, local: LocalSpark, tmp_path: Path) -> None:
        (tmp_path / "_SUCCESS").touch()
        (tmp_path / "inner").mkdir()
        with pytest.raises(FileNotFoundError, match=f"no data file in {tmp_path}: point TRIPS_PATH"):
            FileTrips(local, tmp_path).read()

    def test_several_formats(self, local: LocalSpark, tmp_path: Path) -> None:
        as_parquet(tmp_path / "a.parquet")
        as_csv(tmp_path / "b.csv")
        with pytest.raises(ValueError, match=r"found: \.csv, \.parquet\. Point TRIPS_PATH to one kind"):
            FileTrips(local, tmp_path).read()

    @pytest.mark.parametrize(("name", "found"), [("trips.xlsx", r"\.xlsx"), ("trips", "no suffix")])
    def test_an_unknown_format(self, local: LocalSpark, tmp_path: Path, name: str, found: str) -> None:
        (tmp_path / name).write_text("x")
        with pytest.raises(ValueError, match=f"must all be .parquet or all .csv; found: {found}"):
            FileTrips(local, tmp_path / name).read()

    def test_a_zone_that_is_not_the_wall_clock(self, local: LocalSpark, tmp_path: Path) -> None:
        zoned = TRIPS.assign(tpep_pickup_datetime=TRIPS.tpep_pickup_datetime.dt.tz_localize("America/New_York"))
        zoned.to_parquet(tmp_path / "trips.parquet")
        with pytest.raises(InvalidTripsError, match="time zone America/New_York: write it as the wall clock"):
            FileTrips(local, tmp_path / "trips.parquet").read()

    def test_times_stored_as_if_they_were_utc_keep_their_clock(self, local: LocalSpark, tmp_path: Path) -> None:
        zoned = TRIPS.assign(tpep_pickup_datetime=TRIPS.tpep_pickup_datetime.dt.tz_localize("UTC"))
        zoned.to_parquet(tmp_path / "trips.parquet", coerce_timestamps="us")
        pd.testing.assert_frame_equal(conformed(local, tmp_path / "trips.parquet"), TRIPS, check_dtype=False)


class TestCsv:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("noon,2016-01-01 00:20:00,1.4,8.0,10103,10110", "null in tpep_pickup_datetime"),
            ("01/02/2016 10:00,2016-01-01 00:20:00,1.4,8.0,10103,10110", "null in tpep_pickup_datetime"),
            ("2016-01-01 00:11:29,,1.4,8.0,10103,10110", "null in tpep_dropoff_datetime"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,far,8.0,10103,10110", "null in trip_distance"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,$8,10103,10110", "null in fare_amount"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,nan,10103,10110", "NaN in fare_amount"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103-1,10110", "null in pickup_zip"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103,", "null in dropoff_zip"),
            ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103", "null in dropoff_zip"),
        ],
    )
    def test_a_line_that_does_not_parse_is_rejected(
        self, local: LocalSpark, tmp_path: Path, line: str, reason: str
    ) -> None:
        (tmp_path / "trips.csv").write_text(f"{HEADER}\n{LINE}\n{line}\n")
        accepted, rejected = accept(conform(FileTrips(local, tmp_path / "trips.csv").read()))
        assert accepted.count() == 1
        assert [row["reason"] for row in rejected.collect()] == [reason]

    def test_leading_zeros_blanks_and_the_integers_of_pandas(self, local: LocalSpark, tmp_path: Path) -> None:
        line = "2016-01-01 00:11:29, 2016-01-01T00:20:00 ,1.4 , 8,07030,10110.0"
        (tmp_path / "trips.csv").write_text(f"{HEADER}\n{line}\n")
        row = conformed(local, tmp_path / "trips.csv").iloc[0]
        assert row.tolist() == [
            datetime(2016, 1, 1, 0, 11, 29), datetime(2016, 1, 1, 0, 20), 1.4, 8.0, 7030, 10110,
        ]  # fmt: skip

    def test_a_zone_in_the_text_does_not_move_the_clock(self, local: LocalSpark, tmp_path: Path) -> None:
        (tmp_path / "trips.csv").write_text(f"{HEADER}\n{LINE.replace(',2016', '-05:00,2016')}\n")
        assert conformed(local, tmp_path / "trips.csv").tpep_pickup_datetime[0] == datetime(2016, 1, 1, 0, 11, 29)

    def test_a_missing_column_is_named(self, local: LocalSpark, tmp_path: Path) -> None:
        TRIPS.drop(columns="pickup_zip").to_csv(tmp_path / "trips.csv", index=False)
        with pytest.raises(InvalidTripsError, match="lack the columns pickup_zip; they have: tpep_pickup"):
            conform(FileTrips(local, tmp_path / "trips.csv").read())

    @pytest.mark.parametrize("text", ["", f"{LINE}\n{LINE}\n"], ids=["empty", "no header"])
    def test_a_file_without_header_is_refused(self, local: LocalSpark, tmp_path: Path, text: str) -> None:
        (tmp_path / "trips.csv").write_text(text)
        with pytest.raises(InvalidTripsError, match="lack the columns tpep_pickup_datetime"):
            conform(FileTrips(local, tmp_path / "trips.csv").read())


class TestGenerated:
    def source(self, local: LocalSpark, folder: Path, **changes: object) -> GeneratedTrips:
        arguments = {"rows": 500, "seed": 3, "first_day": date(2016, 1, 1), "last_day": date(2016, 1, 4)} | changes
        return GeneratedTrips(local, folder, **arguments)

    def test_gives_as_many_trips_as_asked_for_and_all_but_the_spoilt_are_accepted(
        self, local: LocalSpark, tmp_path: Path
    ) -> None:
        source = self.source(local, tmp_path, rows=20_000)
        accepted, rejected = accept(conform(source.read()))
        valid = "fare_amount > 0 AND trip_distance > 0 AND tpep_dropoff_datetime > tpep_pickup_datetime"
        truth = duckdb.sql(
            f"SELECT count(*) FROM (SELECT DISTINCT * FROM '{source.path}/*.parquet' WHERE {valid})"
        ).fetchall()
        assert accepted.count() == truth[0][0]
        assert 20_000 - rejected.count() == truth[0][0]

    def test_is_made_once(self, local: LocalSpark, tmp_path: Path) -> None:
        self.source(local, tmp_path).read()
        made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
        assert self.source(local, tmp_path).read().count() == 500
        assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == made

    def test_other_parameters_have_another_folder(self, local: LocalSpark, tmp_path: Path) -> None:
        changes = [{}, {"rows": 501}, {"seed": 4}, {"last_day": date(2016, 1, 5)}, {"drift_from": date(2016, 1, 3)}]
        assert len({self.source(local, tmp_path, **change).path for change in changes}) == len(changes)
        usual, drifted = (self.source(local, tmp_path, **change).read() for change in (changes[0], changes[-1]))
        mean = "avg(fare_amount) FILTER (WHERE tpep_pickup_datetime >= '2016-01-03')"
        ratio = [rows.selectExpr(mean).collect()[0][0] for rows in (drifted, usual)]
        assert ratio[0] / ratio[1] == pytest.approx(1.25, abs=0.01)

    def test_an_unfinished_folder_is_completed(self, local: LocalSpark, tmp_path: Path) -> None:
        source = self.source(local, tmp_path)
        source.read()
        (source.path / "_SUCCESS").unlink()
        (source.path / "trips-2016-01-02.parquet").unlink()
        (source.path / ".trips-2016-01-03.parquet.0123").write_text("half a file")
        assert source.read().count() == 500

    def test_a_copy_of_the_folder_can_be_given_as_a_path(self, local: LocalSpark, tmp_path: Path) -> None:
        source = self.source(local, tmp_path)
        rows = source.read().count()
        shutil.copytree(source.path, tmp_path / "copy")
        assert FileTrips(local, tmp_path / "copy").read().count() == rows


def test_reads_a_table_by_name(tables: LocalTables, tmp_path: Path) -> None:
    as_parquet(tmp_path / "trips.parquet")
    tables.replace("raw_trips", FileTrips(tables.spark, tmp_path / "trips.parquet").read())
    assert TableTrips(tables.spark, "test.raw_trips").read().count() == 3


class TestWhichSource:
    ASKED = {"rows": 100, "seed": 1, "drift_from": None}

    def test_the_path_of_the_run_then_that_of_the_environment_then_generated_trips(
        self, local: LocalSpark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = LocalSources(local, tmp_path, date(2016, 1, 1), date(2016, 1, 2))
        monkeypatch.setenv("TRIPS_PATH", "from/environment.csv")
        assert sources.choose(path="from/run.csv", **self.ASKED) == FileTrips(local, Path("from/run.csv"))
        assert sources.choose(path=None, **self.ASKED) == FileTrips(local, Path("from/environment.csv"))
        monkeypatch.delenv("TRIPS_PATH")
        assert sources.choose(path=None, **self.ASKED).read().count() == 100

    def test_a_target_with_a_table_reads_no_path(self, local: LocalSpark) -> None:
        sources = TableSource(local, "samples.nyctaxi.trips")
        assert sources.choose(path=None, **self.ASKED) == TableTrips(local, "samples.nyctaxi.trips")
        with pytest.raises(ValueError, match=r"reads samples\.nyctaxi\.trips .* leave 'path' out"):
            sources.choose(path="trips.csv", **self.ASKED)
