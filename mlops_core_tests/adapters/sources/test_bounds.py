"""Small files that unpack to large ones: refused in a sentence, or read in little memory, and honest ones are read."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.sample import sample_of_files
from mlops_core_tests.adapters.sources.landed import DEPARTURES, SCHEMA, arrow, departure, landed

MIB = 1 << 20
LANDS_IN = """
import resource, sys, tempfile
from pathlib import Path
from mlops_core.adapters.sources.file_source import files_at
from mlops_core.adapters.sources.landing import Landing
from mlops_core.ingestion.times import EventTimes
from mlops_core_tests.adapters.sources.landed import DEPARTURES, named
import pyarrow.csv, pyarrow.parquet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = files_at(DEPARTURES, named(DEPARTURES, path))
            Landing(Path(folder), EventTimes(DEPARTURES, "wall_clock")).snapshot(files)
        except ValueError:
            pass
sys.stdout.write(str((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10))
"""


def lines(*rows: tuple) -> tuple[bytes, bytes]:
    """The header, and the rows, each with its line break."""
    written = pa.BufferOutputStream()
    pa_csv.write_csv(arrow(*rows), written)
    header, _, body = written.getvalue().to_pybytes().partition(b"\n")
    return header + b"\n", body


def zipped(file: Path, parts: Iterable[bytes]) -> Path:
    with gzip.open(file, "wb", compresslevel=1) as stream:
        stream.writelines(parts)
    return file


def one_line(folder: Path, size: int = 3) -> Path:
    header, row = lines(departure())
    return zipped(folder / "d.csv.gz", [header, row, *[b"x" * MIB] * size])


def one_line_in_quotes(folder: Path) -> Path:
    header, row = lines(departure())
    return zipped(folder / "d.csv.gz", [header, row, b'"', *[b"x" * MIB] * 3])


def one_row_of_many_lines(folder: Path) -> Path:
    header, row = lines(departure())
    return zipped(folder / "d.csv.gz", [header, row, b'1,"', *[b"x" * 999 + b"\n"] * 3000])


def many_columns(folder: Path) -> Path:
    header, row = lines(departure())
    more = b",".join(b"c%d" % number for number in range(20_000))
    return zipped(folder / "d.csv.gz", [header.strip() + b"," + more + b"\n", row.strip() + b"," * 20_000 + b"\n"])


def repeated(folder: Path, text: str, rows: int) -> Path:
    """A text that the file has once."""
    columns = {name: pa.repeat(pa.scalar(value, SCHEMA.field(name).type), rows) for name, value in named().items()}
    columns["carrier"] = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([text]))
    pq.write_table(pa.table(columns), folder / "d.parquet", compression="zstd")
    return folder / "d.parquet"


def long_text(folder: Path) -> Path:
    return repeated(folder, "x" * (MIB + 1), 10)


def large_column(folder: Path) -> Path:
    table = arrow(*[departure(carrier="x" * MIB)] * 3).to_pandas()
    rows = pa.Table.from_pandas(table, SCHEMA).take([0] * 24)
    pq.write_table(rows, folder / "d.parquet", use_dictionary=False, compression="zstd")
    return folder / "d.parquet"


def named() -> dict[str, object]:
    return dict(zip(SCHEMA.names, departure(), strict=True))


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (one_line, r"d\.csv\.gz, line 3: it is longer than 1 MiB"),
        (one_line_in_quotes, r"d\.csv\.gz, line 3: it is longer than 1 MiB"),
        (one_row_of_many_lines, r"d\.csv\.gz has a row that is longer than 1 MiB"),
        (many_columns, r"d\.csv\.gz has 20,011 columns, and at most 10,000 are read"),
        (long_text, r"Column carrier of .*d\.parquet has a text that is longer than 1 MiB"),
    ],
)
def test_what_is_too_large_is_refused(tmp_path: Path, write: Callable[[Path], Path], sentence: str) -> None:
    file = write(tmp_path)
    assert file.stat().st_size < MIB
    with pytest.raises(UnreadableEventsError, match=sentence) as refused:
        landed(DEPARTURES, file)
    assert len(str(refused.value)) < 1000


def test_a_large_column_of_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_core.adapters.sources.bounds.MOST_TEXT", 20 * MIB)
    with pytest.raises(
        UnreadableEventsError, match="Column carrier of .* takes 24 MiB in one row group, and at most 20 M"
    ):
        landed(DEPARTURES, large_column(tmp_path))


def test_a_page_that_says_more_than_the_footer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own header is what memory is taken for: here it says 100 MiB, and the footer 3."""
    file = tmp_path / "d.parquet"
    rows = arrow(*[departure(carrier="x" * (MIB - 10))] * 3)
    pq.write_table(rows, file, use_dictionary=False, compression="snappy", data_page_size=8 * MIB)
    monkeypatch.setattr("mlops_core.adapters.sources.bounds.MOST_TEXT", 20 * MIB)
    assert len(landed(DEPARTURES, file)) == 3
    chunk = pq.read_metadata(file).row_group(0).column(SCHEMA.names.index("carrier"))
    at, stated = chunk.data_page_offset + 3, 100 * MIB * 2  # zigzag
    content = bytearray(file.read_bytes())
    content[at : at + 4] = bytes(stated >> shift & 127 | (128 if shift < 21 else 0) for shift in (0, 7, 14, 21))
    file.write_bytes(content)
    assert pq.read_metadata(file).row_group(0).column(SCHEMA.names.index("carrier")).total_uncompressed_size < 4 * MIB
    with pytest.raises(UnreadableEventsError, match="Column carrier of .* takes 100 MiB in one row group, and at most"):
        landed(DEPARTURES, file)
    content[at - 3] = 255
    file.write_bytes(content)
    with pytest.raises(UnreadableEventsError, match=r"d\.parquet cannot be read as parquet, .*no page begins at byte"):
        landed(DEPARTURES, file)


def test_an_error_names_some_of_many_columns(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(",".join(["carrier", *(f"c{number}" for number in range(5000))]) + "\n")
    with pytest.raises(UnreadableEventsError, match=r"c98 and 4,901 more\. Expected") as refused:
        landed(DEPARTURES, tmp_path)
    assert len(str(refused.value)) < 2000


def test_long_texts_of_a_sample_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_core.adapters.sources.sample.SAMPLED", MIB)
    with pytest.raises(UnreadableEventsError, match=re.escape("leave columns with long texts out (--without)")):
        sample_of_files(str(repeated(tmp_path, "x" * 1000, 2000)), "UTC")


def test_rows_with_long_texts_come_back(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    header, row = lines(departure(carrier="A" * 400_000))
    zipped(tmp_path / "csv" / "d.csv.gz", [header, *[row] * 100])
    for path in (tmp_path / "csv", repeated(tmp_path, "A" * 400_000, 100)):
        rows = landed(DEPARTURES, path)
        assert rows["carrier"].to_pylist() == ["A" * 400_000] * 100
        assert rows["source_problem"].null_count == 100


def test_texts_of_several_row_groups_are_read_with_and_without_a_dictionary(tmp_path: Path) -> None:
    texts = ["x" * (number % 7 * 1000) + str(number) for number in range(5000)]
    rows = arrow(*[departure(flight_id=number, carrier=text) for number, text in enumerate(texts)])
    for number, dictionary in enumerate((True, False, ["carrier"])):
        pq.write_table(rows, tmp_path / f"{number}.parquet", row_group_size=1300, use_dictionary=dictionary)
        assert landed(DEPARTURES, tmp_path / f"{number}.parquet")["carrier"].to_pylist() == texts


def test_landing_takes_little_memory(tmp_path: Path) -> None:
    """One process lands them all: 200 MiB of one line, 1.6 GB of one text of 200 kB, 10 MB of honest rows."""
    header, row = lines(*[departure(flight_id=number) for number in range(1000)])
    files = [
        one_line(tmp_path, 200),
        repeated(tmp_path, "A" * 200_000, 8_000),
        zipped(tmp_path / "honest.csv.gz", [header, *[row] * 100]),
    ]
    command = [sys.executable, "-c", LANDS_IN, *map(str, files)]
    more_mib = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert more_mib < 350
