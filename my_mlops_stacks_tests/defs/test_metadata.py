"""A preview shows what is in the rows, whatever it is, and stays a table: read here as a browser would."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from pyspark.sql import Row

from mlops_core.defs.metadata import LONGEST_CELL, markdown_table

LONG = "x" * 5_000


def read(table: str) -> list[list[str]]:
    """The cells that a Markdown renderer makes of it, as text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    assert tokens[0].type == "table_open" and tokens[-1].type == "table_close"
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special", "entity"}
            rows[-1].append("".join(child.content for child in token.children))
    return rows


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a|b", "a|b"),
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("<script>alert(1)</script> & more", "<script>alert(1)</script> & more"),
        (
            "*bold* `code` [link](http://example.invalid) ~~gone~~",
            "*bold* `code` [link](http://example.invalid) ~~gone~~",
        ),
        (r"C:\a|b\\", r"C:\a|b\\"),
        (None, "null"),
        (float("nan"), "null"),
        (pd.NaT, "null"),
        (pd.NA, "null"),
        (float("inf"), "inf"),
        (3.14159265, "3.142"),
        (9_999.6, "10,000"),
        (999.96, "1000"),
        (np.float32(0.1), "0.1"),
        (1_234_567.25, "1,234,567"),
        (-20_000.0, "-20,000"),
        (np.int64(10_118), "10118"),
        (True, "True"),
        (Decimal("12.50"), "12.50"),
        (date(2016, 2, 29), "2016-02-29"),
        (datetime(2016, 2, 29, 23, 59, 5), "2016-02-29 23:59:05"),
        (pd.Timestamp("2016-02-29 23:59:05"), "2016-02-29 23:59:05"),
        (b"\x00\x01", "2 bytes"),
        (Row(start=datetime(2016, 2, 29), end=None), "{start: 2016-02-29 00:00:00, end: null}"),
        ({"ks": {"statistic": 0.123456, "pvalue": None}}, "{ks: {statistic: 0.1235, pvalue: null}}"),
        (np.array([0.25, np.nan]), "[0.25, null]"),
        ([Row(a=1), Row(a=2)], "[{a: 1}, {a: 2}]"),
        ([], "[]"),
        ("", ""),
    ],
)
def test_each_value_is_one_cell_that_says_what_it_is(value, shown):
    rows = pd.DataFrame({"a": pd.Series([value], dtype=object), "b": ["after"]})
    assert read(markdown_table(rows)) == [["a", "b"], [shown, "after"]]


def test_long_texts_are_cut_whole_cells_are_not():
    ((_, _), (cut, whole)) = read(markdown_table(pd.DataFrame({"a": [LONG], "b": [LONG[:LONGEST_CELL]]})))
    assert cut == "x" * (LONGEST_CELL - 1) + "…"
    assert whole == LONG[:LONGEST_CELL]


def test_whole_numbers_beside_fractions_and_names_with_pipes_stay():
    rows = pd.DataFrame({"a|b": [1, 2], "trip_distance": [0.5, 10_000.75]})
    assert read(markdown_table(rows)) == [["a|b", "trip_distance"], ["1", "0.5"], ["2", "10,001"]]


def test_a_table_of_no_rows_is_its_head():
    assert read(markdown_table(pd.DataFrame({"a": []}))) == [["a"]]
