"""Unity Catalog: catalogs, schemas, volumes and tables are folders, so running tasks see the same ones.

A table is a file `<table>.json` in the folder of its schema, with what its maker said of it; a managed table has its
Delta folder beside it, an external one elsewhere. Tables are made by tasks through Spark (`metastore.py`), or by tests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from databricks.sdk.service.catalog import (
    CatalogInfo,
    CatalogsAPI,
    CatalogType,
    DataSourceFormat,
    ListCatalogsResponse,
    ListSchemasResponse,
    ListTablesResponse,
    ListVolumesResponseContent,
    SchemaInfo,
    SchemasAPI,
    TableExistsResponse,
    TableInfo,
    TablesAPI,
    TableType,
    VolumeInfo,
    VolumesAPI,
    VolumeType,
)

from databricks_emulator.api import ApiError, Call, invalid, route
from databricks_emulator.identity import USER
from databricks_emulator.storage import Storage, milliseconds

BASE = "/api/2.1/unity-catalog"


class UnityCatalog:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.owner = USER  # of everything: another name takes the caller's rights away, but those granted

    # For tests

    def add_volume(self, full_name: str) -> Path:
        """Make a volume `catalog.schema.volume`, with its catalog and schema; returns its folder on this machine."""
        self.add_schema(full_name.rpartition(".")[0])
        self.volume_folder(full_name).mkdir(parents=True, exist_ok=True)
        return self.volume_folder(full_name)

    def volume_folder(self, full_name: str) -> Path:
        """The folder of a volume on this machine."""
        return self._storage.volumes.joinpath(*full_name.split("."))

    def add_schema(self, full_name: str) -> None:
        """Make a schema `catalog.schema`, with its catalog."""
        self._schema(full_name).mkdir(parents=True, exist_ok=True)

    def add_table(self, full_name: str, folder: Path) -> None:
        """Register the Delta table in `folder` as the external table `catalog.schema.table`."""
        self.add_schema(full_name.rpartition(".")[0])
        kinds = {"table_type": TableType.EXTERNAL.value, "data_source_format": DataSourceFormat.DELTA.value}
        self.register(full_name, {**kinds, "storage_location": str(folder.resolve())})

    def add_view(self, full_name: str, reads: str) -> None:
        """Register a view `catalog.schema.view` of all rows of the table `reads`; only its metadata is there."""
        self.add_schema(full_name.rpartition(".")[0])
        self.register(full_name, {"table_type": TableType.VIEW.value, "view_definition": f"SELECT * FROM {reads}"})

    def table_folder(self, full_name: str) -> Path:
        """The Delta folder of a table on this machine.

        Raises:
            ApiError: there is no such table.
        """
        return Path(str(self.table(full_name)["storage_location"]).removeprefix("file://"))

    # What other services use

    def register(self, full_name: str, table: Mapping[str, Any]) -> None:
        """Make a table known, with the fields of the API's TableInfo that its maker gave."""
        catalog, schema, name = full_name.split(".")
        named = {"catalog_name": catalog, "schema_name": schema, "name": name, "full_name": full_name}
        identity = {"table_id": str(uuid4())}  # another table of the same name has another one
        self._entry(full_name).write_text(json.dumps({**identity, **table, **named}))

    def table(self, full_name: str) -> dict[str, Any]:
        """What is known of a table."""
        self.check_schema(full_name.rpartition(".")[0])
        if not self._entry(full_name).exists():
            raise ApiError(404, "TABLE_DOES_NOT_EXIST", f"Table '{full_name}' does not exist.")
        stored = json.loads(self._entry(full_name).read_text())
        properties = {**(stored.get("properties") or {}), **_of_the_log(stored)}
        return {**stored, "owner": self.owner, **({"properties": properties} if properties else {})}

    def managed_folder(self, full_name: str) -> Path:
        """Where the files of a managed table are."""
        return self._storage.tables.joinpath(*full_name.split("."))

    def check_schema(self, full_name: str) -> None:
        catalog = full_name.split(".", maxsplit=1)[0]
        if not (self._storage.tables / catalog).is_dir():
            raise ApiError(404, "CATALOG_DOES_NOT_EXIST", f"Catalog '{catalog}' does not exist.")
        if not self._schema(full_name).is_dir():
            raise ApiError(404, "SCHEMA_DOES_NOT_EXIST", f"Schema '{full_name}' does not exist.")

    def check_volume(self, full_name: str) -> None:
        self.check_schema(full_name.rpartition(".")[0])
        if not self.volume_folder(full_name).is_dir():
            raise ApiError(404, "VOLUME_DOES_NOT_EXIST", f"Volume '{full_name}' does not exist.")

    # The endpoints

    @route("POST", f"{BASE}/catalogs", CatalogsAPI.create)
    def create_catalog(self, call: Call) -> CatalogInfo:
        folder = self._storage.tables / _name(call["name"])
        if folder.exists():
            raise ApiError(400, "CATALOG_ALREADY_EXISTS", f"Catalog '{call['name']}' already exists")
        folder.mkdir()
        return self.get_catalog(call)

    @route("GET", f"{BASE}/catalogs/{{name}}", CatalogsAPI.get)
    def get_catalog(self, call: Call) -> CatalogInfo:
        return self._catalog_info(call["name"])

    @route("GET", f"{BASE}/catalogs", CatalogsAPI.list)
    def list_catalogs(self, call: Call) -> ListCatalogsResponse:
        return ListCatalogsResponse([self._catalog_info(name) for name in _folders(self._storage.tables)])

    @route("POST", f"{BASE}/schemas", SchemasAPI.create)
    def create_schema(self, call: Call) -> SchemaInfo:
        self._catalog_info(call["catalog_name"])
        full_name = f"{call['catalog_name']}.{_name(call['name'])}"
        if self._schema(full_name).exists():
            raise ApiError(400, "SCHEMA_ALREADY_EXISTS", f"Schema '{full_name}' already exists")
        self._schema(full_name).mkdir()
        return self._schema_info(full_name)

    @route("GET", f"{BASE}/schemas/{{full_name}}", SchemasAPI.get)
    def get_schema(self, call: Call) -> SchemaInfo:
        return self._schema_info(call["full_name"])

    @route("GET", f"{BASE}/schemas", SchemasAPI.list)
    def list_schemas(self, call: Call) -> ListSchemasResponse:
        catalog = self._catalog_info(call["catalog_name"]).name
        names = _folders(self._storage.tables / str(catalog))
        return ListSchemasResponse(schemas=[self._schema_info(f"{catalog}.{name}") for name in names])

    @route("POST", f"{BASE}/volumes", VolumesAPI.create)
    def create_volume(self, call: Call) -> VolumeInfo:
        if call["volume_type"] != VolumeType.MANAGED.value:
            raise invalid("The emulator has managed volumes only.")
        full_name = f"{call['catalog_name']}.{call['schema_name']}.{_name(call['name'])}"
        self.check_schema(full_name.rpartition(".")[0])
        folder = self.volume_folder(full_name)
        if folder.exists():
            raise ApiError(409, "ALREADY_EXISTS", f"Volume '{full_name}' already exists")
        folder.mkdir(parents=True)
        return self._volume_info(full_name)

    @route("GET", f"{BASE}/volumes/{{name}}", VolumesAPI.read)
    def read_volume(self, call: Call) -> VolumeInfo:
        return self._volume_info(call["name"])

    @route("GET", f"{BASE}/volumes", VolumesAPI.list)
    def list_volumes(self, call: Call) -> ListVolumesResponseContent:
        schema = f"{call['catalog_name']}.{call['schema_name']}"
        self.check_schema(schema)
        names = _folders(self.volume_folder(schema))
        return ListVolumesResponseContent(volumes=[self._volume_info(f"{schema}.{name}") for name in names])

    @route("DELETE", f"{BASE}/volumes/{{name}}", VolumesAPI.delete)
    def delete_volume(self, call: Call) -> None:
        self.check_volume(call["name"])
        shutil.rmtree(self.volume_folder(call["name"]))

    @route("GET", f"{BASE}/tables/{{full_name}}", TablesAPI.get)
    def get_table(self, call: Call) -> TableInfo:
        table = self.table(call["full_name"])
        if str(call.get("include_delta_metadata")).lower() != "true":
            table.pop("delta_runtime_properties_kvpairs", None)
        return TableInfo.from_dict(table)

    @route("GET", f"{BASE}/tables/{{full_name}}/exists", TablesAPI.exists)
    def table_exists(self, call: Call) -> TableExistsResponse:
        self.check_schema(call["full_name"].rpartition(".")[0])
        return TableExistsResponse(table_exists=self._entry(call["full_name"]).exists())

    @route("GET", f"{BASE}/tables", TablesAPI.list)
    def list_tables(self, call: Call) -> ListTablesResponse:
        schema = f"{call['catalog_name']}.{call['schema_name']}"
        self.check_schema(schema)
        names = [entry.stem for entry in sorted(self._schema(schema).glob("*.json"))]
        return ListTablesResponse(tables=[TableInfo.from_dict(self.table(f"{schema}.{name}")) for name in names])

    @route("DELETE", f"{BASE}/tables/{{full_name}}", TablesAPI.delete)
    def delete_table(self, call: Call) -> None:
        """Dropping a managed table removes its files; an external one is only forgotten."""
        table = self.table(call["full_name"])
        self._entry(call["full_name"]).unlink()
        if table["table_type"] == TableType.MANAGED.value:
            shutil.rmtree(self.managed_folder(call["full_name"]), ignore_errors=True)

    # What they say

    def _schema(self, full_name: str) -> Path:
        return self._storage.tables.joinpath(*full_name.split("."))

    def _catalog_info(self, name: str) -> CatalogInfo:
        if not (self._storage.tables / name).is_dir():
            raise ApiError(404, "CATALOG_DOES_NOT_EXIST", f"Catalog '{name}' does not exist.")
        return CatalogInfo(name=name, full_name=name, owner=self.owner, catalog_type=CatalogType.MANAGED_CATALOG)

    def _schema_info(self, full_name: str) -> SchemaInfo:
        self.check_schema(full_name)
        catalog, name = full_name.split(".")
        return SchemaInfo(name=name, catalog_name=catalog, full_name=full_name, owner=self.owner)

    def _volume_info(self, full_name: str) -> VolumeInfo:
        self.check_volume(full_name)
        catalog, schema, name = full_name.split(".")
        created = milliseconds(self.volume_folder(full_name))
        named = {"catalog_name": catalog, "schema_name": schema, "name": name, "full_name": full_name}
        return VolumeInfo(**named, owner=self.owner, volume_type=VolumeType.MANAGED, created_at=created)

    def _entry(self, full_name: str) -> Path:
        folder = self.managed_folder(full_name)
        return folder.with_name(f"{folder.name}.json")


def _of_the_log(table: Mapping[str, Any]) -> dict[str, str]:
    """The properties that Delta's writers keep in the catalog: the newest version, and when it was committed."""
    log = Path(str(table.get("storage_location", "")).removeprefix("file://"), "_delta_log")
    commits = sorted(log.glob("*.json")) if table.get("data_source_format") == DataSourceFormat.DELTA.value else []
    if not commits:
        return {}
    actions = map(json.loads, commits[-1].read_text().splitlines())
    committed = next((action["commitInfo"].get("timestamp", 0) for action in actions if "commitInfo" in action), 0)
    return {"delta.lastUpdateVersion": str(int(commits[-1].stem)), "delta.lastCommitTimestamp": str(committed)}


def _folders(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir()) if folder.is_dir() else []


def _name(name: str) -> str:
    if not name or set(name) & set(" ./") or not name.isprintable():
        raise invalid(f"'{name}' is not a valid name: it has a space, a dot or a slash.")
    return name.lower()
