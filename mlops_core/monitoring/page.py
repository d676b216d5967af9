"""One day of the monitoring as a web page: for people without access to Dagster. It needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

import pandas as pd

from mlops_core.monitoring.columns import CATEGORICAL, LABEL, PREDICTION, watched

WORST = 10
INDEX = "index.html"
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}img{max-width:100%}"
    ".bad{color:#a61b1f;font-weight:600}.good{color:#1c6b3a}"
)
WHOLE = {
    "model_id": "model",
    "count": "predictions",
    "label_coverage": "labelled",
    "root_mean_squared_error": "RMSE, USD",
    "mean_average_error": "MAE, USD",
    "r2_score": "R2",
    "bias": "bias, USD",
}
SLICES = {
    "slice_key": "sliced by",
    "slice_value": "slice",
    "labelled_count": "labelled predictions",
    "root_mean_squared_error": "RMSE, USD",
    "bias": "bias, USD",
}
COLUMNS = {
    "column_name": "column",
    "num_nulls": "nulls",
    "avg": "mean",
    "min": "min",
    "median": "median",
    "max": "max",
    "against_training": "PSI, training rows",
    "against_day_before": "PSI, day before",
}


def page(
    day: str,
    verdicts: Mapping[str, tuple[bool, str]],
    profile: pd.DataFrame,
    drift: pd.DataFrame,
    *,
    pictures: Mapping[str, str],
    minimum_count: int,
    units: Mapping[str, str],
    links: Mapping[str, str] | None = None,
) -> str:
    """The page of one day.

    Args:
        day: as YYYY-MM-DD.
        verdicts: name of a judgement -> whether it is fine, and the sentence that says why.
        profile: the day's rows of the profile metrics.
        drift: the day's rows of the drift metrics.
        pictures: title -> the picture as data.
        minimum_count: slices with fewer labelled predictions are left out.
        units: column -> what its numbers are in, those that have a unit.
        links: text -> where it leads, above everything.
    """
    whole = profile[profile["slice_key"].isna()]
    table = profile[profile["column_name"] == ":table"]
    parts = [
        *_navigation(links or {}),
        f"<h1>Predictions of {escape(day)}</h1>",
        *_verdicts(verdicts),
        *_table("The day", whole[whole["column_name"] == ":table"], WHOLE),
        *(f'<h2>{escape(title)}</h2><img alt="{escape(title)}" src="{data}">' for title, data in pictures.items()),
        *_table("Columns", _columns(whole, drift, units), COLUMNS),
        *_table(f"The {WORST} slices with the largest error", _worst(table, minimum_count), SLICES),
    ]
    return _whole(f"Predictions of {day}", parts)


def index(days: Iterable[str]) -> str:
    """The list of the pages of `days`, the newest first."""
    rows = [f'<li><a href="{escape(day)}.html">{escape(day)}</a></li>' for day in sorted(days, reverse=True)]
    return _whole("Monitoring of the predictions", ["<h1>Monitoring of the predictions</h1>", "<ul>", *rows, "</ul>"])


def neighbours(day: date, first: date, last: date) -> dict[str, str]:
    """Links of a day's page: to all days, and to the days before and after it that lie between `first` and `last`."""
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    found = {"All days": INDEX}
    if before >= first:
        found[f"\u2190 {before}"] = f"{before}.html"
    if after <= last:
        found[f"{after} \u2192"] = f"{after}.html"
    return found


def _whole(title: str, parts: Sequence[str]) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _navigation(links: Mapping[str, str]) -> Iterator[str]:
    if links:
        found = " \u00b7 ".join(f'<a href="{escape(to)}">{escape(text)}</a>' for text, to in links.items())
        yield f"<nav>{found}</nav>"


def _verdicts(verdicts: Mapping[str, tuple[bool, str]]) -> Iterator[str]:
    for name, (fine, sentence) in verdicts.items():
        kind, word = ("good", "passed") if fine else ("bad", "failed")
        yield f'<p><span class="{kind}">{escape(name)} {word}</span><br>{escape(sentence)}</p>'


def _columns(whole: pd.DataFrame, drift: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    rows = whole[whole["column_name"] != ":table"]
    numbers = {name: rows[name].mask(rows["column_name"].isin(CATEGORICAL)) for name in ("avg", "min", "median", "max")}
    rows = rows.assign(**numbers)
    for name, kind in (("against_training", "BASELINE"), ("against_day_before", "CONSECUTIVE")):
        found = drift[drift["drift_type"] == kind].set_index(["model_id", "column_name"])
        index = found["population_stability_index"].rename(name)
        rows = rows.join(index, on=["model_id", "column_name"])
    names = watched(sorted(set(rows["column_name"])))
    order = rows["column_name"].map({name: place for place, name in enumerate(names)})
    known = {**units, PREDICTION: units[LABEL]} if LABEL in units else units
    named = rows["column_name"].map(lambda name: f"{name}, {known[name]}" if name in known else name)
    return rows.assign(order=order, column_name=named).sort_values(["order", "model_id"])


def _worst(table: pd.DataFrame, minimum_count: int) -> pd.DataFrame:
    slices = table[table["slice_key"].notna() & (table["labelled_count"] >= minimum_count)]
    return slices.sort_values("root_mean_squared_error", ascending=False).head(WORST)


def _table(title: str, rows: pd.DataFrame, columns: Mapping[str, str]) -> Iterator[str]:
    if rows.empty:
        return
    yield f"<h2>{escape(title)}</h2><table><tr>{_cells('th', list(columns.values()))}</tr>"
    for row in rows[list(columns)].itertuples(index=False):
        yield f"<tr>{_cells('td', [_text(name, value) for name, value in zip(columns, row, strict=True)])}</tr>"
    yield "</table>"


def _cells(kind: str, texts: Sequence[str]) -> str:
    return "".join(f"<{kind}>{escape(text)}</{kind}>" for text in texts)


def _text(column: str, value: Any) -> str:
    if pd.isna(value):
        return "-"
    if column == "label_coverage":
        return f"{value:.0%}"
    if isinstance(value, (int, float)):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
    return str(value)
