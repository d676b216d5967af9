"""Feature tables, point-in-time join, one new day, and scoring, each beside what it is compared with: `make benchmark`.

Contenders take turns, each in its first round unmeasured; all have made the same rows, or there is no table.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.feature_store import features, history, join, scoring
from benchmarks.feature_store.interleaved import HEADER, table, take_turns
from benchmarks.feature_store.machine import machine
from benchmarks.feature_store.on_jvm import OnJvm
from benchmarks.feature_store.warehouse import LAST_DAY, days_before, same, store_in, with_trips


@click.command(help=__doc__)
@click.option("--rounds", default=5, help="Rounds that count.")
@click.option("--trips", "sizes", multiple=True, type=int, default=(1_000_000, 5_000_000), help="Trips in 60 days.")
@click.option("--rows", default=1_000_000, help="Labels, feature rows and rows to score.")
@click.option("--days", default=730, help="Days of the long history.")
def main(rounds: int, sizes: tuple[int, ...], rows: int, days: int) -> None:
    click.echo(f"{machine()}; medians of {rounds} rounds\n\n{HEADER}")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        jvm = OnJvm()
        for trips in sizes:
            _echo(feature_tables(folder / str(trips), jvm, trips, rounds))
        _echo(training_set(folder / "join", jvm, rows, rounds))
        jvm.close()  # it holds memory, and collects its garbage when it likes
        _echo(one_new_day(folder / "days", days, rounds))
        _echo(scored(folder / "scoring", rows, rounds))


def _echo(rows: Iterable[str]) -> None:
    click.echo("\n".join(rows))


def feature_tables(folder: Path, jvm: OnJvm, rows: int, rounds: int) -> list[str]:
    first_day, last_day = days_before(60), LAST_DAY
    tables = with_trips(folder, rows, first_day, last_day).tables
    trips, written = tables.folder("trips"), {name: folder / name for name in ("duckdb", "polars", "ancestor")}
    contenders = {
        "ours": lambda: features.ours(tables, first_day, last_day),
        "ancestor's way, Apache Spark": lambda: jvm.seconds("features", trips, written["ancestor"]),
        "DuckDB, plain SQL": lambda: features.in_duckdb(trips, written["duckdb"], first_day, last_day),
        "Polars, pre-aggregated": lambda: features.in_polars(trips, written["polars"], first_day, last_day),
    }
    times = take_turns(contenders, rounds)
    for name in features.COMPUTE:
        made = features.content(tables.folder(name))
        for other in ("duckdb", "polars"):
            same(made, features.content(written[other] / name), f"{name} by {other}")
        ancestor = features.ancestor_content(written["ancestor"] / name, first_day, last_day)
        same(made.select(ancestor.columns), ancestor, f"{name} the ancestor's way")
    goals = {"ancestor's way, Apache Spark": "0.04", "DuckDB, plain SQL": "1.0", "Polars, pre-aggregated": "1.5"}
    return table(f"both feature tables, {rows:,} trips", times, goals)


def training_set(folder: Path, jvm: OnJvm, rows: int, rounds: int) -> list[str]:
    folder.mkdir()
    store = store_in(folder)
    join.make_input(folder, rows)
    join.create_table(store, folder)
    paths = [folder / name for name in ("labels.parquet", "features.parquet", "tempo")]
    contenders = {
        "ours": lambda: join.ours(store, folder),
        "Polars join_asof": lambda: join.in_polars(folder),
        "dbl-tempo asofJoin, Apache Spark": lambda: jvm.seconds("join", *paths),
    }
    times = take_turns(contenders, rounds)
    made = join.content(folder / "ours")
    same(made, join.content(folder / "polars"), "the join by polars")
    same(made, join.content(folder / "tempo", prefix="found_"), "the join by dbl-tempo")
    goals = {"Polars join_asof": "2.0", "dbl-tempo asofJoin, Apache Spark": "0.125"}
    return table(f"training set, {rows:,} labels and feature rows", times, goals)


def one_new_day(folder: Path, days: int, rounds: int) -> list[str]:
    """The last day of two histories, a month and a long one: both feature tables alone, and the job that makes them."""
    lengths = {f"{days} days of history": days, "30 days of history": 30}
    histories = {name: history.built(folder / str(length), length) for name, length in lengths.items()}
    measured = {
        "both feature tables": lambda one: features.ours(one.tables, LAST_DAY, LAST_DAY),
        "`feature_engineering_job`": lambda one: one.run(LAST_DAY, LAST_DAY),
    }
    rows = []
    for what, day in measured.items():
        contenders = {name: partial(day, one) for name, one in histories.items()}
        times = take_turns(contenders, rounds * 3)
        rows += table(f"one new day, {what}", times, {"30 days of history": "1.2"})
    return rows


def scored(folder: Path, rows: int, rounds: int) -> list[str]:
    folder.mkdir()
    store = store_in(folder)
    model = scoring.make_input(store, folder, rows)
    contenders = {
        "ours": lambda: scoring.ours(store, folder),
        "LightGBM in process": lambda: scoring.in_process(model, folder),
    }
    times = take_turns(contenders, rounds)
    same(scoring.content(folder / "ours"), scoring.content(folder / "in_process"), "predictions in process")
    return table(f"scoring, {rows:,} rows", times, {"LightGBM in process": "1.2"})


if __name__ == "__main__":
    main()
