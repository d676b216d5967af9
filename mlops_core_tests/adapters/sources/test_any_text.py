"""Whatever texts are in a table, and however it is written: they come back to the last character."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_core_tests.adapters.sources.landed import DEPARTURES, arrow, departure, landed

texts = st.one_of(
    st.sampled_from(["007", "NULL", "nan", "true", "1e5", "2013-01-01 00:00:00", "-", " ", "é"]),
    st.text(st.sampled_from("aé \n\r\",;|\t'#=0"), max_size=6),
)
tables = st.lists(st.tuples(texts, texts), min_size=1, max_size=8)


def as_csv(table: pa.Table, folder: Path, **options: object) -> None:
    frame = table.to_pandas()
    # Python quotes a carriage return only where it ends lines.
    text = frame.astype(dict.fromkeys(frame, object)).to_csv(index=False, lineterminator="\r\n", **options)
    (folder / "d.csv").write_bytes(text.encode())


def in_quotes(table: pa.Table, folder: Path) -> None:
    as_csv(table, folder, quoting=csv.QUOTE_ALL, sep=";")


def with_backslashes(table: pa.Table, folder: Path) -> None:
    as_csv(table, folder, quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\", sep="\t")


def by_arrow(table: pa.Table, folder: Path) -> None:
    pa_csv.write_csv(table, folder / "d.csv")


def as_parquet(table: pa.Table, folder: Path) -> None:
    pq.write_table(table, folder / "d.parquet", row_group_size=2)


def as_delta(table: pa.Table, folder: Path) -> None:
    write_deltalake(folder, table, partition_by=["tailnum"])


@settings(max_examples=40, deadline=None)
@given(rows=tables)
@pytest.mark.parametrize("write", [as_csv, in_quotes, with_backslashes, by_arrow, as_parquet, as_delta])
def test_texts_come_back(rows: list[tuple[str, str]], write: Callable[[pa.Table, Path], None]) -> None:
    named = [departure(flight_id=number, carrier=one, tailnum=two) for number, (one, two) in enumerate(rows)]
    with TemporaryDirectory() as folder:
        write(arrow(*named), Path(folder))
        found = landed(DEPARTURES, folder).sort_by("flight_id")
    keeps_empty = {as_parquet: (True, True), as_delta: (True, False)}.get(write, (False, False))  # no empty partition
    expected = [
        tuple(text if text or kept else None for text, kept in zip(row, keeps_empty, strict=True)) for row in rows
    ]
    assert found["source_problem"].null_count == len(rows)
    assert list(zip(found["carrier"].to_pylist(), found["tailnum"].to_pylist(), strict=True)) == expected
