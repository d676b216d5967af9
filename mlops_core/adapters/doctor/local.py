"""The local platform: Sail, the folders of tables and runs, and MLflow's database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile

from mlops_core.adapters.doctor.finding import Finding, failed, ok
from mlops_core.adapters.sources.given_path import of_environment, of_target
from mlops_core.config import Target
from mlops_core.project import EventTable


def sail(warehouse: Path, schema: str) -> Iterator[Finding]:
    """Start Sail in this process and run a query."""
    from pyspark.errors import PySparkException

    from mlops_core.adapters.spark import LocalSpark

    try:
        session = LocalSpark(warehouse, schema).spark_session
        counted = session.range(10).count()
    except (PySparkException, RuntimeError, ImportError, OSError) as error:
        fix = "install the project again with scripts/setup.sh; see whether loopback connections are allowed"
        yield failed(f"Sail does not start: {error}", fix)
        return
    yield ok(f"Sail started and counted to {counted}, as Spark {session.version}")


def whole_tables(schema_folder: Path) -> Iterator[Finding]:
    """Whether the log and the data files of every table are complete."""
    from mlops_core.adapters.tables import damage

    found = list(damage(schema_folder))
    for sentence in found:
        said, _, fix = sentence.partition(": ")
        yield failed(said, fix.rstrip("."))
    if not found:
        yield ok("All tables are whole")


def source(events: EventTable, target: Target) -> Iterator[Finding]:
    """Whether the rows are there that a run reads which names none itself."""
    from mlops_core.adapters.sources.errors import UnreadableEventsError
    from mlops_core.adapters.sources.file_source import files_at

    of_databricks_yml = of_target(events, target)
    given = of_environment(events, of_databricks_yml) or of_databricks_yml
    if given is None:
        yield _without_path(events)
        return
    try:
        count = len(files_at(events, given))
    except (OSError, UnreadableEventsError) as error:
        said, _, fix = str(error).rpartition(": ")
        yield failed(said, fix.rstrip("."))
        return
    yield ok(f"{events.nouns.capitalize()} are read from {given}: {count} file{'s' * (count > 1)}")


def _without_path(events: EventTable) -> Finding:
    if events.sample:
        return ok(f"{events.nouns.capitalize()} are generated")
    fix = f"set {events.path_variable}, or {events.variable('table')} in databricks.yml, to a file or folder of them"
    return failed(f"There are no {events.nouns} to read, and '{events.name}' declares no sample", fix)


def mlflow_database(file: Path) -> Iterator[Finding]:
    """Whether MLflow's tables exist; creating them in the first run would take seconds, or fail half-way."""
    if not file.exists():
        yield failed(f"{file} does not exist", "make setup")
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error as error:
        yield failed(f"{file} is not MLflow's database: {error}", "remove it, then make setup")
        return
    yield ok(f"MLflow's database is there, at revision {versions[0][0]}")


def writable(folder: Path, write: bool) -> Iterator[Finding]:
    """Whether files can be made in `folder`, or where it will be made; `write` makes one."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        yield failed(f"{existing} can't be written", "give this user the right to write there")
        return
    if write:
        try:
            TemporaryFile(dir=existing).close()
        except OSError as error:
            yield failed(f"{existing} can't be written: {error}", "see to the disk's space and the folder's rights")
            return
    yield ok(f"{folder} can be written")
