"""The folder of inputs that failed once, where it lies beside the repository; each kind has a test of its own."""

from __future__ import annotations

import pandas as pd
import pytest

from my_mlops_stacks_tests.adapters.sources.sample import TIMES, source_rows
from my_mlops_stacks_tests.conftest import ROOT

FAILING = ROOT.parent / "shared" / "inputs" / "failing"

READ = [
    "c_bs.csv", "d_csv", "d_dbl_int", "d_ex_conf", "d_int_long", "d_ns_us", "d_upper2", "m_csvzip", "m_hd",
    "m_pdcat.parquet", "p_extra_date64.parquet", "p_extra_float16.parquet", "p_extra_struct_ns.parquet",
]  # fmt: skip
REFUSED = {
    "c_dh.csv": "c_dh.csv has the column fare_amount more than once",
    "c_plainnamed.csv.gz": "c_plainnamed.csv.gz cannot be read as CSV",
    "c_trunc.csv.gz": "c_trunc.csv.gz cannot be read as CSV",
    "c_unb.csv": "c_unb.csv, line 6: a quote",
    "d_csv4": "b.csv names no column of trips in its first line",
    "d_naive_utc": "Column tpep_pickup_datetime of .*b.parquet has times of the zone UTC",
    "d_strzip": "Column pickup_zip of .*b.parquet is of the type string",
    "d_zero_byte": "b.parquet cannot be read as parquet",
    "m_ducktz.parquet": "Column tpep_pickup_datetime of .* has times of the zone UTC",
    "m_quote.csv": "m_quote.csv, line 101: a quote",
    "m_tr": "b.parquet cannot be read as parquet",
    "p_case.parquet": "'fare_amount' and 'Fare_Amount'",
    "p_dup.parquet": "'fare_amount' and 'fare_amount'",
    "p_trunc.parquet": "p_trunc.parquet cannot be read as parquet",
    "p_tz_moments.parquet": "Column tpep_pickup_datetime of .* has times of the zone UTC",
    "t_del/day=2016-02-02": "t_del is a Delta table",
    "t_lost": "The Delta table .*t_lost lacks its data file",
    "t_parent2": "trips is a Delta table",
}


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    """The rows that all of them are made of."""
    if not FAILING.is_dir():
        pytest.skip("the inputs that fail are not here")
    return pd.read_parquet(FAILING / "d_zero_byte" / "a.parquet").sort_values(
        [*TIMES, "fare_amount"], ignore_index=True
    )


@pytest.mark.parametrize("name", READ)
def test_is_read(whole: pd.DataFrame, name: str) -> None:
    rows = source_rows(FAILING / name)
    if name == "d_dbl_int":  # its second file has the fares without their cents
        rows, whole = (frame.assign(fare_amount=0.0) for frame in (rows, whole))
    pd.testing.assert_frame_equal(rows.drop(columns="source_problem"), whole, check_dtype=False)
    assert rows.source_problem.isna().all()


@pytest.mark.parametrize("name", ["m_ducktz.parquet", "p_tz_moments.parquet"])
def test_is_read_as_it_is_declared(whole: pd.DataFrame, name: str) -> None:
    rows = source_rows(FAILING / name, "UTC").drop(columns="source_problem")
    pd.testing.assert_frame_equal(rows, whole, check_dtype=False)


def test_a_malformed_row_is_kept_aside(whole: pd.DataFrame) -> None:
    rows = source_rows(FAILING / "c_many.csv")
    assert rows.source_problem.dropna().tolist() == ["malformed: too many fields"]
    assert len(rows) == len(whole) + 1


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_a_sentence(whole: pd.DataFrame, name: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[name]):
        source_rows(FAILING / name)
