"""Fixtures of all tests: one environment on every machine, an in-process Spark, an empty warehouse, and flights."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from pyspark.sql import DataFrame, SparkSession
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mlops_core.adapters import mlflow_database
from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables
from mlops_core_tests.flights import sample

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
"""OpenMP reads it when it is loaded. Its waiting threads spin, and take the cores from the tests beside them."""
OF_ALERT_CHANNELS = {
    "ALERT_TEAMS_WEBHOOK_URL": "https://example.invalid/hook",
    "ALERT_EMAIL_FROM": "pipeline@example.invalid",
    "ALERT_EMAIL_PASSWORD": "of nobody",
    "ALERT_EMAIL_TO": "people@example.invalid",
    "ALERT_SMTP_HOST": "smtp.example.invalid",
}
"""What a target with an alert channel needs to load."""
OF_THIS_SHELL = re.compile(
    "(ALERT|ARM|AZURE|BUNDLE_VAR|DAGSTER|DATABRICKS|GIT|MLFLOW|PYSPARK|SAIL|SPARK)_"
    "|(MLOPS_TARGET|TRIPS_PATH|MAKEFLAGS|MAKELEVEL|MAKEOVERRIDES|MFLAGS)$"
)
"""Variables that the project, its libraries, git or make read."""


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same on every machine: without what this shell, a git hook or a person's own settings say.

    Alerts reach nobody, whatever channel a team's targets have.
    """
    home = tmp_path_factory.mktemp("home")
    theirs = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "DATABRICKS_CONFIG_FILE": str(home / "none")}
    theirs["TZ"] = "UTC"  # `collect` of PySpark gives times of this machine's zone
    for name in ("NO_PROXY", "no_proxy"):  # servers that tests start are here
        theirs[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if OF_THIS_SHELL.match(name)]:
            monkeypatch.delenv(name)
        for name, value in {**theirs, **OF_ALERT_CHANNELS}.items():
            monkeypatch.setenv(name, value)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module", autouse=True)
def nothing_left_in_the_environment(environment: None) -> Iterator[None]:
    """A variable that the tests of one file leave would lead those of the next one to another target, or workspace."""
    before = _where_it_leads()
    yield
    assert _where_it_leads() == before


def _where_it_leads() -> dict[str, str]:
    leading = re.compile("(BUNDLE_VAR|DATABRICKS)_|(MLOPS_TARGET|TRIPS_PATH)$")
    return {name: value for name, value in os.environ.items() if leading.match(name)}


@pytest.fixture(scope="session", autouse=True)
def migrations() -> Iterator[None]:
    """Dagster reads its migrations anew for each instance, of which tests make thousands: here they are read once."""
    read: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in read:
            read[place] = made(config)
        return read[place]

    made = ScriptDirectory.from_config
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ScriptDirectory, "from_config", staticmethod(from_config))
        yield


@pytest.fixture(scope="session", autouse=True)
def mlflow_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow makes a database by all its migrations: those that this process makes are copies of one."""
    first, create = tmp_path_factory.mktemp("mlflow") / "mlflow.db", mlflow_database._create

    def copied(file: Path) -> None:
        if not first.exists():
            create(first)
        shutil.copy(first, file)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(mlflow_database, "_create", copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced_databases() -> Iterator[None]:
    """SQLite leaves it to the system when what this process writes reaches the disk: no test pulls the plug."""

    def leave(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", leave)
    yield
    event.remove(Engine, "connect", leave)


@pytest.fixture
def tables(tmp_path: Path) -> LocalTables:
    """An empty warehouse with a Spark session of its own."""
    return LocalTables(LocalSpark(tmp_path / "warehouse", "test"))


@pytest.fixture
def spark(tables: LocalTables) -> SparkSession:
    return tables.spark.spark_session


@pytest.fixture(scope="session")
def shared_spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    """One session for what no test changes."""
    return LocalSpark(tmp_path_factory.mktemp("warehouse"), "machinery").spark_session


@pytest.fixture(scope="session", params=sample.SAMPLES)
def flights(request: pytest.FixtureRequest) -> pd.DataFrame:
    return sample.flights(request.param)


@pytest.fixture(scope="session")
def flight_events(
    shared_spark: SparkSession, flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> DataFrame:
    return sample.as_events(shared_spark, flights, tmp_path_factory.mktemp("flights"))
