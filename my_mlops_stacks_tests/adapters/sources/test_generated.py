from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from mlops_core.adapters.sources.generated_source import GeneratedSource
from mlops_core.adapters.spark import LocalSpark
from mlops_core.ingestion.accept import accept
from mlops_core.ingestion.conform import conform
from my_mlops_stacks_tests.adapters.sources.sample import EVENTS, good_rows


def source_of(local: LocalSpark, folder: Path, **changes: object) -> GeneratedSource:
    arguments = {"rows": 500, "seed": 3, "first_day": date(2016, 1, 1), "last_day": date(2016, 1, 4)} | changes
    return GeneratedSource(local, EVENTS, folder, **arguments)


def test_gives_as_many_trips_as_asked_for_and_all_but_the_spoilt_are_accepted(
    local: LocalSpark, tmp_path: Path
) -> None:
    source = source_of(local, tmp_path, rows=20_000)
    accepted, rejected = accept(EVENTS, conform(EVENTS, source.read()))
    valid = "fare_amount > 0 AND trip_distance > 0 AND tpep_dropoff_datetime > tpep_pickup_datetime"
    truth = duckdb.sql(
        f"SELECT count(*) FROM (SELECT DISTINCT * FROM '{source.path}/*.parquet' WHERE {valid})"
    ).fetchall()
    assert accepted.count() == truth[0][0]
    assert 20_000 - rejected.count() == truth[0][0]


def test_is_made_once(local: LocalSpark, tmp_path: Path) -> None:
    source_of(local, tmp_path).read()
    made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    assert source_of(local, tmp_path).read().count() == 500
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == made


def test_other_parameters_have_another_folder(local: LocalSpark, tmp_path: Path) -> None:
    changes = [{}, {"rows": 501}, {"seed": 4}, {"last_day": date(2016, 1, 5)}, {"drift_from": date(2016, 1, 3)}]
    assert len({source_of(local, tmp_path, **change).path for change in changes}) == len(changes)
    usual, drifted = (source_of(local, tmp_path, **change).read() for change in (changes[0], changes[-1]))
    mean = "avg(fare_amount) FILTER (WHERE tpep_pickup_datetime >= '2016-01-03')"
    ratio = [rows.selectExpr(mean).collect()[0][0] for rows in (drifted, usual)]
    assert ratio[0] / ratio[1] == pytest.approx(1.25, abs=0.01)


def test_an_unfinished_folder_is_completed(local: LocalSpark, tmp_path: Path) -> None:
    source = source_of(local, tmp_path, rows=8_000)
    source.read()
    (source.path / "_SUCCESS").unlink()
    (source.path / "trips-2016-01-02.parquet").unlink()
    (source.path / ".trips-2016-01-03.parquet.0123").write_text("half a file")
    assert source.read().count() == 8_000


def test_a_copy_of_the_folder_can_be_given_as_a_path(local: LocalSpark, tmp_path: Path) -> None:
    source = source_of(local, tmp_path)
    rows = source.read().count()
    shutil.copytree(source.path, tmp_path / "copy")
    assert len(good_rows(tmp_path / "copy")) == rows
