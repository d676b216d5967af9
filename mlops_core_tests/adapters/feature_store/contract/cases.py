"""What both feature stores must do: label rows, look-ups, and the columns and rows, or the error, that they give.

The expected rows are written by hand. Times are minutes after midnight, 5 January 2016, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

LABELS = {"zip": "int", "at": "timestamp", "fare": "double"}
PICKUPS = {"zip": "int", "ts": "timestamp", "trips": "int", "mean_fare": "double"}
ZONES = {"zip": "int", "borough": "string"}
KINDS = {"zip": "int", "s": "smallint", "i": "int", "l": "bigint", "f": "float", "d": "double", "t": "string"}
KINDS |= {"b": "boolean"}
TICKS = {"zip": "int", "ts": "bigint", "v": "int"}
TABLES: Mapping[str, tuple[Mapping[str, str], list[str], str | None, list[tuple]]] = {
    "pickups": (
        PICKUPS,
        ["zip", "ts"],
        "ts",
        [(1, 60, 10, 5.0), (1, 120, None, 7.0), (1, 180, 30, None), (2, 60, 40, 9.0)],
    ),
    "zones": (ZONES, ["zip"], None, [(1, "Queens"), (2, None)]),
    "codes": ({"borough": "string", "code": "int"}, ["borough"], None, [("Queens", 7), ("Bronx", 8)]),
    "kinds": (KINDS, ["zip"], None, [(1, *[None] * 7), (2, 2, 2, 2**53 + 1, 2.0, 2.0, "x", True)]),
    "ticks": (TICKS, ["zip", "ts"], "ts", [(1, 60, 1), (1, 2**53, 2), (1, 2**53 + 2, 3), (1, 2**62, 4), (2, -5, 5)]),
    "halves": (TICKS | {"ts": "double"}, ["zip", "ts"], "ts", [(1, 0.1, 1), (1, 2.5, 2)]),
    "days": (TICKS | {"ts": "date"}, ["zip", "ts"], "ts", [(1, date(2016, 1, 5), 1), (1, date(2016, 1, 7), 2)]),
}


@dataclass(frozen=True)
class Case:
    """Label rows (zip, minute, fare) and what comes of them; `rows` hold the columns after `zip` and `at`."""

    labels: Sequence[tuple]
    look_ups: Sequence[Mapping[str, Any]]
    columns: Sequence[str] = ()
    rows: Sequence[tuple] = ()
    label: str | Sequence[str] | None = "fare"
    exclude: Sequence[str] = ()
    error: type[Exception] | None = None
    schema: Mapping[str, str] = field(default_factory=lambda: LABELS)


def pickups(**arguments: Any) -> dict[str, Any]:
    return {"table_name": "pickups", "lookup_key": "zip", "timestamp_lookup_key": "at"} | arguments


ALL = ("zip", "at", "mean_fare", "trips", "fare")
ONE = [(1, 130, 1.0)]
CASES = {
    "the newest row that is not later": Case(
        [(1, 59, 1.0), (1, 60, 2.0), (1, 119, 3.0), (2, 500, 4.0)],
        [pickups()],
        ALL,
        [(None, None, 1.0), (5.0, 10, 2.0), (5.0, 10, 3.0), (9.0, 40, 4.0)],
    ),
    "a look-up for each feature, and no label": Case(
        [(1, 130, 1.0), (2, 61, 2.0)],
        [
            pickups(feature_names=["trips"], lookback_window=timedelta(hours=1)),
            pickups(feature_names=["mean_fare"], rename_outputs={"mean_fare": "m"}, lookback_window=timedelta(hours=1)),
            {"table_name": "zones", "lookup_key": "zip", "feature_names": ["borough"]},
        ],
        ("zip", "at", "fare", "trips", "m", "borough"),
        [(1.0, None, 7.0, "Queens"), (2.0, 40, 9.0, None)],
        label=None,
    ),
    "the whole row wins, its nulls stay": Case(
        [(1, 130, 1.0), (1, 200, 2.0)], [pickups()], ALL, [(7.0, None, 1.0), (None, 30, 2.0)]
    ),
    "label rows that are there twice stay twice": Case(
        [(2, 70, 1.0), (2, 70, 1.0)], [pickups()], ALL, [(9.0, 40, 1.0), (9.0, 40, 1.0)]
    ),
    "an unknown key and a null key find nothing": Case(
        [(3, 70, 1.0), (None, 70, 2.0)], [pickups()], ALL, [(None, None, 1.0), (None, None, 2.0)]
    ),
    "the look-back window is inclusive": Case(
        [(2, 90, 1.0), (2, 91, 2.0)],
        [pickups(lookback_window=timedelta(minutes=30))],
        ALL,
        [(9.0, 40, 1.0), (None, None, 2.0)],
    ),
    "a look-back that ends just before the next row": Case(
        [(2, 89, 1.0), (2, 90, 2.0)],
        [pickups(lookback_window=timedelta(minutes=30) - timedelta(microseconds=1), default_values={"trips": 0})],
        ALL,
        [(9.0, 40, 1.0), (None, 0, 2.0)],
    ),
    "a look-back of zero is an exact match": Case(
        [(2, 60, 1.0), (2, 61, 2.0)],
        [pickups(lookback_window=timedelta(0))],
        ALL,
        [(9.0, 40, 1.0), (None, None, 2.0)],
    ),
    "names choose and order the features": Case(
        ONE,
        [pickups(feature_names=["trips", "mean_fare"])],
        ("zip", "at", "trips", "mean_fare", "fare"),
        [(None, 7.0, 1.0)],
    ),
    "one name may be a text": Case(
        ONE, [pickups(feature_names="mean_fare")], ("zip", "at", "mean_fare", "fare"), [(7.0, 1.0)]
    ),
    "features come in the order of the look-ups": Case(
        ONE,
        [{"table_name": "zones", "lookup_key": "zip"}, pickups(feature_names="mean_fare")],
        ("zip", "at", "borough", "mean_fare", "fare"),
        [("Queens", 7.0, 1.0)],
    ),
    "a table without time has one row for a key": Case(
        [(1, 0, 1.0), (2, 0, 2.0), (3, 0, 3.0)],
        [{"table_name": "zones", "lookup_key": ["zip"]}],
        ("zip", "at", "borough", "fare"),
        [("Queens", 1.0), (None, 2.0), (None, 3.0)],
    ),
    "renamed outputs": Case(
        ONE,
        [pickups(feature_names=["mean_fare"], rename_outputs={"mean_fare": "usual"})],
        ("zip", "at", "usual", "fare"),
        [(7.0, 1.0)],
    ),
    "the same table twice": Case(
        [(2, 70, 1.0)],
        [
            pickups(feature_names=["mean_fare"]),
            pickups(feature_names=["trips"], rename_outputs={"trips": "usual_trips"}),
        ],
        ("zip", "at", "mean_fare", "usual_trips", "fare"),
        [(9.0, 40, 1.0)],
    ),
    "defaults fill nulls, those of a row that matched too": Case(
        [(1, 200, 1.0), (3, 130, 2.0)],
        [pickups(default_values={"mean_fare": 1.5})],
        ALL,
        [(1.5, 30, 1.0), (1.5, None, 2.0)],
    ),
    "defaults are keyed by the new name": Case(
        [(3, 130, 1.0)],
        [pickups(feature_names=["mean_fare"], rename_outputs={"mean_fare": "usual"}, default_values={"usual": 5.0})],
        ("zip", "at", "usual", "fare"),
        [(5.0, 1.0)],
    ),
    "without a label": Case(
        ONE, [pickups()], ("zip", "at", "fare", "mean_fare", "trips"), [(1.0, 7.0, None)], label=None
    ),
    "excluded columns are left out, unknown ones are ignored": Case(
        ONE, [pickups()], ("zip", "at", "mean_fare", "fare"), [(7.0, 1.0)], exclude=["trips", "unknown"]
    ),
    "the label is last, wherever it was": Case(
        [(1.0, 1, 130)],
        [pickups()],
        ALL,
        [(7.0, None, 1.0)],
        schema={name: LABELS[name] for name in ("fare", "zip", "at")},
    ),
    "a key is looked up as a feature": Case(
        [(1, 130, 1.0), (3, 130, 2.0)],
        [pickups(feature_names=["zip", "mean_fare"], rename_outputs={"zip": "found"})],
        ("zip", "at", "found", "mean_fare", "fare"),
        [(1, 7.0, 1.0), (None, None, 2.0)],
    ),
    "two look-back windows for one table": Case(
        ONE,
        [
            pickups(feature_names=["trips"], lookback_window=timedelta(minutes=30)),
            pickups(feature_names=["mean_fare"], lookback_window=timedelta(minutes=60)),
        ],
        error=Exception,  # the server refuses them, and Databricks' client passes its error on
    ),
    "a label that is missing": Case(ONE, [pickups()], label="tip", error=ValueError),
    "a key that is missing": Case(ONE, [pickups(lookup_key="borough")], error=ValueError),
    "a feature that is missing": Case(ONE, [pickups(feature_names=["tips"])], error=ValueError),
    "an output that the labels have": Case(
        ONE, [pickups(feature_names=["trips"], rename_outputs={"trips": "at"})], error=ValueError
    ),
    "an output that is the label": Case(
        ONE, [pickups(feature_names=["trips"], rename_outputs={"trips": "fare"})], error=ValueError
    ),
    "an output twice": Case(ONE, [pickups(), pickups()], error=ValueError),
    "a time for a table without time": Case(
        ONE, [{"table_name": "zones", "lookup_key": "zip", "timestamp_lookup_key": "at"}], error=ValueError
    ),
    "no time for a table with time": Case(ONE, [{"table_name": "pickups", "lookup_key": "zip"}], error=ValueError),
    "keys of another type": Case([("1", 130, 1.0)], [pickups()], error=ValueError, schema=LABELS | {"zip": "string"}),
}
