"""Every type that a column can have, in every format: exact, a problem of its row, or refused; Arrow is the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.landing import Landing
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.sources.landed import DEPARTURES, LANDED, ROWS, SCHEMA, arrow, departure, landed, named

WHOLE = arrow(*ROWS)


def sound(path: Path) -> pa.Table:
    """The rows of a path without any problem, as they were written."""
    rows = landed(DEPARTURES, path)
    assert rows["source_problem"].null_count == len(rows)
    return rows.drop(["source_problem"])


def by_pandas(path: Path) -> None:
    WHOLE.to_pandas(types_mapper=pd.ArrowDtype).to_csv(path.with_suffix(".csv"), index=False)


def by_arrow(path: Path) -> None:
    pa_csv.write_csv(WHOLE, path.with_suffix(".csv"))


def by_duckdb(path: Path) -> None:
    rows = WHOLE
    assert len(rows) == len(ROWS)
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{path.with_suffix('.csv')}'")


def by_polars(path: Path) -> None:
    pl.from_arrow(WHOLE).write_csv(path.with_suffix(".csv"), separator=";")


def parquet_of_polars(path: Path) -> None:
    pl.from_arrow(WHOLE).write_parquet(path.with_suffix(".parquet"))


def parquet_of_pandas(path: Path) -> None:
    frame = WHOLE.to_pandas(types_mapper=pd.ArrowDtype)
    frame.assign(carrier=frame.carrier.astype("category")).to_parquet(path.with_suffix(".parquet"))


def parquet_of_duckdb(path: Path) -> None:
    rows = WHOLE
    assert len(rows) == len(ROWS)
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{path.with_suffix('.parquet')}'")


def parquet_of_large_text(path: Path) -> None:
    kinds = [pa.large_string() if kind == pa.string() else kind for kind in SCHEMA.types]
    pq.write_table(WHOLE.cast(pa.schema(zip(SCHEMA.names, kinds, strict=True))), path.with_suffix(".parquet"))


def delta(path: Path) -> None:
    write_deltalake(path, WHOLE)


def delta_in_parts(path: Path) -> None:
    write_deltalake(path, WHOLE, partition_by=["carrier", "is_charter", "booked_on"])


@pytest.mark.parametrize(
    "write",
    [
        by_pandas,
        by_arrow,
        by_duckdb,
        by_polars,
        parquet_of_polars,
        parquet_of_pandas,
        parquet_of_duckdb,
        parquet_of_large_text,
        delta,
        delta_in_parts,
    ],
)
def test_rows_are_as_they_were_written(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "departures")
    found = sound(next(tmp_path.iterdir()))
    assert found.schema.types == SCHEMA.types
    assert found.sort_by("flight_id").to_pylist() == WHOLE.sort_by("flight_id").to_pylist()


def one(path: Path, text: str, name: str) -> tuple[object, str | None]:
    """What is landed of `name` when its cell of CSV is `text`, and the problem."""
    cells = dict(zip(SCHEMA.names, ["1", "2013-03-09 23:50:00", "", "AA", *[""] * 7], strict=True)) | {name: text}
    path.write_bytes("\n".join([",".join(cells), ",".join(cells.values())]).encode("latin-1") + b"\n")
    rows = landed(DEPARTURES, path)
    return rows[name][0].as_py(), rows["source_problem"][0].as_py()


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("is_charter", ["true", "True", "TRUE", "t", "1", " true "], True),
        ("is_charter", ["false", "False", "FALSE", "f", "0"], False),
        ("booked_on", ["2013-01-05", "2013-01-05 00:00:00", "2013-01-05T00:00", " 2013-01-05 "], LANDED[5]),
        ("booked_on", ["2013-01-05 00:00:00.000000"], LANDED[5]),
        ("flight_id", ["9007199254740993", "0009007199254740993", "9007199254740993.0"], 2**53 + 1),
        ("flight_id", ["-9223372036854775808"], -(2**63)),
        ("seats", ["-2147483648"], -(2**31)),
        ("carrier", ["007"], "007"),
        ("carrier", [" AA"], " AA"),
        ("carrier", ["NULL"], "NULL"),
        ("carrier", ["nan"], "nan"),
        ("carrier", ['"a,b"'], "a,b"),
        ("carrier", ['"say ""x"""'], 'say "x"'),
        ("carrier", ['"two\nlines"'], "two\nlines"),
        ("carrier", ['"2013-01-01\n2013-01-02"'], "2013-01-01\n2013-01-02"),
        ("carrier", ["a\\b"], "a\\b"),
        ("carrier", ["", '""'], None),
        ("tailnum", ["", '""'], None),
        ("is_charter", ["", '""', "  "], None),
        ("booked_on", ["", '""', "  "], None),
        ("load", ["0.1"], float(np.float32(0.1))),
        ("load", ["1e300"], float("inf")),
    ],
)
def test_cells_of_csv(tmp_path: Path, name: str, texts: list[str], value: object) -> None:
    for text in texts:
        assert one(tmp_path / "d.csv", text, name) == (value, None)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("is_charter", ["yes", "2", "-"]),
        ("booked_on", ["2013-02-30", "2013-01-05 10:00", "05/01/2013", "20130105", "2013-01-05Z"]),
        ("flight_id", ["9223372036854775808", "1e3", "1.5", "x", "9007199254740993.5"]),
        ("seats", ["2147483648", "189.5"]),
        ("load", ["much"]),
        ("carrier", ["caf\xe9"]),
    ],
)
def test_a_cell_that_does_not_parse_is_a_problem_of_its_row(tmp_path: Path, name: str, texts: list[str]) -> None:
    for text in texts:
        assert one(tmp_path / "d.csv", text, name) == (None, f"unparsable {name}")


