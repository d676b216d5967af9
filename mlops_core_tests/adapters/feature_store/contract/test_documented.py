"""`docs/feature-store.md` says of every method of Databricks' client, and of every argument, whether it has a twin."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from mlops_core.adapters.feature_store.protocol import FeatureStore

real = pytest.importorskip("databricks.feature_engineering", reason="needs Databricks' client: make test-contract")
client = real.FeatureEngineeringClient

PAGE = (Path(__file__).parents[4] / "docs" / "feature-store.md").read_text()


def rows(header: str) -> list[tuple[set[str], set[str]]]:
    """The names in code of a table's two columns, row by row."""
    lines = PAGE.split(f"| {header} |", 1)[1].splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    cells = (line.strip("|").split("|") for line in table)
    return [(named(first), named(second)) for first, second in cells]


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def public(owner: type) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")}


def test_every_method_is_in_one_of_the_tables() -> None:
    with_twin = set.union(*(methods for methods, _ in rows("method of `FeatureEngineeringClient`")))
    without = set.union(*(methods for methods, _ in rows("methods without a twin")))
    assert with_twin == public(FeatureStore)
    assert without == public(client) - with_twin


def test_every_argument_without_a_twin_is_named() -> None:
    said = {
        method: arguments for methods, arguments in rows("method of `FeatureEngineeringClient`") for method in methods
    }
    for method, arguments in said.items():
        ours, theirs = (set(inspect.signature(getattr(owner, method)).parameters) for owner in (FeatureStore, client))
        assert arguments - ours == theirs - ours - {"kwargs"}, method
