"""Numbers and days of CSV in other formats: recognized where they are nothing else, and read as pandas reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.inferred_formats import Reading
from mlops_core.adapters.sources.sample import SampledRows, sample_of_files
from mlops_core.ingestion.arrivals import kind_of_summary
from mlops_core.project import Column, DeclarationError, EventTable
from mlops_core.project.columns import CsvFormat
from mlops_core_tests.adapters.sources.landed import DEPARTURES, LANDED, SCHEMA, landed, landed_rows

ROWS = 400
RANDOM = np.random.default_rng(0)
MOMENTS = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) * 86_407, unit="s"))
AMOUNTS = pd.Series(np.round(RANDOM.uniform(-20, 3_000, ROWS), 2))
COUNTS = pd.Series(RANDOM.integers(0, 3_000, ROWS))


def european(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def sampled(folder: Path, said: dict[str, CsvFormat] | None = None, **columns: object) -> SampledRows:
    file = folder / "rows.csv"
    pd.DataFrame(columns | {"number": range(ROWS)}).to_csv(file, index=False, sep=";")
    return sample_of_files(str(file), "UTC", (), said)


def reading(folder: Path, **column: object) -> Reading | None:
    """How the column is read; None where nothing is to be said of it."""
    return sampled(folder, **column).readings.get("column")


def events(**columns: Column) -> EventTable:
    """The departures, some columns of which are declared otherwise."""
    return replace(DEPARTURES, columns=tuple(columns.get(each.name, each) for each in DEPARTURES.columns))


def declared(name: str, csv_format: str) -> EventTable:
    return events(**{name: replace(DEPARTURES.column(name), csv_format=csv_format)})


def test_a_european_file_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    rows = sampled(
        tmp_path,
        at=MOMENTS.dt.strftime("%d.%m.%Y %H:%M:%S"),
        on=MOMENTS.dt.strftime("%d/%m/%Y"),
        amount=AMOUNTS.map(lambda value: european(value, 2)),
        count=COUNTS.map(lambda value: european(value, 0)),
        code=[f"{number:05d}" for number in range(ROWS)],
    )
    given = pd.read_csv(
        tmp_path / "rows.csv", sep=";", decimal=",", thousands=".", dtype={"at": str, "on": str, "code": str}
    )
    types = {"at": "timestamp", "on": "date", "amount": "double", "count": "int", "code": "string", "number": "int"}
    assert rows.types == types
    assert {name: each.csv_format for name, each in rows.readings.items()} == {
        "at": "day_first",
        "on": "day_first",
        "amount": "decimal_comma",
        "count": "decimal_comma",
    }
    read = rows.table.to_pandas()
    assert read.source_problem.isna().all()
    assert (read["at"] == pd.to_datetime(given["at"], dayfirst=True)).all()
    assert (pd.to_datetime(read["on"]) == pd.to_datetime(given["on"], dayfirst=True)).all()
    assert (read["amount"] == given["amount"]).all()
    assert (read["count"] == given["count"]).all()


def test_an_american_file_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    rows = sampled(
        tmp_path, at=MOMENTS.dt.strftime("%m/%d/%Y %I:%M:%S %p"), amount=AMOUNTS.map(lambda value: f"{value:,.2f}")
    )
    given = pd.read_csv(tmp_path / "rows.csv", sep=";", thousands=",")
    assert {name: each.csv_format for name, each in rows.readings.items()} == {
        "at": "month_first",
        "amount": "decimal_point",
    }
    read = rows.table.to_pandas()
    assert (read["at"] == pd.to_datetime(given["at"], format="%m/%d/%Y %I:%M:%S %p")).all()
    assert (read["amount"] == given["amount"]).all()


UNSAID = {
    "numbers with a point": AMOUNTS,
    "three decimals": AMOUNTS.map(lambda value: f"{value:.3f}"),
    "ISO 8601": MOMENTS,
    "days of ISO 8601": MOMENTS.dt.date,
    "texts": [f"remark {number}" for number in range(ROWS)],
    "versions": [f"1.{number}.0" for number in range(ROWS)],
    "addresses": [f"10.{number % 200}.{number}.1" for number in range(ROWS)],
    "years of two digits": MOMENTS.dt.strftime("%d.%m.%y"),
    "both orders": [*MOMENTS.dt.strftime("%d/%m/%Y")[:200], *MOMENTS.dt.strftime("%m/%d/%Y")[200:]],
    "decimal commas and points": [*AMOUNTS[:200].map(lambda value: european(value, 2)), *AMOUNTS[200:]],
    "articles with a name": [f"{number:,} pieces" for number in range(ROWS)],
}


@pytest.mark.parametrize("values", UNSAID.values(), ids=UNSAID)
def test_what_is_in_no_format_is_read_as_before(tmp_path: Path, values: object) -> None:
    assert reading(tmp_path, column=values) is None


AMBIGUOUS: dict[str, tuple[object, tuple[CsvFormat, ...]]] = {
    "days up to the twelfth": (
        (pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) % 12, unit="D")).strftime("%d/%m/%Y"),
        ("day_first", "month_first"),
    ),
    "three digits behind a comma": (
        [f"1,{number + 100}" for number in range(ROWS)],
        ("decimal_comma", "decimal_point"),
    ),
    "what may be codes": ([f"{number + 100}.200.300" for number in range(ROWS)], ("decimal_comma",)),
    "thousands with blanks": ([f"1 {number + 100}" for number in range(ROWS)], ("decimal_comma", "decimal_point")),
}


@pytest.mark.parametrize(("values", "possible"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_may_be_in_several_formats_stays_text_and_says_so(
    tmp_path: Path, values: object, possible: tuple[CsvFormat, ...]
) -> None:
    found = reading(tmp_path, column=values)
    assert found is not None
    assert (found.type, found.csv_format, found.possible) == ("string", "", possible)
    assert all(each in found.reason for each in possible)


def test_a_person_says_which_it_is(tmp_path: Path) -> None:
    values, _ = AMBIGUOUS["days up to the twelfth"]
    rows = sampled(tmp_path, {"column": "month_first"}, column=values)
    assert rows.types["column"] == "date"
    expected = pd.to_datetime(pd.Series(values), format="%m/%d/%Y")
    assert (pd.to_datetime(rows.table.to_pandas()["column"]) == expected).all()


def test_other_columns_tell_what_a_column_alone_does_not(tmp_path: Path) -> None:
    values, _ = AMBIGUOUS["three digits behind a comma"]
    rows = sampled(tmp_path, column=values, amount=AMOUNTS.map(lambda value: f"{value:,.2f}"))
    assert rows.readings["column"].csv_format == "decimal_point"
    assert rows.table.to_pandas()["column"].tolist() == [1_000 + number + 100 for number in range(ROWS)]


def test_a_format_that_is_not_a_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableEventsError, match="day_first of 'on', as in 31.12.2024, and .* '01/13/2024'"):
        sampled(tmp_path, {"on": "day_first"}, on=MOMENTS.dt.strftime("%m/%d/%Y"))
    with pytest.raises(UnreadableEventsError, match="names 'off', which is no column of CSV"):
        sampled(tmp_path, {"off": "day_first"}, on=MOMENTS.dt.strftime("%m/%d/%Y"))


def departures(folder: Path, **columns: list[str]) -> Path:
    """A file of as many departures as each of the columns has values."""
    count = len(next(iter(columns.values())))
    same = {
        "flight_id": range(count),
        "scheduled_departure": "2013-03-09 23:50",
        "landed_at": "",
        "carrier": "AA",
        "tailnum": "",
        "booked_on": "",
        "is_charter": "false",
        "seats": "",
        "load": "",
        "delay": "",
        "is_late": "",
    }
    file = folder / "departures.csv"
    pd.DataFrame(same | columns).to_csv(file, index=False, sep=";")
    return file


@pytest.mark.parametrize(
    ("name", "csv_format", "texts", "expected"),
    [
        (
            "delay",
            "decimal_comma",
            ["1.208,50", "-0,5", "7", "1 208,5", "12.5", "1,208.50", ""],
            [1208.5, -0.5, 7, 1208.5],
        ),
        (
            "delay",
            "decimal_point",
            ["1,208.50", "-0.5", "7", "1'208.5", "12,5", "1.208,50", ""],
            [1208.5, -0.5, 7, 1208.5],
        ),
        ("seats", "decimal_comma", ["1.208", "189", "1.000.000", "7,0", "1,5", "12.5", ""], [1208, 189, 1_000_000, 7]),
    ],
)
def test_a_number_that_is_not_in_the_declared_format_is_unparsable(
    tmp_path: Path, name: str, csv_format: str, texts: list[str], expected: list[float]
) -> None:
    rows = landed_rows(declared(name, csv_format), departures(tmp_path, **{name: texts}))
    assert rows[name][:4].tolist() == expected
    assert rows[name][4:].isna().all()
    assert rows.source_problem.tolist() == [None] * 4 + [f"unparsable {name}"] * 2 + [None]


def test_times_in_a_declared_format(tmp_path: Path) -> None:
    texts = ["31.12.2024 9:05", "31/12/2024, 21:05:07.25", "1-2-2024 12:30 AM", "2024-12-31 10:00"]
    texts += ["12/31/2024", "31.12.24", "30.02.2024", "1/2/2024 13:00 PM"]
    rows = landed_rows(declared("landed_at", "day_first"), departures(tmp_path, landed_at=texts))
    expected = ["2024-12-31 09:05", "2024-12-31 21:05:07.25", "2024-02-01 00:30", "2024-12-31 10:00"]
    assert rows.landed_at[:4].tolist() == list(map(pd.Timestamp, expected))
    assert rows.source_problem.tolist() == [None] * 4 + ["unparsable landed_at"] * 4


def test_moments_in_a_declared_format(tmp_path: Path) -> None:
    table = declared("scheduled_departure", "month_first")
    file = departures(tmp_path, scheduled_departure=["12/31/2024 5:00 PM Z", "12/31/2024 17:00+01:00"])
    read = landed_rows(table, file, "UTC").scheduled_departure
    assert read.tolist() == [pd.Timestamp("2024-12-31 12:00"), pd.Timestamp("2024-12-31 11:00")]


def test_a_quote_without_an_end_is_found_by_days_of_any_format(tmp_path: Path) -> None:
    file = departures(tmp_path, scheduled_departure=["31.12.2024"] * 20)
    lines = file.read_text().splitlines()
    lines[5] = lines[5].replace("AA", '"AA')
    lines[15] = lines[15].replace("AA", 'AA"')
    file.write_text("\n".join(lines))
    with pytest.raises(UnreadableEventsError, match="line 6: a quote that is opened here has no end"):
        landed(declared("scheduled_departure", "day_first"), file)


def test_a_source_that_is_read_in_another_format_is_another_one() -> None:
    assert kind_of_summary(declared("delay", "decimal_comma")) != kind_of_summary(DEPARTURES)


@pytest.mark.parametrize(
    ("kind", "csv_format", "words"),
    [
        ("double", "day_first", "choose from decimal_comma, decimal_point"),
        ("timestamp", "decimal_comma", "choose from day_first, month_first, year_first"),
        ("string", "day_first", "leave it out"),
        ("double", "comma", "choose from"),
    ],
)
def test_a_format_that_a_type_does_not_have_is_refused(kind: str, csv_format: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        Column("amount", kind, "An amount", csv_format=csv_format)  # type: ignore[arg-type]


def test_what_a_person_calls_text_stays_it_whatever_the_other_columns_are(tmp_path: Path) -> None:
    """A code such as 12,345 is no number because an amount is written with a decimal comma."""
    (tmp_path / "rows.csv").write_text("amount;code\n1,5;12,345\n2,5;99,123\n")
    assert sample_of_files(str(tmp_path), "UTC").types == {"amount": "double", "code": "double"}
    found = sample_of_files(str(tmp_path), "UTC", formats={"code": ""})
    assert found.types == {"amount": "double", "code": "string"}
    assert found.table["code"].to_pylist() == ["12,345", "99,123"]
    with pytest.raises(UnreadableEventsError, match="decimal_point of 'code'.* it has no values"):
        (tmp_path / "rows.csv").write_text("amount;code\n1,5;\n2,5;\n")
        sample_of_files(str(tmp_path), "UTC", formats={"code": "decimal_point"})


def test_a_name_over_two_lines_may_have_a_day(tmp_path: Path) -> None:
    """As spreadsheets have it; nobody declares the column."""
    file = tmp_path / "rows.csv"
    pd.DataFrame([LANDED], columns=SCHEMA.names).assign(x=1).rename(columns={"x": "sold\n(since 01.01.2024)"}).to_csv(
        file, index=False
    )
    assert len(landed(DEPARTURES, tmp_path)) == 1


def test_few_numbers_with_thousands_are_read_as_well(tmp_path: Path) -> None:
    """They would be the largest amounts, and rejected."""
    amounts = ["12.5"] * 996 + ["1,208.50"] * 4
    pd.DataFrame({"amount": amounts, "count": ["5"] * 996 + ["1,208"] * 4}).to_csv(tmp_path / "rows.csv", index=False)
    found = sample_of_files(str(tmp_path), "UTC")
    assert found.readings["amount"] == Reading("double", "decimal_point", "'1,208.50' is written so")
    assert found.table["amount"].to_pylist() == [float(each.replace(",", "")) for each in amounts]
    assert found.table["count"].to_pylist() == [5] * 996 + [1208] * 4
