"""Delta tables by their plain name: a folder of this machine, or Unity Catalog.

A write replaces the rows that a predicate names, in one Delta commit: a reader sees the table before or after it,
never between, and writing the same rows twice leaves one copy.
"""

from my_mlops_stacks.adapters.tables.commits import committed, is_commit_conflict
from my_mlops_stacks.adapters.tables.damage import StateError, damage, remedy_of
from my_mlops_stacks.adapters.tables.local import LocalTables
from my_mlops_stacks.adapters.tables.tables import ColumnTypeError, Maintenance, TableNotFoundError, Tables
from my_mlops_stacks.adapters.tables.unity_catalog import UnityCatalogTables

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
