"""The metastore behind the tasks' Spark sessions: a part of Unity Catalog's API at an address of its own.

Sail asks it for tables and tells it of new ones, so tasks that run at the same time see each other's tables; it puts
names of catalogs and schemas between backticks as SQL would, which Databricks' API does not know. It is inside the
workspace: no token, no latency, no faults, and its calls are not counted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from databricks.sdk.service.catalog import (
    ListSchemasResponse,
    ListTablesResponse,
    SchemaInfo,
    SchemasAPI,
    TablesAPI,
    TableType,
)

from databricks_emulator.api import ApiError, Call, route
from databricks_emulator.unity_catalog import UnityCatalog

METASTORE = "/metastore"


class Metastore:
    def __init__(self, catalog: UnityCatalog) -> None:
        self._catalog = catalog

    @route("POST", f"{METASTORE}/schemas")
    def create_schema(self, call: Call) -> SchemaInfo:
        try:
            return self._catalog.create_schema(Call(call.request, call.request.json()))
        except ApiError as error:
            if error.error_code == "SCHEMA_ALREADY_EXISTS":  # Sail knows it by the status of the open-source server
                raise ApiError(409, error.error_code, error.message) from error
            raise

    @route("GET", f"{METASTORE}/schemas/{{full_name}}", SchemasAPI.get)
    def get_schema(self, call: Call) -> SchemaInfo:
        return self._catalog.get_schema(call)

    @route("GET", f"{METASTORE}/schemas", SchemasAPI.list)
    def list_schemas(self, call: Call) -> ListSchemasResponse:
        return self._catalog.list_schemas(call)

    @route("POST", f"{METASTORE}/tables")
    def create_table(self, call: Call) -> dict[str, Any]:
        asked = call.request.json()
        name = _full_name(asked)
        self._catalog.check_schema(name.rpartition(".")[0])
        is_managed = Path(asked["storage_location"]) == self._catalog.managed_folder(name)
        kind = TableType.MANAGED if is_managed else TableType.EXTERNAL
        self._catalog.register(name, {**asked, "table_type": kind.value})
        return self._known(name)

    @route("GET", f"{METASTORE}/tables/{{full_name}}", TablesAPI.get)
    def get_table(self, call: Call) -> dict[str, Any]:
        return self._known(_plain(call["full_name"]))

    def _known(self, full_name: str) -> dict[str, Any]:
        """To Sail every table is external: for a managed one it would want commits through the catalog."""
        return self._catalog.table(full_name) | {"table_type": TableType.EXTERNAL.value}

    @route("GET", f"{METASTORE}/tables", TablesAPI.list)
    def list_tables(self, call: Call) -> ListTablesResponse:
        return self._catalog.list_tables(call)

    @route("DELETE", f"{METASTORE}/tables/{{full_name}}", TablesAPI.delete)
    def delete_table(self, call: Call) -> None:
        self._catalog.delete_table(call)


def _full_name(asked: dict[str, Any]) -> str:
    return _plain(f"{asked['catalog_name']}.{asked['schema_name']}.{asked['name']}")


def _plain(name: str) -> str:
    """A name without the backticks that quote its parts."""
    parts = re.findall(r"`(?:[^`]|``)+`|[^.]+", name)
    return ".".join(part[1:-1].replace("``", "`") if part.startswith("`") else part for part in parts)
