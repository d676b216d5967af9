"""The Spark session of the runtime: Sail in this process, whose catalogs are those of the workspace.

Sail starts when the session is first used, and asks the emulator's metastore for tables. What Sail 0.7 does otherwise
than Spark on Databricks is put right here:

- a managed table can't be made without catalog-managed commits, so `saveAsTable` writes its folder and registers it;
- `saveAsTable` ignores `replaceWhere` and would replace the whole table; writing by path does not;
- `DESCRIBE HISTORY` does not parse;
- `/Volumes/...` is not a path of this machine.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any
from urllib.parse import quote

from emulated.config import Config
from emulated.imports import when_imported

LOOPBACK = "127.0.0.1"
HISTORY = re.compile(r"\s*DESCRIBE\s+HISTORY\s+((?:`(?:[^`]|``)+`|[\w.])+)(?:\s+LIMIT\s+(\d+))?\s*;?\s*", re.IGNORECASE)
HISTORY_COLUMNS = "version BIGINT, timestamp TIMESTAMP, operation STRING"
_configs: list[Config] = []
_starting = RLock()  # two steps of one worker may ask at once


def configure(config: Config) -> None:
    """Let whoever asks for a session get the runtime's, however it asks."""
    _configs[:] = [config]
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # else PySpark's functions would look for a JVM
    when_imported("pyspark.sql", _give_session)


def get() -> Any:
    """The session of this process, started now when it is not there yet."""
    with _starting:
        return _session()


@cache
def _session() -> Any:
    config = _configs[0]
    host, port = _server().listening_address
    from pyspark.sql.connect.session import SparkSession

    _correct(config)
    session = SparkSession.builder.remote(f"sc://{host}:{port}").create()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


@cache
def _server() -> Any:
    config = _configs[0]
    catalogs = sorted(entry.name for entry in os.scandir(config.tables) if entry.is_dir()) or ["spark_catalog"]
    listed = [
        f'{{name="{name}", type="unity", uri="{config.metastore}", default_catalog="{name}"}}' for name in catalogs
    ]
    os.environ["SAIL_CATALOG__LIST"] = f"[{', '.join(listed)}]"
    os.environ["SAIL_CATALOG__DEFAULT_CATALOG"] = catalogs[0]
    os.environ.setdefault("RUST_LOG", "off")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(LOOPBACK, 0)
    server.start(background=True)
    return server


def _give_session(module: ModuleType) -> None:
    """`SparkSession.builder.getOrCreate()` and `getActiveSession()` are the runtime's session."""
    builder = module.SparkSession.Builder
    original = builder.getOrCreate

    def get_or_create(self: Any) -> Any:
        options = dict(getattr(self, "_options", {}))
        if "spark.remote" in options:
            return original(self)
        session = get()
        for name, value in options.items():
            if not name.startswith(("spark.app.", "spark.master", "spark.api.")):
                session.conf.set(name, value)
        return session

    builder.getOrCreate = get_or_create
    module.SparkSession.getActiveSession = classmethod(lambda cls: get())


def _correct(config: Config) -> None:
    """Change the client's methods where Sail differs."""
    from pyspark.sql.connect.readwriter import DataFrameReader, DataFrameWriter
    from pyspark.sql.connect.session import SparkSession

    load, save, sql = DataFrameReader.load, DataFrameWriter.save, SparkSession.sql

    def mapped_load(self: Any, path: Any = None, *rest: Any, **options: Any) -> Any:
        paths = [_on_this_machine(config, one) for one in path] if isinstance(path, list) else path
        return load(self, _on_this_machine(config, paths), *rest, **options)

    def mapped_save(self: Any, path: Any = None, *rest: Any, **options: Any) -> None:
        save(self, _on_this_machine(config, path), *rest, **options)

    def save_as_table(
        self: Any,
        name: str,
        format: Any = None,
        mode: Any = None,
        partitionBy: Any = None,  # noqa: N803
        **options: Any,
    ) -> None:
        given = {"format": format, "mode": mode, "partitionBy": partitionBy, **options}
        _save_as_table(config, self, name, save, given)

    def sql_or_history(self: Any, query: str, *rest: Any, **options: Any) -> Any:
        found = HISTORY.fullmatch(query)
        return _history(config, self, found) if found else sql(self, query, *rest, **options)

    DataFrameReader.load, DataFrameWriter.save = mapped_load, mapped_save
    DataFrameWriter.saveAsTable, SparkSession.sql = save_as_table, sql_or_history


def _plain(name: str) -> str:
    """A table's name as the metastore has it: without the backticks that quote it."""
    parts = re.findall(r"`(?:[^`]|``)+`|[^.`]+", name)
    return ".".join(part[1:-1].replace("``", "`") if part.startswith("`") else part for part in parts)


def _save_as_table(config: Config, writer: Any, sql_name: str, save: Any, options: dict[str, Any]) -> None:
    """Write the folder of a Delta table, which is new or replaced or added to as the writer says, and register it."""
    name = _plain(sql_name)
    known = _ask(config, f"tables/{name}")
    if known is None and _ask(config, f"schemas/{name.rpartition('.')[0]}") is None:
        from pyspark.errors import AnalysisException

        raise AnalysisException(f"[SCHEMA_NOT_FOUND] The schema of {name} cannot be found.")
    location = Path(known["storage_location"] if known else "/".join((config.tables, *name.split("."))))
    if known is None and location.exists():
        raise FileExistsError(f"{location} is not empty, but there is no table {name}")
    given = {key: value for key, value in options.items() if value is not None}
    save(writer, str(location), **{"format": writer._write.source or "delta", **given})
    if known is None:
        get().sql(f"CREATE TABLE IF NOT EXISTS {sql_name} USING delta LOCATION '{location}'").collect()


def _history(config: Config, session: Any, found: re.Match[str]) -> Any:
    """The commits of a Delta table, newest first, from its log."""
    table = _ask(config, f"tables/{_plain(found[1])}")
    if table is None:
        return session.table(found[1])  # which says that there is none
    files = sorted(Path(table["storage_location"], "_delta_log").glob("*.json"), reverse=True)
    commits = [_commit(file) for file in files[: int(found[2]) if found[2] else None]]
    return session.createDataFrame(commits, HISTORY_COLUMNS)


def _commit(file: Path) -> tuple[int, datetime, str]:
    actions = map(json.loads, file.read_text().splitlines())
    info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    moment = datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC)
    return int(file.stem), moment, info.get("operation", "")


def _ask(config: Config, what: str) -> dict[str, Any] | None:
    """What the metastore knows of a table or a schema."""
    try:
        with urllib.request.urlopen(f"{config.metastore}/{quote(what)}", timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def _on_this_machine(config: Config, path: Any) -> Any:
    """The host's path of a path of the runtime, for Sail, which opens files by itself."""
    if not isinstance(path, str):
        return path
    plain = path.removeprefix("dbfs:") if path.startswith("dbfs:/Volumes") else path
    for mount, folder in config.mounts.items():
        if plain.startswith(mount + "/") and mount != "/tmp":
            return folder + plain[len(mount) :]
    return path
