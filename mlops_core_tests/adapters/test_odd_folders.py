"""Tables work in folders of any name, and nothing appears beside the folder that was named."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from mlops_core.adapters import plain_paths
from mlops_core.adapters.feature_store.local import LocalFeatureStore
from mlops_core.adapters.plain_paths import OddPathError, plain_path
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core_tests.adapters.odd_names import ODD_NAMES
from mlops_core_tests.adapters.test_tables import days

FIRST, SECOND = "2016-01-01", "2016-01-02"


def held(table: Path) -> pd.DataFrame:
    """The rows of the files that the log's commits leave, read without any engine for Delta."""
    files: dict[str, str] = {}
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for action in map(json.loads, commit.read_text().splitlines()):
            if "add" in action:
                files[action["add"]["path"]] = action["add"]["partitionValues"]["day"]
            elif "remove" in action:
                files.pop(action["remove"]["path"])
    frames = [pd.read_parquet(table / file, partitioning=None).assign(day=day) for file, day in files.items()]
    return pd.concat(frames).sort_values("day", ignore_index=True)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_table_lies_where_it_was_told_to(tmp_path: Path, name: str) -> None:
    tables = LocalTables(LocalSpark(tmp_path / name / "warehouse", "test"))
    tables.replace("t", days(tables, FIRST, SECOND), f"day <= DATE'{SECOND}'", ["day"])
    widened = days(tables, SECOND, value=2).selectExpr("*", "'x' AS added")
    tables.replace("t", widened, f"day = DATE'{SECOND}'", ["day"])
    tables.maintain("t", timedelta(days=30))
    expected = [(FIRST, 1, None), (SECOND, 2, "x")]
    assert sorted((str(row.day), row.value, row.added) for row in tables.read("t").collect()) == expected
    assert held(tables.folder("t"))[["day", "value"]].to_numpy().tolist() == [[FIRST, 1], [SECOND, 2]]
    assert {row["value"] for row in tables.read("t", tables.version("t")).collect()} == {1, 2}
    again = LocalTables(LocalSpark(tmp_path / name / "warehouse", "test"))
    assert again.spark.spark_session.table("test.t").count() == 2
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert [entry.name for entry in (tmp_path / name).iterdir()] == ["warehouse"]


def test_a_feature_table_in_an_odd_folder_is_made_written_and_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "Jané's [app] #1 50%"
    store = LocalFeatureStore(LocalTables(LocalSpark(folder, "test")), None)  # type: ignore[arg-type]
    rows = store.tables.spark.spark_session.sql("SELECT 1 AS zip, TIMESTAMP'2016-02-01' AS ts, 2 AS count")
    store.create_table(name="counts", primary_keys=["zip", "ts"], timeseries_column="ts", df=rows)
    store.write_table(name="counts", df=rows.selectExpr("zip", "ts", "3 AS count", "4 AS mean"))
    assert [row.asDict() for row in store.read_table(name="counts").drop("ts").collect()] == [
        {"zip": 1, "count": 3, "mean": 4}
    ]
    store.drop_table(name="counts")
    assert not store.tables.folder("counts").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_plain_path_stays_itself_and_an_odd_one_leads_to_the_same_file(tmp_path: Path) -> None:
    assert plain_path(tmp_path / "a-b_c.csv") == tmp_path / "a-b_c.csv"
    odd = tmp_path / "a b" / "ü"
    odd.mkdir(parents=True)
    (odd / "f.csv").write_text("text")
    assert plain_paths.PLAIN.fullmatch(str(plain_path(odd / "f.csv")))
    assert plain_path(odd / "f.csv").read_text() == "text"
    assert plain_path(odd) == plain_path(odd)
    assert plain_path(tmp_path / "x y.csv").suffix == ".csv"


def test_without_any_plain_folder_the_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_paths.tempfile, "tempdir", str(tmp_path / "a b"))
    monkeypatch.setattr(plain_paths, "ELSEWHERE", ())
    monkeypatch.setattr(plain_paths, "_links", plain_paths._links.__wrapped__)
    with pytest.raises(OddPathError, match="a b: set TMPDIR to a folder whose path has letters"):
        plain_path(tmp_path / "c d")
