"""Who may do what, secrets, and the objects of Unity Catalog, through the real databricks-sdk."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service import catalog, iam
from deltalake import write_deltalake

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import (
    Make,
    client_of,
)


class TestAccess:
    def test_tokens(self, emulator: Emulator, client: WorkspaceClient) -> None:
        assert client.current_user.me().user_name == "pipeline@example.com"
        with pytest.raises(PermissionDenied):
            WorkspaceClient(host=emulator.url, token="dapi0").current_user.me()
        emulator.expire_tokens()
        with pytest.raises(PermissionDenied):
            client.current_user.me()
        client_of(emulator).current_user.me()
        assert requests.get(f"{emulator.url}/api/2.0/preview/scim/v2/Me", timeout=5).status_code == 401

    def test_a_service_principal_signs_in_and_its_token_expires(self, make: Make) -> None:
        emulator = make(token_seconds=0.2)
        secret = {"client_id": emulator.identity.client_id, "client_secret": emulator.identity.client_secret}
        client = WorkspaceClient(host=emulator.url, **secret)
        assert client.current_user.me().id == "1001"
        headers = client.config.authenticate()
        time.sleep(0.25)
        answer = requests.get(f"{emulator.url}/api/2.0/preview/scim/v2/Me", headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["message"]) == (401, "The access token has expired.")

    def test_an_endpoint_that_is_not_there(self, client: WorkspaceClient) -> None:
        with pytest.raises(NotFound) as refused:
            client.api_client.do("GET", "/api/2.0/nothing")
        assert refused.value.error_code == "ENDPOINT_NOT_FOUND"

    def test_secrets(self, client: WorkspaceClient) -> None:
        client.secrets.create_scope("pipeline")
        client.secrets.put_secret("pipeline", "key", string_value="s3cret")
        assert [item.key for item in client.secrets.list_secrets("pipeline")] == ["key"]
        assert [item.name for item in client.secrets.list_scopes()] == ["pipeline"]
        with pytest.raises(ResourceAlreadyExists):
            client.secrets.create_scope("pipeline")
        with pytest.raises(ResourceDoesNotExist):
            client.secrets.put_secret("none", "key", string_value="x")
        with pytest.raises(ResourceDoesNotExist):
            client.secrets.delete_secret("pipeline", "none")

    def test_rights(self, client: WorkspaceClient) -> None:
        asked = iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_READ)
        client.permissions.update("directories", "123", access_control_list=[asked])
        found = client.permissions.get("directories", "123").access_control_list
        assert {item.group_name or item.user_name for item in found} == {"users", "pipeline@example.com"}
        change = catalog.PermissionsChange(principal="users", add=[catalog.Privilege.READ_VOLUME])
        client.grants.update("volume", "dev.app.staging", changes=[change])
        [grant] = client.grants.get("volume", "dev.app.staging").privilege_assignments
        assert (grant.principal, grant.privileges) == ("users", [catalog.Privilege.READ_VOLUME])
        change = catalog.PermissionsChange(principal="ops", add=[catalog.Privilege.WRITE_VOLUME])
        client.grants.update("schema", "dev.app", changes=[change])
        effective = client.grants.get_effective("volume", "dev.app.staging").privilege_assignments
        inherited = {item.principal: item.privileges[0].inherited_from_name for item in effective}
        assert inherited == {"users": None, "ops": "dev.app"}


class TestUnityCatalog:
    def test_volumes_and_schemas(self, client: WorkspaceClient) -> None:
        client.catalogs.create("prod")
        client.schemas.create("app", "prod")
        client.volumes.create("prod", "app", "staging", catalog.VolumeType.MANAGED)
        assert client.volumes.read("prod.app.staging").volume_type is catalog.VolumeType.MANAGED
        assert {item.name for item in client.catalogs.list()} == {"dev", "prod"}
        assert [item.full_name for item in client.schemas.list("prod")] == ["prod.app"]
        assert [item.name for item in client.volumes.list("prod", "app")] == ["staging"]
        with pytest.raises(AlreadyExists):
            client.volumes.create("prod", "app", "staging", catalog.VolumeType.MANAGED)
        for name in ("no.app.staging", "prod.no.staging", "prod.app.no"):
            with pytest.raises(NotFound):
                client.volumes.read(name)

    def test_tables(self, emulator: Emulator, client: WorkspaceClient, tmp_path: Path) -> None:
        write_deltalake(tmp_path / "trips", pd.DataFrame({"fare": [1.0]}))
        emulator.unity_catalog.add_table("samples.nyctaxi.trips", tmp_path / "trips")
        found = client.tables.get("samples.nyctaxi.trips")
        assert found.data_source_format is catalog.DataSourceFormat.DELTA
        assert [item.name for item in client.tables.list("samples", "nyctaxi")] == ["trips"]
        assert client.tables.exists("samples.nyctaxi.trips").table_exists
        assert not client.tables.exists("samples.nyctaxi.none").table_exists
        client.tables.delete("samples.nyctaxi.trips")
        assert (tmp_path / "trips").exists()
        with pytest.raises(NotFound):
            client.tables.get("samples.nyctaxi.trips")
