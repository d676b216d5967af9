"""Files on volumes, in the tree and on DBFS, through the real databricks-sdk."""

from __future__ import annotations

import io
import os

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service import workspace

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import (
    VOLUME,
    Make,
    client_of,
    upload,
)


class TestFiles:
    def test_what_was_uploaded_is_downloaded_listed_and_deleted(
        self, emulator: Emulator, client: WorkspaceClient
    ) -> None:
        upload(client, f"{VOLUME}/runs/a b/ü.txt", "hello")
        assert client.files.download(f"{VOLUME}/runs/a b/ü.txt").contents.read() == b"hello"
        assert client.files.get_metadata(f"{VOLUME}/runs/a b/ü.txt").content_length == 5
        [entry] = client.files.list_directory_contents(f"{VOLUME}/runs/a b")
        assert (entry.name, entry.file_size, entry.is_directory) == ("ü.txt", 5, False)
        assert emulator.staged() == [f"{VOLUME}/runs/a b/ü.txt"]
        client.files.delete(f"{VOLUME}/runs/a b/ü.txt")
        assert emulator.staged("dev.app.staging") == [f"{VOLUME}/runs/a b/"]
        client.files.delete_directory(f"{VOLUME}/runs/a b")
        client.files.delete_directory(f"{VOLUME}/runs")
        assert emulator.staged() == []

    def test_listing_comes_in_pages(self, client: WorkspaceClient) -> None:
        for number in range(5):
            upload(client, f"{VOLUME}/pages/{number}", "")
        names = [entry.name for entry in client.files.list_directory_contents(f"{VOLUME}/pages", page_size=2)]
        assert names == ["0", "1", "2", "3", "4"]

    def test_large_files_go_up_in_parts(self, emulator: Emulator) -> None:
        config = Config(host=emulator.url, token=emulator.token, enable_experimental_files_api_client=True)
        config.multipart_upload_min_stream_size = config.multipart_upload_chunk_size = 1000
        client = WorkspaceClient(config=config)
        content = os.urandom(3500)
        upload(client, f"{VOLUME}/large", content)
        assert client.files.download(f"{VOLUME}/large").contents.read() == content
        assert emulator.calls.count("PUT", "signed-uploads") == 4

    def test_download_resumes_from_an_offset(self, emulator: Emulator, client: WorkspaceClient) -> None:
        upload(client, f"{VOLUME}/x", "0123456789")
        headers = {"Authorization": f"Bearer {emulator.token}", "Range": "bytes=4-"}
        answer = requests.get(f"{emulator.url}/api/2.0/fs/files{VOLUME}/x", headers=headers, timeout=5)
        assert (answer.status_code, answer.text) == (206, "456789")

    def test_refusals(self, client: WorkspaceClient) -> None:
        upload(client, f"{VOLUME}/x", "1")
        upload(client, f"{VOLUME}/x", "2")
        with pytest.raises(AlreadyExists):
            upload(client, f"{VOLUME}/x", "3", overwrite=False)
        for missing in (f"{VOLUME}/y", "/Volumes/dev/app/other/y", "/Volumes/dev/none/staging/y", "/Volumes/no/a/b/y"):
            with pytest.raises(NotFound):
                client.files.download(missing)
        with pytest.raises(NotFound, match=r"dev\.app\.other"):
            upload(client, "/Volumes/dev/app/other/y", "")
        with pytest.raises(InvalidParameterValue):
            upload(client, "/Workspace/Shared/y", "")
        with pytest.raises(BadRequest, match="root of a volume"):
            client.files.delete_directory(VOLUME)
        with pytest.raises(NotFound):
            client.files.delete_directory(f"{VOLUME}/none")
        with pytest.raises(NotFound):
            list(client.files.list_directory_contents(f"{VOLUME}/none"))

    def test_a_directory_with_files_is_not_deleted(self, client: WorkspaceClient) -> None:
        upload(client, f"{VOLUME}/d/x", "1")
        with pytest.raises(BadRequest, match="not empty"):
            client.files.delete_directory(f"{VOLUME}/d")

    def test_the_root_of_an_empty_volume_seems_absent(self, client: WorkspaceClient) -> None:
        with pytest.raises(NotFound):
            client.files.get_directory_metadata(VOLUME)
        client.files.create_directory(f"{VOLUME}/d")
        client.files.get_directory_metadata(VOLUME)


class TestWorkspaceTree:
    def test_a_file_is_imported_found_and_deleted(self, client: WorkspaceClient) -> None:
        client.workspace.mkdirs("/Workspace/Shared/.dagster/deep")
        content = b"print('\xc3\xbc')\r\n--not a boundary\r\n"
        client.workspace.upload("/Shared/.dagster/main.py", content, format=workspace.ImportFormat.AUTO)
        found = client.workspace.get_status("/Workspace/Shared/.dagster/main.py")
        assert (found.object_type, found.size) == (workspace.ObjectType.FILE, len(content))
        assert client.workspace.download("/Workspace/Shared/.dagster/main.py").read() == content
        names = {(item.path, item.object_type.value) for item in client.workspace.list("/Shared/.dagster")}
        assert names == {("/Shared/.dagster/deep", "DIRECTORY"), ("/Shared/.dagster/main.py", "FILE")}
        client.workspace.delete("/Shared/.dagster", recursive=True)
        with pytest.raises(ResourceDoesNotExist):
            client.workspace.get_status("/Shared/.dagster/main.py")

    def test_a_source_import_is_a_notebook(self, client: WorkspaceClient) -> None:
        client.workspace.upload("/Shared/main.py", b"1", language=workspace.Language.PYTHON)
        assert client.workspace.get_status("/Shared/main.py").object_type is workspace.ObjectType.NOTEBOOK

    def test_refusals(self, client: WorkspaceClient) -> None:
        auto = workspace.ImportFormat.AUTO
        client.workspace.upload("/Shared/x", b"1", format=auto)
        with pytest.raises(ResourceAlreadyExists):
            client.workspace.upload("/Shared/x", b"2", format=auto)
        client.workspace.upload("/Shared/x", b"2", format=auto, overwrite=True)
        with pytest.raises(ResourceDoesNotExist, match="parent"):
            client.workspace.upload("/Shared/none/x", b"1", format=auto)
        with pytest.raises(PermissionDenied):
            client.workspace.mkdirs("/somewhere")
        with pytest.raises(DatabricksError, match="exceeded max size"):
            client.workspace.upload("/Shared/large", b"0" * (10 * 2**20 + 1), format=auto)
        with pytest.raises(DatabricksError, match="not empty"):
            client.workspace.delete("/Shared")


class TestDbfs:
    def test_the_root_is_disabled(self, client: WorkspaceClient) -> None:
        with pytest.raises(PermissionDenied, match="DBFS root is disabled"):
            client.dbfs.put("/x", contents="aGk=")
        with pytest.raises(PermissionDenied):
            client.dbfs.get_status("dbfs:/x")

    def test_the_root_on_request(self, make: Make) -> None:
        client = client_of(make(dbfs_root=True))
        content = os.urandom(2**20 + 5)
        client.dbfs.upload("/staging/x", io.BytesIO(content))
        assert client.dbfs.download("/staging/x").read() == content
        assert [item.path for item in client.dbfs.list("/staging")] == ["/staging/x"]
        with pytest.raises(ResourceAlreadyExists):
            client.dbfs.put("/staging/x", contents="aGk=")
        client.dbfs.delete("/staging", recursive=True)
        with pytest.raises(ResourceDoesNotExist):
            client.dbfs.get_status("/staging/x")
