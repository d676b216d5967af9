"""Parquet files as tools in daily use write them; the truth are the trips that were written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_core.adapters.sources.errors import UnreadableEventsError
from my_mlops_stacks_tests.adapters.sources.sample import HEADER, TIMES, TRIPS, good_rows, is_sample, source_rows

ARROW = pa.Table.from_pandas(TRIPS, preserve_index=False)


def with_column(name: str, values: pa.Array) -> pa.Table:
    return ARROW.set_column(ARROW.schema.get_field_index(name), name, values)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_unit(tmp_path: Path, unit: str) -> None:
    for name in TIMES:
        table = with_column(name, ARROW[name].cast(pa.timestamp(unit)))
    pq.write_table(table, tmp_path / "trips.parquet", version="2.6")
    assert is_sample(good_rows(tmp_path / "trips.parquet"))


def test_times_that_nanoseconds_do_not_hold(tmp_path: Path) -> None:
    far = pa.array([253402300799, 1451607089, -62135596800], pa.timestamp("s"))
    pq.write_table(with_column("tpep_dropoff_datetime", far), tmp_path / "trips.parquet")
    rows = source_rows(tmp_path / "trips.parquet").tpep_dropoff_datetime
    assert {str(value)[:19] for value in rows} == {"9999-12-31 23:59:59", "2016-01-01 00:11:29", "0001-01-01 00:00:00"}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("pickup_zip", pa.array([10103, 7030, 11422], pa.int64())),
        ("pickup_zip", pa.array([10103, 7030, 11422], pa.uint16())),
        ("pickup_zip", pa.array([10103, 7030, 11422], pa.float64())),
        ("pickup_zip", pa.array([Decimal(10103), Decimal(7030), Decimal(11422)], pa.decimal128(9, 0))),
        ("pickup_zip", pa.array([10103, 7030, 11422], pa.int32()).dictionary_encode()),
        ("trip_distance", pa.array([Decimal("1.40"), Decimal("2.00"), Decimal("17.25")])),
        ("trip_distance", pa.array([1.4, 2.0, 17.25]).dictionary_encode()),
    ],
)
def test_numbers_of_another_type_that_holds_the_same(tmp_path: Path, name: str, values: pa.Array) -> None:
    pq.write_table(with_column(name, values), tmp_path / "trips.parquet")
    assert is_sample(good_rows(tmp_path / "trips.parquet"))


def test_files_of_a_folder_may_differ_in_types_case_and_order(tmp_path: Path) -> None:
    TRIPS[:1].astype(dict.fromkeys(TIMES, "datetime64[ns]")).to_parquet(tmp_path / "a.parquet")
    second = TRIPS[1:2].astype({"pickup_zip": "int64", "fare_amount": "float32"})[reversed(TRIPS.columns)]
    second.rename(columns=str.upper).assign(note=1).to_parquet(tmp_path / "b.parquet")
    TRIPS[2:].astype({"fare_amount": "int64"}).assign(note="text").to_parquet(tmp_path / "c.parquet")
    assert is_sample(good_rows(tmp_path))


def test_a_month_without_values_is_null(tmp_path: Path) -> None:
    pq.write_table(with_column("fare_amount", pa.nulls(3)), tmp_path / "trips.parquet")
    rows = good_rows(tmp_path / "trips.parquet")
    assert rows.fare_amount.isna().all() and len(rows) == 3


def test_nan_among_zips_is_no_value_and_a_part_of_one_is_a_problem(tmp_path: Path) -> None:
    zips = pa.array([np.nan, 10001.5, 1e12], pa.float64(), from_pandas=False)
    pq.write_table(with_column("pickup_zip", zips), tmp_path / "trips.parquet")
    rows = source_rows(tmp_path / "trips.parquet")
    assert rows.pickup_zip.isna().all()
    assert rows.source_problem.tolist() == [None, "unparsable pickup_zip", "unparsable pickup_zip"]


def with_category(path: Path) -> None:
    TRIPS.assign(flag=pd.Categorical(["y", "n", "y"])).to_parquet(path)


def with_category_of_polars(path: Path) -> None:
    pl.from_pandas(TRIPS).with_columns(flag=pl.lit("y").cast(pl.Categorical)).write_parquet(path)


def with_types_that_engines_lack(path: Path) -> None:
    extra = {
        "half": pa.array(np.float16([1, 2, 3])),
        "day": pa.array([0, 1, 2], pa.date64()),
        "nested": pa.array([{"t": 1}] * 3, pa.struct([("t", pa.timestamp("ns"))])),
        "span": pa.array([1, 2, 3], pa.duration("ns")),
        "clock": pa.array([1, 2, 3], pa.time64("ns")),
        "big": pa.array([Decimal(1)] * 3, pa.decimal256(60, 2)),
        "map": pa.array([[("k", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    }
    pq.write_table(pa.table(dict(zip(ARROW.column_names, ARROW.columns, strict=True)) | extra), path)


def with_intervals_of_duckdb(path: Path) -> None:
    frame = TRIPS
    duckdb.sql(f"COPY (SELECT *, INTERVAL 1 DAY i, uuid() u, 1::HUGEINT h FROM frame) TO '{path}' (FORMAT parquet)")
    assert len(frame) == 3


@pytest.mark.parametrize(
    "write", [with_category, with_category_of_polars, with_types_that_engines_lack, with_intervals_of_duckdb]
)
def test_unused_columns_are_not_read(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "trips.parquet")
    assert is_sample(good_rows(tmp_path / "trips.parquet"))


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("pickup_zip", pa.array(["10103", "07030", "11422"]), "is of the type string: write it as a number"),
        ("fare_amount", pa.array([True, False, True]), "is of the type bool: write it as a number"),
        ("tpep_dropoff_datetime", pa.array(["2016-01-01"] * 3), "is of the type string: write it as a timestamp"),
        ("tpep_pickup_datetime", pa.array([1, 2, 3]), "is of the type int64: write it as a timestamp"),
        ("tpep_pickup_datetime", pa.array([1, 2, 3], pa.date32()), r"is of the type date32\[day\]: write it as a"),
    ],
)
def test_another_kind_of_type_is_refused_with_file_and_column(
    tmp_path: Path, name: str, values: pa.Array, found: str
) -> None:
    TRIPS.to_parquet(tmp_path / "a.parquet")
    pq.write_table(with_column(name, values), tmp_path / "b.parquet")
    with pytest.raises(UnreadableEventsError, match=f"Column {name} of .*b.parquet {found}"):
        source_rows(tmp_path)


@pytest.mark.parametrize("second", ["fare_amount", "Fare_Amount", " fare_amount "])
def test_two_columns_of_one_name_are_refused_naming_both(tmp_path: Path, second: str) -> None:
    pq.write_table(ARROW.append_column(second, ARROW["fare_amount"]), tmp_path / "trips.parquet")
    with pytest.raises(UnreadableEventsError, match=f"more than once, 'fare_amount' and '{second}': leave one"):
        source_rows(tmp_path)


def test_a_missing_column_is_named_with_its_file(tmp_path: Path) -> None:
    TRIPS.to_parquet(tmp_path / "a.parquet")
    TRIPS.drop(columns="pickup_zip").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UnreadableEventsError, match="b.parquet lacks the columns pickup_zip; it has: tpep_pickup"):
        source_rows(tmp_path)


def cut_off(whole: bytes) -> bytes:
    return whole[:-200]


def without_middle(whole: bytes) -> bytes:
    return whole[:100] + bytes(400) + whole[500:]


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", cut_off, without_middle, lambda _: f"{HEADER}\n".encode(), lambda whole: whole * 0 + b"PAR1"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    TRIPS.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(damage((tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(UnreadableEventsError, match="b.parquet cannot be read as parquet"):
        source_rows(tmp_path)


def test_a_file_without_rows_is_none(tmp_path: Path) -> None:
    TRIPS[:0].to_parquet(tmp_path / "a.parquet")
    TRIPS.to_parquet(tmp_path / "b.parquet")
    assert is_sample(good_rows(tmp_path))


def test_hive_folders_whose_column_is_in_the_files_too(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / f"tpep_pickup_datetime=2016-01-0{number + 1}"
        folder.mkdir()
        TRIPS[number : number + 1].to_parquet(folder / "part.parquet")
    assert is_sample(good_rows(tmp_path))


def test_hive_folders_that_alone_have_a_column(tmp_path: Path) -> None:
    written = TRIPS.assign(tpep_dropoff_datetime=TRIPS.tpep_dropoff_datetime.astype("datetime64[us]"))
    written.to_parquet(tmp_path, partition_cols=["pickup_zip", "tpep_dropoff_datetime"])
    assert is_sample(good_rows(tmp_path))
