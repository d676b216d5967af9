"""Feature tables, point-in-time join, one new day, and scoring, each beside what it is compared with: `make benchmark`.

Every contender has made the same rows before its time counts.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import click

from benchmarks.feature_store import features, join, scoring
from benchmarks.feature_store.interleaved import Times, table, take_turns
from benchmarks.feature_store.on_jvm import OnJvm
from my_mlops_stacks.adapters.feature_store.local import LocalFeatureStore
from my_mlops_stacks.adapters.model_registry import ModelRegistry
from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.ingestion.trips import accept, conform

LAST_DAY = date(2017, 12, 31)
TRIPS_A_DAY = 6_850
"""Five million trips in two years."""


@click.command(help=__doc__)
@click.option("--rounds", default=5, help="Rounds that count.")
@click.option("--trips", "sizes", multiple=True, type=int, default=(1_000_000, 5_000_000), help="Trips in 60 days.")
def main(rounds: int, sizes: tuple[int, ...]) -> None:
    click.echo(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, medians of {rounds} rounds\n")
    click.echo("| what | contender | median (least to most) | ours / its | goal |\n|---|---|---|---|---|")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        jvm = OnJvm()
        for rows in sizes:
            _echo(feature_tables(folder / str(rows), jvm, rows, rounds))
        _echo(training_set(folder / "join", jvm, rounds))
        jvm.close()  # it holds memory, and collects its garbage when it likes
        _echo(one_new_day(folder / "days", rounds))
        _echo(scored(folder / "scoring", rounds))


def _echo(rows: Iterator[str] | list[str]) -> None:
    click.echo("\n".join(rows))


def feature_tables(folder: Path, jvm: OnJvm, rows: int, rounds: int) -> list[str]:
    first_day, last_day = LAST_DAY - timedelta(days=59), LAST_DAY
    tables = _with_trips(folder, rows, first_day, last_day)
    trips, written = tables.folder("trips"), {name: folder / name for name in ("duckdb", "polars", "ancestor")}
    on_jvm = (trips, written["ancestor"] / "pickups", written["ancestor"] / "dropoffs")
    contenders = {
        "ours": lambda: features.ours(tables, first_day, last_day),
        "ancestor's way, Apache Spark": lambda: jvm.seconds("features", *on_jvm),
        "DuckDB, plain SQL": lambda: features.in_duckdb(trips, written["duckdb"], first_day, last_day),
        "Polars, pre-aggregated": lambda: features.in_polars(trips, written["polars"], first_day, last_day),
    }
    times = take_turns(contenders, rounds)
    for name in features.COMPUTE:
        made = features.content(tables.folder(name))
        for other in ("duckdb", "polars"):
            _same(made, features.content(written[other] / name), f"{name} by {other}")
    goals = {"ancestor's way, Apache Spark": "0.04", "DuckDB, plain SQL": "1.0", "Polars, pre-aggregated": "1.5"}
    return table(f"both feature tables, {rows:,} trips", times, goals)


def training_set(folder: Path, jvm: OnJvm, rounds: int) -> list[str]:
    folder.mkdir()
    store = _store(folder)
    join.make_input(folder)
    join.create_table(store, folder)
    paths = [folder / name for name in ("labels.parquet", "features.parquet", "tempo")]
    contenders = {
        "ours": lambda: join.ours(store, folder),
        "Polars join_asof": lambda: join.in_polars(folder),
        "dbl-tempo asofJoin, Apache Spark": lambda: jvm.seconds("join", *paths),
    }
    times = take_turns(contenders, rounds)
    _same(join.content(folder / "ours"), join.content(folder / "polars"), "the join by polars")
    goals = {"Polars join_asof": "2.0", "dbl-tempo asofJoin, Apache Spark": "0.125"}
    return table("training set, 1,000,000 labels and feature rows", times, goals)


def one_new_day(folder: Path, rounds: int) -> list[str]:
    """The last day of two histories: a month, and two years."""
    histories = {"two years of history": 730, "a month of history": 30}
    tables = {}
    for name, days in histories.items():
        first_day = LAST_DAY - timedelta(days=days - 1)
        tables[name] = _with_trips(folder / str(days), TRIPS_A_DAY * days, first_day, LAST_DAY)
        features.ours(tables[name], first_day, LAST_DAY)
    contenders = {name: lambda made=made: features.ours(made, LAST_DAY, LAST_DAY) for name, made in tables.items()}
    times = take_turns(contenders, rounds * 3)
    return table("one new day of both feature tables", times, {"a month of history": "1.2"})


def scored(folder: Path, rounds: int) -> list[str]:
    folder.mkdir()
    store = _store(folder)
    model = scoring.make_input(store, folder)
    contenders = {
        "ours": lambda: scoring.ours(store, folder),
        "LightGBM in process": lambda: scoring.in_process(model, folder),
    }
    times: dict[str, Times] = take_turns(contenders, rounds)
    _same(scoring.content(folder / "ours"), scoring.content(folder / "in_process"), "predictions in process")
    return table("scoring, 1,000,000 rows", times, {"LightGBM in process": "1.2"})


def _with_trips(folder: Path, rows: int, first_day: date, last_day: date) -> LocalTables:
    """A warehouse with the accepted ones of generated trips."""
    started = perf_counter()
    generate_trips(folder / "raw", rows=rows, seed=0, first_day=first_day, last_day=last_day)
    tables = _store(folder).tables
    raw = tables.spark.spark_session.read.parquet(str(folder / "raw"))
    tables.replace("trips", accept(conform(raw))[0], None, ["day"])
    click.echo(f"{rows:,} trips made in {perf_counter() - started:.0f} s", err=True)
    return tables


def _store(folder: Path) -> LocalFeatureStore:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    registry = ModelRegistry("benchmark_model", "benchmark", uri, uri, "http://127.0.0.1:5000", folder / "artifacts")
    return LocalFeatureStore(LocalTables(LocalSpark(folder / "warehouse", "benchmark")), registry)


def _same(ours: object, theirs: object, whose: str) -> None:
    from polars.testing import assert_frame_equal

    try:
        assert_frame_equal(ours, theirs, abs_tol=0.011, check_dtypes=False)
    except AssertionError as error:
        raise RuntimeError(f"Not the same rows, so the times mean nothing: {whose}.") from error


if __name__ == "__main__":
    main()
