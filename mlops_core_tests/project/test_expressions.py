"""SQL of a project reads alike on all engines: a number with a point is a double."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mlops_core.project.expressions import with_doubles


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("amount < 0.01", "amount < 0.01D"),
        ("a>.5 AND b <= 2.", "a>.5D AND b <= 2.D"),
        ("-1.5*a+10", "-1.5D*a+10"),
        ("a = 1.5D OR a = 1.5e3 OR a = 1e-2", "a = 1.5D OR a = 1.5e3 OR a = 1e-2"),
        ("t.a1 = x1.5y", "t.a1 = x1.5y"),
        ("name = '1.5' AND other = \"2.5\" AND `3.5` > 3.5", "name = '1.5' AND other = \"2.5\" AND `3.5` > 3.5D"),
        (r"name = 'it\'s 1.5' OR a > 1.5", r"name = 'it\'s 1.5' OR a > 1.5D"),
        ("name = 'it''s 1.5'", "name = 'it''s 1.5'"),
        ("a > double('Infinity')", "a > double('Infinity')"),
    ],
)
def test_literals(sql: str, expected: str) -> None:
    assert with_doubles(sql) == expected


def test_a_comparison_holds_for_every_double(shared_spark: SparkSession) -> None:
    values = "VALUES (double('NaN')), (double('Infinity')), (1e300), (0.5D), (-1e300), (NULL) AS t(a)"
    rows = shared_spark.sql(f"SELECT {with_doubles('a > 1.25')}, {with_doubles('a <= .5')} FROM {values}")
    found = [tuple(row) for row in rows.collect()]
    assert found == [(True, False), (True, False), (True, False), (False, True), (False, True), (None, None)]