def with_column(path: Path, name: str, values: pa.Array) -> pa.Table:
    """What is landed when a parquet file has these values instead."""
    table = arrow(*[departure(flight_id=number) for number in range(len(values))])
    pq.write_table(table.set_column(SCHEMA.get_field_index(name), name, values), path)
    return landed(DEPARTURES, path)


LARGE = 2**53


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("flight_id", pa.array([LARGE, LARGE + 1], pa.uint64()), [LARGE, LARGE + 1]),
        ("flight_id", pa.array([2**63 - 1, 2**63], pa.uint64()), [2**63 - 1, None]),
        ("flight_id", pa.array([float(LARGE), LARGE * 4.0, 1.5]), [LARGE, None, None]),
        ("flight_id", pa.array([Decimal(LARGE + 1), Decimal(10**20)], pa.decimal128(38, 0)), [LARGE + 1, None]),
        ("flight_id", pa.array([Decimal("0"), Decimal("7"), Decimal("1.5")], pa.decimal128(38, 10)), [0, 7, None]),
        ("flight_id", pa.array([Decimal("-7.000")], pa.decimal256(50, 3)), [-7]),
        ("flight_id", pa.array([7, 8], pa.int8()), [7, 8]),
        ("seats", pa.array([2**31 - 1, 2**31, -(2**31)], pa.int64()), [2**31 - 1, None, -(2**31)]),
        ("carrier", pa.array(["007", "", " AA"]).dictionary_encode(), ["007", "", " AA"]),
        ("carrier", pa.array(["é\n", "\ufffd"], pa.large_string()), ["é\n", "\ufffd"]),
        ("carrier", pa.array(["AA", "BB"], pa.string_view()), ["AA", "BB"]),
        ("booked_on", pa.array([datetime(2013, 1, 5), datetime(2013, 1, 5, 1)], pa.timestamp("ns")), [LANDED[5], None]),
        ("booked_on", pa.array([LANDED[5]], pa.date64()), [LANDED[5]]),
        ("load", pa.array([0.5, 1e300]), [0.5, float("inf")]),
        ("is_charter", pa.array([True, False]).dictionary_encode(), [True, False]),
    ],
)
def test_other_types_of_parquet_that_hold_such_values(
    tmp_path: Path, name: str, values: pa.Array, expected: list[object]
) -> None:
    rows = with_column(tmp_path / "d.parquet", name, values).sort_by("scheduled_departure")
    assert rows[name].to_pylist() == expected
    problems = [None if value is not None else f"unparsable {name}" for value in expected]
    assert rows["source_problem"].to_pylist() == problems


