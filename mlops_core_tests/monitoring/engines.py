"""The same question to two Spark engines: a module answers it in a process of its own on Apache Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

Answers = Mapping[str, Any]


def write_on_apache(answers: Callable[[SparkSession, Path], Answers]) -> None:
    """What `python -m module FOLDER` does: the answers of Apache Spark, as FOLDER/apache.json."""
    folder = Path(sys.argv[1])
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = (
        builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2").getOrCreate()
    )
    (folder / "apache.json").write_text(json.dumps(answers(spark, folder)))


def asked_on_apache(module: str, folder: Path) -> Answers:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    subprocess.run([sys.executable, "-m", module, str(folder)], env=environ, check=True, capture_output=True)
    return json.loads((folder / "apache.json").read_text())


def assert_same(on_sail: Answers, on_apache: Answers) -> None:
    """Numbers to the last digits, which depend on the order of sums; all else as it is."""
    on_sail = json.loads(json.dumps(on_sail))
    assert set(on_sail) == set(on_apache)
    for name, expected in on_apache.items():
        numbers, others = apart(on_sail[name])
        expected_numbers, expected_others = apart(expected)
        assert others == expected_others, name
        assert numbers == pytest.approx(expected_numbers, rel=1e-9, abs=1e-9), name


def apart(value: Any) -> tuple[list[float], list]:
    """The floats in a nest of lists and mappings, and all else."""
    if isinstance(value, float):
        return [value], ["a number"]
    if not isinstance(value, (list, dict)):
        return [], [value]
    inner = value if isinstance(value, list) else [part for item in sorted(value.items()) for part in item]
    parts = [apart(part) for part in inner]
    return [number for numbers, _ in parts for number in numbers], [others for _, others in parts]


def rows_of(frame: DataFrame) -> list[list[Any]]:
    """All rows as JSON has them, in an order that no sum decides."""
    rows = [[plain(value) for value in row] for row in frame.collect()]
    return sorted(rows, key=lambda row: json.dumps([value for value in row if not isinstance(value, (float, dict))]))


def plain(value: Any) -> Any:
    if hasattr(value, "asDict"):
        return {name: plain(inner) for name, inner in value.asDict().items()}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (date, datetime)):
        return str(value)
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
