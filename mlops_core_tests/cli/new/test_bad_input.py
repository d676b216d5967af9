"""Input that makes no project is refused in one sentence that names the fix, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mlops_core.cli.new.command import main
from mlops_core_tests.cli.new.tables import orders, written

Change = Callable[[pd.DataFrame], pd.DataFrame]


def told(folder: Path, rows: Path | str, *said: str) -> str:
    """What the command says of these rows; it ends with 1, writes nothing, and no stack trace is seen."""
    (folder / "repository").mkdir(exist_ok=True)
    arguments = ["churn", "--root", str(folder / "repository"), "--rows", str(rows), "--yes", *said]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert list((folder / "repository").iterdir()) == []
    sentence = done.stderr.strip()
    assert sentence.count("\n") == 0
    assert sentence.endswith(".")
    return sentence


TABLES: dict[str, tuple[Change, list[str], str]] = {
    "no time": (lambda rows: rows[["order_id", "shop", "late"]], [], "no column with a time: events"),
    "seconds since 1970": (
        lambda rows: rows.assign(ordered_at=rows.ordered_at.astype("int64") // 10**6).drop(columns="delivered_at"),
        [],
        "'ordered_at' may be one as a number",
    ),
    "times of another format": (
        lambda rows: rows.assign(ordered_at=rows.ordered_at.dt.strftime("%d.%m.%Y")).drop(columns="delivered_at"),
        [],
        "but the text 'ordered_at' may be one: '01.01.2026' is in no format that is read",
    ),
    "a named time of text": (
        lambda rows: rows.assign(at=rows.ordered_at.dt.strftime("%d.%m.%Y")),
        ["--event-time", "at"],
        "--event-time is 'at', a string and no timestamp: '01.01.2026' is in no format that is read",
    ),
    "a date of parquet": (
        lambda rows: rows.assign(ordered_at=rows.ordered_at.dt.date).drop(columns="delivered_at"),
        [],
        "CAST(ordered_at AS TIMESTAMP) makes it one",
    ),
    "one row": (lambda rows: rows.head(1), [], "has one row that can be read"),
    "no row": (lambda rows: rows.head(0), [], "orders.parquet has no row"),
    "a constant label": (lambda rows: rows.assign(late=1.0), ["--label", "late"], "'late' is 1.0 in every row"),
    "a label that is nowhere": (lambda rows: rows, ["--label", "churned"], "'churned', which is no column"),
    "no label found": (lambda rows: rows.drop(columns=["late", "delay"]), [], "say it with --label"),
    "all labels null": (
        lambda rows: rows.assign(late=np.nan),
        ["--label", "late"],
        "'late', which is no column that can be used, for it has no value",
    ),
    "thousands of classes of two": (
        lambda rows: rows,
        ["--label", "remark", "--kind", "binary"],
        "'remark' has 4,000 values and a binary label has two",
    ),
    "thousands of classes": (
        lambda rows: rows,
        ["--label", "remark", "--kind", "multiclass"],
        "'remark' has 4,000 values, and more than 50 classes",
    ),
    "texts to be numbers": (
        lambda rows: rows,
        ["--label", "shop", "--kind", "regression"],
        "'shop' is a string, and a regression predicts a number",
    ),
    "an unknown kind": (lambda rows: rows, ["--kind", "clustering"], "choose from regression, binary, multiclass"),
    "a next to empty class": (
        lambda rows: rows.assign(late=(rows.index < 3).astype(int)),
        ["--label", "late"],
        "only 3 are '1'",
    ),
    "another positive value": (
        lambda rows: rows.assign(late=np.where(rows.late == 1, "yes", "no")),
        ["--label", "late", "--positive", "maybe"],
        "--positive is 'maybe', and 'late' is 'no' or 'yes'",
    ),
    "columns that differ by case": (
        lambda rows: rows.assign(Shop=rows["shop"]),
        [],
        "'shop' and 'Shop' differ by case alone, so Delta takes them for one column: rename one of them",
    ),
    "a name that no table may have": (
        lambda rows: rows.rename(columns={"distance": "distance (km)"}),
        [],
        "rename at the source or in a view, or leave columns out with --without",
    ),
    "known before it happens": (
        lambda rows: rows,
        ["--event-time", "ordered_at", "--known-at", "before"],
        "'before' is not after the event time 'ordered_at' in 100% of the rows",
    ),
    "known as it happens": (
        lambda rows: rows,
        ["--event-time", "ordered_at", "--known-at", "ordered_at"],
        "nobody predicts what is known when it happens",
    ),
    "nobody says when it is known": (
        lambda rows: rows.drop(columns="delivered_at"),
        [],
        "say it with --known-after",
    ),
    "a time that is called as the pipeline's own": (
        lambda rows: rows.assign(day=rows.ordered_at).drop(columns=["ordered_at", "delivered_at"]),
        [],
        "but 'day' can't be used: the pipeline has a column of that name: rename it at the source",
    ),
    "no duration": (lambda rows: rows, ["--known-after", "a month"], "write a number with h, d or w"),
    "an event time with nulls": (
        lambda rows: rows,
        ["--event-time", "delivered_at", "--known-after", "1d"],
        "'delivered_at' is null in 2.9% of the rows",
    ),
    "the same rows again and again": (
        lambda rows: pd.concat([rows, rows]),
        [],
        "Rows can't be told apart: 50% of them have the same ordered_at",
    ),
    "an identity of many": (
        lambda rows: rows,
        ["--identity", "shop"],
        "100% of them have the same shop as another one",
    ),
    "one day": (
        lambda rows: rows.assign(
            ordered_at=rows.ordered_at[0].normalize() + pd.to_timedelta(rows.index, unit="s"),
            delivered_at=rows.ordered_at[0].normalize() + pd.to_timedelta(rows.index + 60, unit="s"),
        ),
        [],
        "too few to train on and to hold out the newest days",
    ),
    "broken clocks": (
        lambda rows: rows.assign(
            ordered_at=pd.Timestamp("2190-01-01") + pd.to_timedelta(rows.index, unit="s"),
            delivered_at=pd.Timestamp("2191-01-01") + pd.to_timedelta(rows.index, unit="s"),
        ),
        [],
        "before 1970-01-02 or in the future",
    ),
    "no SQL": (lambda rows: rows, ["--label-sql", "delay >"], "--label-sql: 'delay >' is no SQL over delay"),
    "SQL of nothing": (lambda rows: rows, ["--label-sql", "1 > 2"], "'1 > 2' names no column"),
    "SQL of one value": (lambda rows: rows, ["--label-sql", "delay > 1000"], "is the same in every row"),
    "a zone that there is not": (lambda rows: rows, ["--time-zone", "Mars"], "there is no time zone 'Mars'"),
    "an entity of fractions": (
        lambda rows: rows,
        ["--entity", "distance"],
        "'distance', a double, and features are kept of names",
    ),
    "an entity that is known late": (lambda rows: rows, ["--entity", "delay"], "which is not known of every event"),
    "an owner of no kind": (lambda rows: rows, ["--owner", "joe"], "--owner is 'joe': name a team"),
    "a noun of signs": (lambda rows: rows, ["--noun", "order!"], "use lower-case letters and blanks"),
}


@pytest.mark.parametrize(("change", "said", "expected"), TABLES.values(), ids=TABLES)
def test_a_table_that_makes_no_project(tmp_path: Path, change: Change, said: list[str], expected: str) -> None:
    rows = orders().assign(before=lambda frame: frame.ordered_at - pd.Timedelta(hours=1))
    if "--event-time" not in said:
        rows = rows.drop(columns="before")
    assert expected in told(tmp_path, written(change(rows), tmp_path), *said)


def test_nothing_at_the_path(tmp_path: Path) -> None:
    assert "set --rows to a parquet or CSV file" in told(tmp_path, tmp_path / "nowhere.parquet")


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    assert "There is no data file in" in told(tmp_path, tmp_path / "rows")


@pytest.mark.parametrize(
    ("name", "data"), [("rows.parquet", b"PAR1 and no more"), ("rows.csv", b""), ("r.xlsx", b"PK")]
)
def test_a_file_that_is_none(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert name in told(tmp_path, tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize("name", ["orders.parquet", "orders.csv"])
def test_a_file_that_may_not_be_read(tmp_path: Path, name: str) -> None:
    file = written(orders(), tmp_path, name)
    file.chmod(0)
    assert "ermission" in told(tmp_path, file)


def test_a_csv_whose_quote_has_no_end(tmp_path: Path) -> None:
    file = written(orders(), tmp_path, "orders.csv")
    text = file.read_text().splitlines()
    text[100] = text[100].replace("shop", '"shop', 1)
    file.write_text("\n".join(text))
    assert "orders.csv" in told(tmp_path, file)


def test_a_csv_whose_days_may_be_months(tmp_path: Path) -> None:
    rows = orders()
    rows = rows[rows.ordered_at.dt.day <= 12]
    rows = rows.assign(ordered_at=rows.ordered_at.dt.strftime("%m/%d/%Y")).drop(columns="delivered_at")
    file = written(rows, tmp_path, "orders.csv")
    expected = (
        "'01/01/2026' may be day_first, as 31.12.2024 or month_first, as 12/31/2024, so say which with --csv-format"
    )
    assert expected in told(tmp_path, file)
    assert expected in told(tmp_path, file, "--event-time", "ordered_at")
    assert "write column=format" in told(tmp_path, file, "--csv-format", "ordered_at")


def test_a_csv_format_that_the_column_does_not_have(tmp_path: Path) -> None:
    file = written(orders(), tmp_path, "orders.csv")
    assert "says decimal_comma of 'distance'" in told(tmp_path, file, "--csv-format", "distance=decimal_comma")
    assert "says day_first of 'parcels', as in 31.12.2024, and it has texts such as" in told(
        tmp_path, file, "--csv-format", "parcels=day_first"
    )


def test_a_zipped_csv_that_is_none(tmp_path: Path) -> None:
    file = written(orders(), tmp_path, "orders.csv").rename(tmp_path / "orders.csv.gz")
    assert f"{file} cannot be read as CSV" in told(tmp_path, file)


def test_a_csv_without_a_header(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    orders().to_csv(file, index=False, header=False)
    assert "cannot name a column" in told(tmp_path, file)


def test_where_nobody_can_be_asked_what_would_be_written_is_shown_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    file = written(orders(), tmp_path)
    arguments: list[Any] = ["churn", "--root", str(tmp_path / "repository"), "--rows", str(file)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "agree with --yes" in done.stderr
    assert {"delay", "shop", "ordered_at", "distance"} <= set(done.stdout.replace(",", " ").split())
    assert list((tmp_path / "repository").iterdir()) == []


@pytest.mark.parametrize(("arguments", "expected"), [([], "NAME"), (["churn", "--yes"], "--rows")])
def test_what_nobody_said_is_named(tmp_path: Path, arguments: list[str], expected: str) -> None:
    done = CliRunner().invoke(main, [*arguments, "--root", str(tmp_path)])
    assert done.exit_code == 1
    assert expected in done.stderr
