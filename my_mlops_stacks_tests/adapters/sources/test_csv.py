"""CSV files as people and tools write them: every line is accounted for, or the file is refused with the line."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from mlops_core.adapters.sources.errors import UnreadableEventsError
from my_mlops_stacks_tests.adapters.sources.sample import HEADER, LINE, TRIPS, good_rows, is_sample, source_rows

SOUND = "2016-01-01 00:11:29"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", newline="")
    return path


def problems(path: Path) -> list[str | None]:
    return source_rows(path).source_problem.tolist()


def with_notes(notes: list[str], **options: object) -> str:
    return TRIPS.assign(note=notes).to_csv(index=False, **options)


NOTES = ['say "x", y', "two\nlines, and a , comma", "a\\b"]


@pytest.mark.parametrize(
    "text",
    [
        TRIPS.to_csv(index=False),
        TRIPS.to_csv(),
        TRIPS.to_csv(index=False, sep=";"),
        TRIPS.to_csv(index=False, sep="\t"),
        TRIPS.to_csv(index=False, sep="|"),
        TRIPS.to_csv(index=False, lineterminator="\r\n"),
        TRIPS.to_csv(index=False, lineterminator="\r"),
        TRIPS.to_csv(index=False).strip(),
        "\n\n" + TRIPS.to_csv(index=False).replace("\n", "\n\n  \n"),
        TRIPS.to_csv(index=False, quoting=csv.QUOTE_ALL),
        TRIPS.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n"),
        TRIPS.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%f"),
        TRIPS.to_csv(index=False, date_format="%Y-%m-%d %H:%M:%S.000000000"),
        TRIPS.rename(columns=lambda name: f" {name.upper()} ").to_csv(index=False),
        TRIPS.rename(columns=lambda name: f'"{name}"').to_csv(index=False, quoting=csv.QUOTE_NONE, escapechar="~"),
        TRIPS[reversed(TRIPS.columns)].to_csv(index=False),
        TRIPS.astype({"pickup_zip": "float64"}).to_csv(index=False),
        with_notes(NOTES),
        with_notes(NOTES, quoting=csv.QUOTE_ALL),
        with_notes(NOTES, doublequote=False, escapechar="\\"),
        with_notes(["", '\n;"', '",'], doublequote=False, escapechar="\\"),
        TRIPS.assign(note=["", '",', ""])[["note", *TRIPS.columns]].to_csv(
            index=False, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL
        ),
        with_notes(['"', '""', '","']),
        with_notes(['C:\\"x', "C:\\", "y\\"]),
        TRIPS.assign(note=NOTES)[["note", *TRIPS.columns]].to_csv(index=False),
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    (tmp_path / "trips.csv").write_bytes(text.encode("utf-8"))
    assert is_sample(good_rows(tmp_path / "trips.csv"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "trips.csv").write_bytes(with_notes(["é", "ü", "ß"]).encode(encoding))
    assert is_sample(good_rows(tmp_path / "trips.csv"))


def test_zipped_in_several_members(tmp_path: Path) -> None:
    text = TRIPS.to_csv(index=False).encode()
    (tmp_path / "trips.CSV.GZ").write_bytes(gzip.compress(text[:150]) + gzip.compress(text[150:]))
    assert is_sample(good_rows(tmp_path / "trips.CSV.GZ"))


def test_files_of_a_folder_have_headers_and_dialects_of_their_own(tmp_path: Path) -> None:
    TRIPS[:1].to_csv(tmp_path / "a.csv", index=False)
    TRIPS[1:2][reversed(TRIPS.columns)].to_csv(tmp_path / "b.csv", index=False, sep=";")
    swapped = [*TRIPS.columns[:4], "dropoff_zip", "pickup_zip"]
    TRIPS[2:][swapped].assign(note='"').to_csv(tmp_path / "c.csv", index=False)
    assert is_sample(good_rows(tmp_path))


def test_leading_zeros_and_blanks(tmp_path: Path) -> None:
    line = "2016-01-01 00:11:29, 2016-01-01T00:20:00 ,1.4 , 8,07030,10110.0"
    row = good_rows(write(tmp_path / "trips.csv", HEADER, line)).iloc[0]
    expected = [datetime(2016, 1, 1, 0, 11, 29), datetime(2016, 1, 1, 0, 20), 1.4, 8.0, 7030, 10110]
    assert row.tolist() == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (LINE.replace(SOUND, "noon"), "unparsable tpep_pickup_datetime"),
        (LINE.replace(SOUND, "01/02/2016 10:00"), "unparsable tpep_pickup_datetime"),
        (LINE.replace(SOUND, "2016-02-30 10:00:00"), "unparsable tpep_pickup_datetime"),
        (LINE.replace(SOUND, "2016-01-01 24:10:00"), "unparsable tpep_pickup_datetime"),
        (LINE.replace("1.4", "far"), "unparsable trip_distance"),
        (LINE.replace("8.0", "$8"), "unparsable fare_amount"),
        (LINE.replace("8.0", '"1,208.00"'), "unparsable fare_amount"),
        (LINE.replace("8.0", "NULL"), "unparsable fare_amount"),
        (LINE.replace("8.0", "0x1F"), "unparsable fare_amount"),
        (LINE.replace("10103", "10103-1"), "unparsable pickup_zip"),
        (LINE.replace("10103", "0x1F"), "unparsable pickup_zip"),
        (LINE.replace("10103", "99999999999"), "unparsable pickup_zip"),
        (LINE.replace("10103", "x").replace("1.4", "y"), "unparsable trip_distance; unparsable pickup_zip"),
        ("2016-01-01 00:11:29,2016-01-01 00:20:00,1.4,8.0,10103", "malformed: too few fields"),
        (f"{LINE},", "malformed: too many fields"),
        (f"{LINE},x,y", "malformed: too many fields"),
        ("half a li", "malformed: too few fields"),
        (LINE.replace("8.0", "\xe9"), "unparsable fare_amount"),
    ],
)
def test_a_line_that_does_not_parse_is_a_row_with_a_problem(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "trips.csv").write_bytes(f"{HEADER}\n{LINE}\n{line}\n{LINE}\n".encode("latin-1"))
    assert sorted(map(str, problems(tmp_path / "trips.csv"))) == ["None", "None", problem]


def test_an_empty_value_is_not_known_yet(tmp_path: Path) -> None:
    write(tmp_path / "trips.csv", HEADER, LINE, '2016-01-01 00:11:29,,1.4,"",10103,  ')
    rows = good_rows(tmp_path / "trips.csv")
    assert rows.isna().sum().to_dict() == dict.fromkeys(rows.columns, 0) | {
        "tpep_dropoff_datetime": 1, "fare_amount": 1, "dropoff_zip": 1,
    }  # fmt: skip


def quoted(line: str) -> str:
    return ",".join(f'"{value}"' for value in line.split(","))


ROWS = [f"{LINE},row {number}" for number in range(200)]


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize(
    ("opened", "closed"),
    [("row 50", None), ("row 50", "row 150"), ("row 199", None), ("row 198", "row 199"), ("row 0", "row 1")],
)
@pytest.mark.parametrize("style", [str, quoted], ids=["bare", "quoted"])
def test_a_quote_without_end_is_refused_with_its_line(
    tmp_path: Path, opened: str, closed: str | None, style: Callable[[str], str], separator: str
) -> None:
    lines = [style(f"{HEADER},note"), *(style(row) for row in ROWS)]
    at = int(opened.removeprefix("row ")) + 1
    lines[at] = lines[at].replace(opened, opened[:-1]) if style is quoted else lines[at].replace(opened, f'"{opened}')
    if style is quoted:
        lines[at] = lines[at].removesuffix('"')
    if closed:
        place = int(closed.removeprefix("row ")) + 1
        lines[place] = lines[place].replace(closed, f'"{closed}') if style is str else lines[place]
    path = write(tmp_path / "trips.csv", *(line.replace(",", separator) for line in lines))
    if opened == "row 199":  # nothing is left to be swallowed
        assert len(source_rows(path)) == len(ROWS)
        return
    with pytest.raises(UnreadableEventsError, match=f"line {at + 1}: a quote that is opened here has no end"):
        source_rows(path)


@pytest.mark.parametrize("place", range(6))
def test_a_quote_without_end_in_a_column_of_trips(tmp_path: Path, place: int) -> None:
    values = LINE.split(",")
    values[place] = f'"{values[place]}'
    for closing in (LINE, ",".join(values)):
        lines = [LINE] * 10 + [",".join(values)] + [LINE] * 10 + [closing] + [LINE] * 10
        with pytest.raises(UnreadableEventsError, match=r"trips.csv, line 12: a quote"):
            source_rows(write(tmp_path / "trips.csv", HEADER, *lines))


def test_a_quote_without_end_that_takes_megabytes(tmp_path: Path) -> None:
    lines = [f"{LINE},row"] * 40_000
    lines[5] = f'{LINE},"row'
    with pytest.raises(UnreadableEventsError, match=r"trips.csv, line 7: a quote"):
        source_rows(write(tmp_path / "trips.csv", f"{HEADER},note", *lines))


@pytest.mark.parametrize("count", [20, 20_000])  # beyond the longest field that csv takes
@pytest.mark.parametrize("header", [f'"{HEADER},note', f'{HEADER},"note', HEADER.replace("fare", '"fare') + ",note"])
@pytest.mark.parametrize("end", ['a "quote"', "none"])
def test_a_quote_without_end_in_the_header(tmp_path: Path, header: str, count: int, end: str) -> None:
    write(tmp_path / "a.csv", f"{HEADER},note", f"{LINE},row")
    write(tmp_path / "b.csv", "", header, *[f"{LINE},row"] * count, f"{LINE},{end}", f"{LINE},row")
    with pytest.raises(UnreadableEventsError, match=r"b.csv, line 2: a quote that is opened in the header has no end"):
        source_rows(tmp_path)


def test_a_name_may_have_a_line_break(tmp_path: Path) -> None:
    assert len(good_rows(write(tmp_path / "trips.csv", f'{HEADER},"2016-01-01\nnote"', f"{LINE},a"))) == 1


def test_the_first_quote_of_spark_may_come_late(tmp_path: Path) -> None:
    lines = [f"{LINE},row"] * 30_000 + [f'{LINE},"say \\"x\\", y"'] * 3
    rows = good_rows(write(tmp_path / "trips.csv", f"{HEADER},note", *lines))
    assert len(rows) == len(lines)


@pytest.mark.parametrize("broken", [f"{HEADER},fare_amount", f"{HEADER}, Fare_Amount"])
def test_two_columns_of_one_name_are_refused_naming_both(tmp_path: Path, broken: str) -> None:
    second = broken.removeprefix(f"{HEADER},")
    with pytest.raises(UnreadableEventsError, match=f"fare_amount more than once, 'fare_amount' and '{second}'"):
        source_rows(write(tmp_path / "trips.csv", broken, f"{LINE},1"))


def test_a_later_file_without_header_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", HEADER, LINE)
    write(tmp_path / "b.csv", LINE, LINE)
    with pytest.raises(UnreadableEventsError, match=r"b.csv names no column of trips in its first line"):
        source_rows(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    TRIPS.drop(columns="pickup_zip").to_csv(tmp_path / "trips.csv", index=False)
    with pytest.raises(UnreadableEventsError, match="trips.csv lacks the columns pickup_zip; it has: tpep_pickup"):
        source_rows(tmp_path / "trips.csv")


TEXT = TRIPS.to_csv(index=False)
zipped = partial(gzip.compress, mtime=0)  # the names of tests are made of these bytes: no clock may be among them


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("b.csv", b"", "is empty, without even a header"),
        ("b.csv", b"\n \n", "is empty, without even a header"),
        ("b.csv", zipped(TEXT.encode()), "compressed with gzip"),
        ("b.csv", TEXT.encode("utf-16"), "is UTF-16"),
        ("b.csv", TEXT.encode("utf-16-le"), "is UTF-16"),
        ("b.csv", b"PK\x03\x04rest", "is a zip or Excel file"),
        ("b.csv", b"PAR1rest", "is parquet"),
        ("b.csv.gz", TEXT.encode(), "cannot be read as CSV"),
        ("b.csv.gz", zipped(TEXT.encode() * 50)[:-30], "cannot be read as CSV"),
        ("b.csv.gz", b"", "is empty"),
        ("b.csv.gz", zipped(zipped(TEXT.encode())), "compressed with gzip"),
        ("b.csv.gz", zipped(b""), "is empty"),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    write(tmp_path / "a.csv", HEADER, LINE)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableEventsError, match=f"{name} .*{sentence}"):
        source_rows(tmp_path)


@pytest.mark.parametrize("rows", [10, 30_000])  # in the first megabyte, and behind it
@pytest.mark.parametrize("name", ["b.csv", "b.csv.gz"])
def test_a_part_that_was_never_written_is_refused(tmp_path: Path, name: str, rows: int) -> None:
    content = "\n".join([HEADER, *[LINE] * rows, "\0" * 4096 + LINE, LINE, f"{LINE}\0", LINE]).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(UnreadableEventsError, match=f"{name} .*it has bytes that are zero"):
        source_rows(tmp_path)


def test_a_header_alone_is_no_trips(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", HEADER)
    TRIPS.to_csv(tmp_path / "b.csv", index=False)
    assert is_sample(good_rows(tmp_path))


def test_pandas_reads_the_same(tmp_path: Path) -> None:
    lines = [
        LINE.replace("00:11:29", f"00:{number % 20:02}:29").replace("8.0", f"{number / 7}") for number in range(999)
    ]
    path = write(tmp_path / "trips.csv", HEADER, *lines)
    truth = pd.read_csv(path, parse_dates=[0, 1]).sort_values([*TRIPS.columns[:2], "fare_amount"], ignore_index=True)
    pd.testing.assert_frame_equal(good_rows(path), truth, check_dtype=False)
