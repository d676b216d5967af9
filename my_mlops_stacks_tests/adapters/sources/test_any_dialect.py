"""One table, written in many ways, is accepted and rejected alike, row by row, or refused by a sentence."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_core.adapters.sources.errors import UnreadableEventsError
from my_mlops_stacks_tests.adapters.sources.sample import COLUMNS, TIMES, source_rows

times = st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31)).map(lambda time: time.replace(fold=0))
amounts = st.floats(allow_nan=False, width=32)
zips = st.integers(-(2**31) + 1, 2**31 - 1)
notes = st.text(st.sampled_from("aé \n\",;|\t'\\#=0"), max_size=6)
rows = st.tuples(times, times, amounts, amounts, zips, zips, notes)
tables = st.lists(rows, min_size=1, max_size=8)


@dataclass(frozen=True)
class Dialect:
    """How a part of the table is written."""

    order: tuple[str, ...]
    upper: bool
    separator: str
    quoting: int
    line_end: str
    zipped: bool
    backslashes: bool
    with_time_unit: str
    zip_type: str


dialects = st.builds(
    Dialect,
    order=st.permutations([*COLUMNS, "note"]).map(tuple),
    upper=st.booleans(),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    zipped=st.booleans(),
    backslashes=st.booleans(),
    with_time_unit=st.sampled_from(["us", "ns"]),
    zip_type=st.sampled_from(["int32", "int64", "float64"]),
)


def arranged(part: pd.DataFrame, dialect: Dialect) -> pd.DataFrame:
    return part[list(dialect.order)].rename(columns=str.upper if dialect.upper else str)


def as_csv(part: pd.DataFrame, folder: Path, number: int, dialect: Dialect) -> None:
    text = arranged(part, dialect).to_csv(
        index=False,
        sep=dialect.separator,
        quoting=dialect.quoting,
        lineterminator=dialect.line_end,
        doublequote=not dialect.backslashes,
        escapechar="\\" if dialect.backslashes else None,
    )
    encoded = text.encode()
    (folder / f"{number}.csv{'.gz' * dialect.zipped}").write_bytes(
        gzip.compress(encoded) if dialect.zipped else encoded
    )


def typed(part: pd.DataFrame, dialect: Dialect) -> pd.DataFrame:
    zips = dict.fromkeys(["pickup_zip", "dropoff_zip"], dialect.zip_type)
    return part.astype(dict.fromkeys(TIMES, f"datetime64[{dialect.with_time_unit}]") | zips)


def as_parquet(part: pd.DataFrame, folder: Path, number: int, dialect: Dialect) -> None:
    arranged(typed(part, dialect), dialect).to_parquet(folder / f"{number}.parquet", row_group_size=2)


def as_delta(part: pd.DataFrame, folder: Path, number: int, dialect: Dialect) -> None:
    rows = part.astype(dict.fromkeys(TIMES, "datetime64[us]"))[sorted(part.columns)]
    write_deltalake(folder, rows, mode="append", partition_by=["pickup_zip"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, parts=st.lists(dialects, min_size=1, max_size=3))
@pytest.mark.parametrize("write", [as_csv, as_parquet, as_delta])
def test_the_same_rows_whatever_they_are_written_in(
    table: list[tuple], parts: list[Dialect], write: Callable[[pd.DataFrame, Path, int, Dialect], None]
) -> None:
    frame = pd.DataFrame(table, columns=[*COLUMNS, "note"])
    with TemporaryDirectory() as folder:
        for number, dialect in enumerate(parts):
            part = frame[number :: len(parts)]
            if len(part):
                write(part, Path(folder), number, dialect)
        found = source_rows(Path(folder))
    expected = frame[COLUMNS].astype(dict.fromkeys(TIMES, "datetime64[us]"))
    assert found.source_problem.isna().all()
    found = found.drop(columns="source_problem").astype(dict.fromkeys(TIMES, "datetime64[us]"))
    by = COLUMNS
    pd.testing.assert_frame_equal(
        found.sort_values(by, ignore_index=True), expected.sort_values(by, ignore_index=True), check_dtype=False
    )


texts = st.text(st.sampled_from("2016-01 :TZ.,\"\\;\nnulx'"), max_size=12)
cells = st.one_of(st.sampled_from(["2016-01-01 00:11:29", "8.5", "10103", "", '"', '"x"', "x,"]), texts)
lines = st.lists(cells, min_size=4, max_size=8).map(",".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(lines, max_size=6))
def test_no_line_of_any_text_is_lost(body: list[str]) -> None:
    """Without quotes each line is a row; with them there may be fewer, but only by line breaks inside of quotes."""
    good = ["2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103,10110,x"] * 2
    text = "\n".join([",".join([*COLUMNS, "note"]), *body, *good]) + "\n"
    with TemporaryDirectory() as folder:
        (Path(folder) / "trips.csv").write_text(text, newline="")
        try:
            found = source_rows(Path(folder))
        except UnreadableEventsError as error:
            assert "a quote that is opened here has no end" in str(error) or "zone" in str(error)
            return
    assert (found.source_problem.isna() & (found.fare_amount == 8.0)).sum() >= 2
    if '"' not in text:
        assert len(found) == sum(bool(line.strip()) for line in text.split("\n")[1:])