@pytest.mark.parametrize(
    ("name", "values", "fix"),
    [
        ("carrier", pa.array([7]), "of the type int64: write it as text"),
        ("carrier", pa.array([b"AA"]), "of the type binary: write it as text"),
        ("is_charter", pa.array(["true"]), "of the type string: write it as a boolean"),
        ("is_charter", pa.array([1]), "of the type int64: write it as a boolean"),
        ("booked_on", pa.array(["2013-01-05"]), "of the type string: write it as a date"),
        (
            "booked_on",
            pa.array([0], pa.timestamp("us", "UTC")),
            r"of the type timestamp\[us, tz=UTC\]: write it as a d",
        ),
        ("flight_id", pa.array(["1"]), "of the type string: write it as a number"),
        ("load", pa.array([True]), "of the type bool: write it as a number"),
    ],
)
def test_another_kind_of_type_is_refused(tmp_path: Path, name: str, values: pa.Array, fix: str) -> None:
    with pytest.raises(UnreadableEventsError, match=f"Column {name} of .*d.parquet is {fix}"):
        with_column(tmp_path / "d.parquet", name, values)


def test_nan_is_a_value_of_fractions_and_none_of_integers(tmp_path: Path) -> None:
    nan = pa.array([float("nan")])
    assert np.isnan(with_column(tmp_path / "d.parquet", "load", nan)["load"][0].as_py())
    rows = with_column(tmp_path / "d.parquet", "flight_id", nan)
    assert (rows["flight_id"].to_pylist(), rows["source_problem"].to_pylist()) == ([None], [None])


def test_folders_are_named_after_values_of_any_type(tmp_path: Path) -> None:
    folder = tmp_path / "carrier=007" / "is_charter=true" / "booked_on=2013-01-05" / f"flight_id={2**53 + 1}"
    folder.mkdir(parents=True)
    stated = ["carrier", "is_charter", "booked_on", "flight_id"]
    pq.write_table(arrow(LANDED).drop(stated), folder / "d.parquet")
    row = sound(tmp_path).to_pylist()[0]
    assert [row[name] for name in stated] == ["007", True, LANDED[5], 2**53 + 1]


def test_names_may_be_declared_in_capitals(tmp_path: Path) -> None:
    columns = tuple(replace(each, name=each.name.replace("carrier", "Carrier")) for each in DEPARTURES.columns)
    events = replace(DEPARTURES, columns=columns, rules=())
    pq.write_table(WHOLE.rename_columns(list(map(str.upper, SCHEMA.names))), tmp_path / "d.parquet")
    assert landed(events, tmp_path)["Carrier"].to_pylist() == WHOLE["carrier"].to_pylist()
    WHOLE.to_pandas().drop(columns="carrier").to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "d.parquet").unlink()
    with pytest.raises(UnreadableEventsError, match="lacks the columns Carrier; it has: flight_id"):
        landed(events, tmp_path)


def test_a_column_that_is_declared_otherwise_is_landed_anew(tmp_path: Path) -> None:
    """The folder of landed files stays, and so does the file."""
    pq.write_table(WHOLE, tmp_path / "d.parquet")
    kinds = {}
    for kind in ("int", "double"):
        columns = tuple(replace(each, type=kind) if each.name == "seats" else each for each in DEPARTURES.columns)
        events = replace(DEPARTURES, columns=columns)
        landing = Landing(tmp_path / "landed", EventTimes(events, "wall_clock"))
        rows = pq.read_table(landing.snapshot(files_at(events, named(events, tmp_path / "d.parquet"))))
        kinds[kind] = rows.schema.field("seats").type
    assert kinds == {"int": pa.int32(), "double": pa.float64()}
