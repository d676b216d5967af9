"""Consistent reads: which table versions a result was computed from, while tables may be written concurrently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from mlops_core.adapters.tables import Tables

T = TypeVar("T")

ATTEMPTS = 3
GONE = ("NoSuchKey", "not found", "No such file", "DELTA_FILE_NOT_FOUND", "VERSION_NOT_FOUND", "VersionNotFound")
"""Engines' messages about vacuumed files and about versions that the log no longer has."""


class TablesMovedError(RuntimeError):
    """Tables are written too often to read a consistent version of them."""


class VersionGoneError(LookupError):
    """A table version whose files were vacuumed."""


def read_consistently(
    tables: Tables, names: Sequence[str], make: Callable[[], T], named: Callable[[str], str] = str
) -> tuple[T, Mapping[str, int]]:
    """The result of `make`, and the versions of the tables `names` that it read; retried when one changed meanwhile.

    Raises:
        TablesMovedError: they changed during each of `ATTEMPTS` attempts.
    """
    for _ in range(ATTEMPTS):
        before = {name: tables.version(name) for name in names}
        made = make()
        if {name: tables.version(name) for name in names} == before:
            return made, before
    raise TablesMovedError(
        f"{', '.join(names)} changed {ATTEMPTS} times while they were read, so nobody could say which versions a "
        f"prediction is made of: re-execute the run when {named('feature_engineering_job')} has ended; no alias was "
        "moved."
    )


@contextmanager
def explain_missing_version(table: str, version: int, named: Callable[[str], str] = str) -> Iterator[None]:
    """Explain the engine's error about a version of `table` that is gone.

    Raises:
        VersionGoneError: in place of the engine's error, which is its cause.
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        if not any(text in str(error) for text in GONE):
            raise
        raise VersionGoneError(
            f"Version {version} of the table {table} can't be read any more (retention_days of its maintenance), so "
            f"nobody can measure on the rows that were held out: launch {named('model_training_job')} again; no alias "
            "was moved."
        ) from error
