"""Where a Spark session comes from: Sail in this process, or the runtime of the Databricks cluster.

Both classes have the interface of dagster-pyspark's `PySparkResource` (`spark_session`, `spark_context`) without
its import, which would start loading PySpark with the code location. Neither starts anything before the first use:
the Dagster host of a Databricks target builds these objects too, and must not start Spark.
"""

from __future__ import annotations

import os
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from mlops_core.adapters.plain_paths import plain_path
from mlops_core.adapters.sql_names import quoted

if TYPE_CHECKING:
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

LOOPBACK = "127.0.0.1"
PARALLELISM = "SAIL_EXECUTION__DEFAULT_PARALLELISM"


ON_WORKERS = (
    "name a cluster of the access mode Dedicated in `compute` of databricks.yml (new_cluster, or existing_cluster_id), "
    "or let workers of the trainer be 0, which fits in memory"
)


class NoWorkersError(RuntimeError):
    """This cluster speaks Spark Connect only, so no tasks can work together."""


class Spark(Protocol):
    """A source of one Spark session whose time zone is UTC."""

    @property
    def spark_session(self) -> SparkSession: ...

    def has_workers(self) -> bool:
        """Whether tasks of a library can work on one thing together, by barriers of classic Spark.

        Raises:
            NoWorkersError: this cluster should let them, and does not.
        """


def parallelism() -> int:
    """Number of shuffle partitions in Sail.

    More than two cores need, so that each hash table fits the cache; eight would slow small queries down.
    """
    return int(os.environ.get(PARALLELISM, max(4, os.cpu_count() or 1)))


@cache
def _sail_server() -> SparkConnectServer:
    """Start Sail once per process, on a free loopback port; the cache keeps it alive until the process ends."""
    os.environ.setdefault("RUST_LOG", "off")  # Sail reports errors to the client; its log would repeat them
    os.environ.setdefault(PARALLELISM, str(parallelism()))
    # Partition pruning already selects the days; reading page indexes costs more than they save.
    os.environ.setdefault("SAIL_PARQUET__ENABLE_PAGE_INDEX", "false")
    # Distinct numbers outgrow any dictionary: Sail's own limit, 1 MiB, fills one per column before it gives up.
    os.environ.setdefault("SAIL_PARQUET__DICTIONARY_PAGE_SIZE_LIMIT", str(128 * 1024))
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(LOOPBACK, 0)
    server.start(background=True)
    return server


def _session(host: str, port: int) -> SparkSession:
    """A session with uncompressed responses: on loopback, gzip adds a second per million rows."""
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # pyspark.sql.functions then builds Connect's columns
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    channel = DefaultChannelBuilder(f"sc://{host}:{port}", [("grpc.compression_enabled_algorithms_bitset", 1)])
    session = ConnectSession.builder.channelBuilder(channel).create()
    return cast("SparkSession", session)  # the same calls, though PySpark declares no common class


def has_commit(folder: Path) -> bool:
    """Whether the folder is a Delta table: a log without a commit is left over from a failed writer."""
    return any((folder / "_delta_log").glob("*.json"))


class LocalSpark:
    """Spark on this machine: an in-process Sail server, with the warehouse's Delta tables registered by name.

    A table `<schema>.<name>` is the Delta folder `<warehouse>/<schema>/<name>`. Sail's catalog lives in memory, so
    every session starts by registering what the folder holds; `LocalTables` registers the tables that it creates.
    """

    def __init__(self, warehouse: Path, schema: str) -> None:
        self.warehouse, self.schema = warehouse, schema
        self._registered: set[str] = set()

    @cached_property
    def spark_session(self) -> SparkSession:
        session = _session(*_sail_server().listening_address)
        session.conf.set("spark.sql.session.timeZone", "UTC")
        # PySpark would record the call site of every expression; Sail's errors do not show it.
        session.conf.set("spark.python.sql.dataFrameDebugging.enabled", "false")
        session.sql(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema)}")
        for folder in sorted((self.warehouse / self.schema).glob("*")):
            if has_commit(folder):
                self._register(session, folder.name)
        return session

    def has_workers(self) -> bool:
        return False

    def location(self, name: str) -> str:
        """The path of a table's folder for Sail and deltalake: see `plain_path`."""
        return str(plain_path(self.warehouse / self.schema / name))

    def register(self, name: str) -> None:
        """Make the Delta table `name` readable by its full name in this session; it follows later commits."""
        if name not in self._registered:
            self._register(self.spark_session, name)

    def forget(self, name: str) -> None:
        """Unregister the table from this session; its files stay."""
        self.spark_session.sql(f"DROP TABLE IF EXISTS {quoted(self.schema, name)}")
        self._registered.discard(name)

    def _register(self, session: SparkSession, name: str) -> None:
        table, location = quoted(self.schema, name), self.location(name)
        session.sql(f"CREATE TABLE IF NOT EXISTS {table} USING delta LOCATION '{location}'")
        self._registered.add(name)

    @property
    def spark_context(self) -> Any:
        return self.spark_session.sparkContext


class ClusterSpark:
    """The Databricks runtime's session: nothing starts on the Dagster host."""

    @cached_property
    def spark_session(self) -> SparkSession:
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    @property
    def spark_context(self) -> Any:
        return self.spark_session.sparkContext

    def has_workers(self) -> bool:
        if "connect" in type(self.spark_session).__module__:
            raise NoWorkersError(
                "This cluster speaks Spark Connect only (serverless, or the access mode Standard), on which workers "
                f"can't fit a model together: {ON_WORKERS}."
            )
        return True
