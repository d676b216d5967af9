"""Delta tables by their plain name: a folder of this machine, or Unity Catalog.

A write replaces the rows that a predicate names, in one Delta commit: a reader sees the table before or after it,
never between, and writing the same rows twice leaves one copy.
"""

from mlops_core.adapters.tables.commits import committed, is_commit_conflict
from mlops_core.adapters.tables.damage import StateError, damage, remedy_of
from mlops_core.adapters.tables.local import LocalTables
from mlops_core.adapters.tables.tables import ColumnTypeError, Maintenance, TableNotFoundError, Tables
from mlops_core.adapters.tables.unity_catalog import UnityCatalogTables

__all__ = [
    "ColumnTypeError",
    "LocalTables",
    "Maintenance",
    "StateError",
    "TableNotFoundError",
    "Tables",
    "UnityCatalogTables",
    "committed",
    "damage",
    "is_commit_conflict",
    "remedy_of",
]
