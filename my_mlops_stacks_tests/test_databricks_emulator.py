"""The emulated workspace through the real databricks-sdk: what it answers, what it refuses, and what tasks find."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    InternalError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    TemporarilyUnavailable,
)
from databricks.sdk.service import catalog, compute, iam, jobs, workspace
from deltalake import DeltaTable, write_deltalake

from my_mlops_stacks_tests.databricks_emulator import Emulator

VOLUME = "/Volumes/dev/app/staging"
MAIN = "/Workspace/Shared/main.py"
CLASSIC = {
    "spark_version": "16.4.x-scala2.12",
    "node_type_id": "m5d.large",
    "num_workers": 1,
    "data_security_mode": "SINGLE_USER",
}
CLASSIC_ARGUMENTS = {**CLASSIC, "data_security_mode": compute.DataSecurityMode.SINGLE_USER}
PYTHON_TASK = {"spark_python_task": {"python_file": MAIN}}
SERVERLESS = [{"environment_key": "default", "spec": {"environment_version": "5"}}]
PROJECT = Path(__file__).resolve().parents[1]

Make = Callable[..., Emulator]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workspaces with a volume, and ends them."""
    made: list[Emulator] = []

    def start(**settings: Any) -> Emulator:
        emulator = Emulator(tmp_path / f"workspace_{len(made)}", terminating=0.0, **settings).__enter__()
        made.append(emulator)
        emulator.unity_catalog.add_volume("dev.app.staging")
        return emulator

    yield start
    for emulator in made:
        emulator.__exit__(None, None, None)


@pytest.fixture
def emulator(make: Make) -> Emulator:
    return make()


@pytest.fixture
def client(emulator: Emulator) -> WorkspaceClient:
    return client_of(emulator)


def client_of(emulator: Emulator, **options: Any) -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=emulator.url, token=emulator.token, retry_timeout_seconds=1, **options))


def upload(client: WorkspaceClient, path: str, content: bytes | str, overwrite: bool | None = None) -> None:
    data = content.encode() if isinstance(content, str) else content
    client.files.upload(path, io.BytesIO(data), overwrite=overwrite)


def submit(emulator: Emulator, code: str, *parameters: str, **options: Any) -> int:
    """Submit a Python task; serverless unless `cluster` is given. Returns the id of the run."""
    emulator.storage.tree_path(MAIN).write_text(dedent(code))
    task: dict[str, Any] = {
        "task_key": "step",
        "spark_python_task": {"python_file": MAIN, "parameters": list(parameters)},
    }
    dependencies, kept = options.pop("dependencies", []), {}
    if "cluster" in options:
        task |= {"new_cluster": options.pop("cluster"), "libraries": options.pop("libraries", [])}
    else:
        task["environment_key"] = "default"
        spec = compute.Environment(environment_version="5", dependencies=dependencies)
        kept["environments"] = [jobs.JobEnvironment("default", spec)]
    return client_of(emulator).jobs.submit(tasks=[jobs.SubmitTask.from_dict(task)], **kept, **options).response.run_id


def run(emulator: Emulator, code: str, *parameters: str, **options: Any) -> tuple[jobs.Run, jobs.RunOutput]:
    """Run a Python task to its end."""
    run_id = submit(emulator, code, *parameters, **options)
    emulator.wait_until_idle(30)
    found = client_of(emulator).jobs.get_run(run_id)
    return found, client_of(emulator).jobs.get_run_output(found.tasks[0].run_id)


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


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


class TestClusters:
    def test_life_of_an_all_purpose_cluster(self, make: Make) -> None:
        emulator = make(classic_start=0.2)
        client = client_of(emulator)
        key = client.clusters.create(**CLASSIC_ARGUMENTS, cluster_name="mine").response.cluster_id
        assert client.clusters.get(key).state is compute.State.PENDING
        wait_for(lambda: client.clusters.get(key).state is compute.State.RUNNING)
        assert [item.cluster_name for item in client.clusters.list()] == ["mine"]
        assert emulator.running_clusters == [key]
        client.clusters.delete(key)
        assert client.clusters.get(key).termination_reason.code is compute.TerminationReasonCode.USER_REQUEST
        assert emulator.running_clusters == []
        assert [event.type.value for event in client.clusters.events(key)] == ["TERMINATING", "CREATING"]
        client.clusters.permanent_delete(key)
        with pytest.raises(ResourceDoesNotExist):
            client.clusters.get(key)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"spark_version": "99"}, "spark version"),
            ({"node_type_id": None}, "node_type_id"),
            ({"num_workers": None}, "num_workers"),
            ({"instance_pool_id": "pool-1"}, "instance pool"),
            ({"policy_id": "none"}, "policy"),
        ],
    )
    def test_refusals(self, client: WorkspaceClient, change: dict[str, Any], message: str) -> None:
        spec = {name: value for name, value in {**CLASSIC, **change}.items() if value is not None}
        with pytest.raises(InvalidParameterValue, match=message):
            client.api_client.do("POST", "/api/2.1/clusters/create", body=spec)

    def test_pools_and_policies_must_exist(self, client: WorkspaceClient) -> None:
        pool = client.instance_pools.create("pool", "m5d.large").instance_pool_id
        policy = client.cluster_policies.create(name="jobs").policy_id
        spec = {"spark_version": "16.4.x-scala2.12", "instance_pool_id": pool, "policy_id": policy}
        assert client.api_client.do("POST", "/api/2.1/clusters/create", body=spec)["cluster_id"]


class TestRuns:
    def test_a_task_runs_to_its_end(self, make: Make) -> None:
        emulator = make(classic_start=0.1)
        code = """
            import os, sys
            given = open("/Volumes/dev/app/staging/in.txt").read()
            print(sys.argv[1:], given, os.environ["DATABRICKS_RUNTIME_VERSION"])
            open("/Volumes/dev/app/staging/out.txt", "w").write("done")
        """
        upload(client_of(emulator), f"{VOLUME}/in.txt", "hello")
        ended, output = run(emulator, code, "a", "b c", cluster=CLASSIC, run_name="mine")
        assert (ended.run_name, ended.state.life_cycle_state.value) == ("mine", "TERMINATED")
        assert ended.state.result_state is jobs.RunResultState.SUCCESS
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.SUCCESS
        assert output.logs == "['a', 'b c'] hello 16.4\n"
        assert client_of(emulator).files.download(f"{VOLUME}/out.txt").contents.read() == b"done"
        task = ended.tasks[0]
        assert task.run_id != ended.run_id
        assert task.setup_duration >= 100
        assert ended.run_page_url.startswith(emulator.url)
        cluster = client_of(emulator).clusters.get(task.cluster_instance.cluster_id)
        assert cluster.termination_reason.code is compute.TerminationReasonCode.JOB_FINISHED
        assert (emulator.cluster_starts, emulator.running_clusters, emulator.active_runs) == (1, [], [])

    def test_a_failure_has_its_trace(self, emulator: Emulator) -> None:
        ended, output = run(emulator, "def fare():\n    return 1 / 0\nprint('before')\nfare()")
        assert (ended.state.life_cycle_state.value, ended.state.result_state.value) == ("INTERNAL_ERROR", "FAILED")
        assert ended.state.state_message.startswith("Task step failed with message: Workload failed")
        assert ended.tasks[0].state.life_cycle_state.value == "TERMINATED"
        assert output.error == "ZeroDivisionError: division by zero"
        assert f'File "{MAIN}", line 2, in fare\n    return 1 / 0' in output.error_trace
        assert "emulated" not in output.error_trace
        assert output.logs.startswith("before\nTraceback")
        with pytest.raises(InvalidParameterValue, match="multiple tasks"):
            client_of(emulator).jobs.get_run_output(ended.run_id)

    @pytest.mark.parametrize(("status", "result"), [("0", "SUCCESS"), ("3", "FAILED")])
    def test_leaving_with_a_status(self, emulator: Emulator, status: str, result: str) -> None:
        assert run(emulator, f"import sys; sys.exit({status})")[0].state.result_state.value == result

    def test_states_on_the_way(self, make: Make) -> None:
        emulator = make(serverless_start=0.2)
        client = client_of(emulator)
        emulator.hold_terminating()
        run_id = submit(emulator, "import time; time.sleep(0.2)")
        seen = []

        def look() -> bool:
            state = client.jobs.get_run(run_id).state
            seen.append((state.life_cycle_state.value, state.result_state))
            return seen[-1][0] == "TERMINATING"

        wait_for(look)
        assert list(dict.fromkeys(seen)) == [("PENDING", None), ("RUNNING", None), ("TERMINATING", None)]
        emulator.hold_terminating(False)
        emulator.wait_until_idle()
        assert client.jobs.get_run(run_id).state.result_state.value == "SUCCESS"

    def test_one_token_is_one_run(self, emulator: Emulator) -> None:
        ids = {submit(emulator, "pass", idempotency_token="t" * 64) for _ in range(3)}
        assert len(ids) == len(emulator.runs) == 1
        emulator.wait_until_idle()
        assert submit(emulator, "pass", idempotency_token="t" * 64) in ids
        with pytest.raises(InvalidParameterValue, match="64"):
            submit(emulator, "pass", idempotency_token="t" * 65)

    def test_cancel_ends_the_task_and_what_it_started(self, make: Make) -> None:
        emulator = make(kill_after=0.2)
        code = """
            import signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
            time.sleep(60)
        """
        client, run_id = client_of(emulator), submit(emulator, code)
        wait_for(lambda: emulator.task_log(emulator.runs[0]))
        child = int(emulator.task_log(emulator.runs[0]))
        client.jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        state = client.jobs.get_run(run_id).state
        assert (state.life_cycle_state.value, state.result_state.value) == ("TERMINATED", "CANCELED")
        assert state.user_cancelled_or_timedout
        wait_for(lambda: not is_alive(child))
        client.jobs.cancel_run(run_id)  # a run that has ended stays as it is

    def test_cancel_while_the_cluster_starts(self, make: Make) -> None:
        emulator = make(classic_start=60)
        run_id = submit(emulator, "pass", cluster=CLASSIC)
        wait_for(lambda: emulator.running_clusters)
        client_of(emulator).jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        assert emulator.running_clusters == []

    def test_timeout(self, emulator: Emulator) -> None:
        ended, _ = run(emulator, "import time; time.sleep(60)", timeout_seconds=1)
        assert ended.state.result_state is jobs.RunResultState.TIMEDOUT

    def test_runs_are_listed(self, emulator: Emulator, client: WorkspaceClient) -> None:
        ids = [submit(emulator, "pass", run_name=str(number)) for number in range(3)]
        emulator.wait_until_idle()
        assert [item.run_id for item in client.jobs.list_runs(limit=2)] == ids[::-1]
        assert list(client.jobs.list_runs(active_only=True)) == []

    def test_unknown_runs(self, client: WorkspaceClient) -> None:
        for call in (client.jobs.get_run, client.jobs.get_run_output):
            with pytest.raises(ResourceDoesNotExist):
                call(1)
        with pytest.raises(InvalidParameterValue, match="does not exist"):
            client.jobs.cancel_run(1)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"tasks": []}, "At least one task"),
            ({"tasks": "step"}, "START_ARRAY"),
            ({"timeout_seconds": "soon"}, "timeout_seconds"),
            ({"run_nmae": "x"}, "Unknown field: run_nmae"),
            ({"environments": []}, "not defined in environments"),
            ({"environments": [{"environment_key": "default"}]}, "must have a spec"),
        ],
    )
    def test_refused_submissions(self, client: WorkspaceClient, change: dict[str, Any], message: str) -> None:
        task = {"task_key": "step", "environment_key": "default", **PYTHON_TASK}
        body = {"tasks": [task], "environments": SERVERLESS, **change}
        with pytest.raises(BadRequest, match=message):
            client.api_client.do("POST", "/api/2.2/jobs/runs/submit", body=body)

    @pytest.mark.parametrize(
        ("task", "message"),
        [
            ({"task_key": None}, "Missing required field: tasks.0..task_key"),
            ({"task_key": "my step"}, "letters, digits"),
            ({"spark_python_task": None}, "exactly one type of task"),
            ({"notebook_task": {"notebook_path": "/Shared/x"}}, "exactly one type of task"),
            ({"spark_python_task": {"python_file": "main.py"}}, "Invalid python file"),
            ({"spark_python_task": {"python_file": "dbfs:/main.py"}}, "DBFS root is disabled"),
            ({"spark_python_task": {"python_file": MAIN, "parameters": ["x" * 10_001]}}, "exceed the limit"),
            ({"environment_key": None}, "must specify a cluster"),
            ({"new_cluster": CLASSIC}, "only one of"),
            ({"environment_key": None, "existing_cluster_id": "none"}, "does not exist"),
            ({"environment_key": None, "new_cluster": {**CLASSIC, "spark_version": "1"}}, "spark version"),
            ({"libraries": [{"pypi": {"package": "pandas"}}]}, "not supported for serverless"),
        ],
    )
    def test_refused_tasks(self, client: WorkspaceClient, task: dict[str, Any], message: str) -> None:
        whole = {"task_key": "step", "environment_key": "default", **PYTHON_TASK, **task}
        given = {name: value for name, value in whole.items() if value is not None}
        with pytest.raises((BadRequest, PermissionDenied), match=message):
            client.api_client.do(
                "POST", "/api/2.2/jobs/runs/submit", body={"tasks": [given], "environments": SERVERLESS}
            )

    def test_libraries_that_cannot_be_had(self, emulator: Emulator) -> None:
        ended, _ = run(emulator, "pass", dependencies=["dagster==0.0.1"])
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.LIBRARY_INSTALLATION_ERROR
        assert "dagster==0.0.1" in ended.state.state_message
        upload(client_of(emulator), f"{VOLUME}/requirements.txt", "# runtime\npandas\nno-such-library>=1  # why\n")
        ended, _ = run(emulator, "pass", dependencies=[f"-r {VOLUME}/requirements.txt"])
        assert "no-such-library" in ended.state.state_message

    def test_a_python_file_that_is_not_there(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "pass")
        emulator.wait_until_idle()
        emulator.storage.tree_path(MAIN).unlink()
        task = emulator.runs[0].submission.request
        again = client_of(emulator).api_client.do("POST", "/api/2.2/jobs/runs/submit", body=dict(task))["run_id"]
        emulator.wait_until_idle()
        assert again != run_id
        assert "Cannot read the python file" in client_of(emulator).jobs.get_run(again).state.state_message

    def test_long_output_is_cut_from_the_front(self, emulator: Emulator) -> None:
        _, output = run(emulator, "for _ in range(6):\n    print('x' * 2**20)\nprint('the end')")
        assert output.logs_truncated
        assert len(output.logs) == 5 * 2**20
        assert output.logs.endswith("the end\n")


class TestWhatATaskFinds:
    def test_nothing_of_the_host(self, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOST_SECRET", "s3cret")
        emulator = make(environment={"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"})
        code = """
            import importlib, importlib.metadata, json, os, pathlib, sys

            def found(name):
                try:
                    return bool(importlib.import_module(name))
                except ImportError:
                    return False

            names = ["my_mlops_stacks", "dagster", "databricks.sdk", "dagster_databricks", "numpy", "pydantic"]
            sys.path.insert(0, sys.argv[1])
            print(json.dumps({
                "modules": [name for name in names if found(name)],
                "source": pathlib.Path(sys.argv[1], "pyproject.toml").exists(),
                "variables": sorted(os.environ),
                "has_file": "__file__" in globals(),
            }))
            importlib.metadata.version("dagster")
        """
        _, output = run(emulator, code, str(PROJECT))
        seen = pd.read_json(io.StringIO(output.logs.splitlines()[0]), typ="series")
        assert seen["modules"] == ["numpy", "pydantic"]
        assert (seen["source"], seen["has_file"]) == (False, False)
        assert "MLFLOW_TRACKING_URI" in seen["variables"]
        assert not {"HOST_SECRET", "DATABRICKS_TOKEN", "DATABRICKS_HOST"} & set(seen["variables"])
        assert output.error.startswith("PackageNotFoundError")

    def test_a_library_that_is_stood_in_for_is_there_for_who_asks_for_it(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "library" / "databricks" / "feature_engineering").mkdir(parents=True)
        module = tmp_path / "library" / "databricks" / "feature_engineering" / "__init__.py"
        module.write_text("WHO = 'stand-in'")
        emulator = make(stand_ins={"databricks-feature-engineering": tmp_path / "library"})
        code = "from databricks.feature_engineering import WHO\nprint(WHO)"
        _, asked = run(emulator, code, dependencies=["databricks_feature_engineering==0.18.0"])
        assert asked.logs == "stand-in\n"
        _, unasked = run(emulator, code)
        assert unasked.error.startswith("ModuleNotFoundError")

    def test_what_its_libraries_bring(self, make: Make) -> None:
        emulator = make(versions={"pandas": "1.5.0", "python": "3.10"})
        code = """
            import importlib.metadata, importlib.util, sys
            print(sys.version_info[:2], importlib.metadata.version("pandas"))
            names = ("dagster", "dagster_databricks", "lightgbm", "mine")
            print([name for name in names if importlib.util.find_spec(name)])
        """
        _, output = run(emulator, code, dependencies=["dagster"])
        assert output.logs.splitlines() == ["(3, 10) 1.5.0", "['dagster']"]
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("mine.py", "")
        upload(client_of(emulator), f"{VOLUME}/mine-1.0-py3-none-any.whl", wheel.getvalue())
        libraries = [{"pypi": {"package": "dagster-pyspark"}}, {"whl": f"{VOLUME}/mine-1.0-py3-none-any.whl"}]
        ml_runtime = {**CLASSIC, "spark_version": "16.4.x-cpu-ml-scala2.12"}
        _, output = run(emulator, code, cluster=ml_runtime, libraries=libraries)
        assert output.logs.splitlines()[1] == "['dagster', 'lightgbm', 'mine']"
        assert [one.replaced for one in emulator.runs] == [(), ("pyspark",)]

    def test_files_of_the_workspace(self, emulator: Emulator) -> None:
        code = """
            import json, os, pathlib, shutil, sys, tempfile, zipfile
            volume = pathlib.Path("/Volumes/dev/app/staging")
            (volume / "new").mkdir()
            with tempfile.TemporaryDirectory() as folder:
                with zipfile.ZipFile(f"{folder}/code.zip", "w") as archive:
                    archive.writestr("shipped/__init__.py", "from shipped.part import NAME")
                    archive.writestr("shipped/part.py", "NAME = 'from the archive'")
                shutil.copy(f"{folder}/code.zip", volume / "new/code.zip")
            sys.path.insert(1, str(volume / "new/code.zip"))
            import shipped
            answers = [shipped.NAME, sorted(os.listdir(volume)), [str(path) for path in volume.glob("**/*.zip")]]
            for mode in ("a", "r+"):
                try:
                    open(volume / "new/code.zip", mode)
                except OSError as error:
                    answers.append(error.strerror)
            try:
                open("/Volumes/dev/app/staging/none")
            except FileNotFoundError as error:
                answers.append(error.filename)
            half = open(volume / "half", "w")
            half.write("written")
            half.flush()
            answers.append((volume / "half").exists())
            half.close()
            os.replace(volume / "half", volume / "whole")
            answers.append(((volume / "whole").read_text(), (volume / "half").exists()))
            pathlib.Path("/tmp/mine").write_text("1")
            print(json.dumps(answers))
        """
        _, output = run(emulator, code)
        unsupported = os.strerror(95)
        assert output.error is None
        assert pd.read_json(io.StringIO(output.logs), typ="series").tolist() == [
            "from the archive",
            ["new"],
            [f"{VOLUME}/new/code.zip"],
            unsupported,
            unsupported,
            f"{VOLUME}/none",
            False,
            ["written", False],
        ]
        assert not Path("/tmp/mine").exists()
        assert emulator.staged() == [f"{VOLUME}/new/code.zip", f"{VOLUME}/whole"]

    def test_secrets_by_dbutils_and_by_reference(self, emulator: Emulator, client: WorkspaceClient) -> None:
        client.secrets.create_scope("pipeline")
        client.secrets.put_secret("pipeline", "key", string_value="s3cret")
        code = """
            import os
            from databricks.sdk.runtime import dbutils as imported
            assert imported.secrets.get("pipeline", "key") == "s3cret"
            listed = [item.name for item in dbutils.fs.ls("/Volumes/dev/app")]
            print(dbutils.secrets.get("pipeline", "key"), os.environ["KEY"], listed)
            dbutils.secrets.get(scope="pipeline", key="none")
        """
        cluster = {**CLASSIC, "spark_env_vars": {"KEY": "{{secrets/pipeline/key}}"}}
        _, output = run(emulator, code, cluster=cluster, libraries=[{"pypi": {"package": "databricks-sdk"}}])
        assert output.logs.splitlines()[0] == "s3cret s3cret ['staging/']"
        assert output.error == ("IllegalArgumentException: Secret does not exist with scope: pipeline and key: none")
        ended, _ = run(emulator, code, cluster={**CLASSIC, "spark_env_vars": {"KEY": "{{secrets/none/key}}"}})
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.INVALID_CLUSTER_REQUEST

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("SINGLE_USER", "True True"), ("USER_ISOLATION", "True False"), ("NONE", "False True")],
    )
    def test_access_mode_decides_what_there_is(self, emulator: Emulator, mode: str, expected: str) -> None:
        code = "import os; print(os.path.exists('/Volumes/dev/app/staging'), 'sc' in globals())"
        _, output = run(emulator, code, cluster={**CLASSIC, "data_security_mode": mode})
        assert output.logs.strip() == expected

    def test_spark_and_tables_of_unity_catalog(
        self, emulator: Emulator, client: WorkspaceClient, tmp_path: Path
    ) -> None:
        write_deltalake(tmp_path / "trips", pd.DataFrame({"zip": [1, 1, 2], "fare": [10.0, 20.0, 5.0]}))
        emulator.unity_catalog.add_table("samples.nyctaxi.trips", tmp_path / "trips")
        reader = """
            import time
            print(spark.catalog.tableExists("dev.app.fares"), flush=True)
            while not (spark.catalog.tableExists("dev.app.fares") and spark.table("dev.app.fares").count() == 2):
                time.sleep(0.02)
        """
        writer = """
            from databricks.connect import DatabricksSession
            from pyspark.sql import SparkSession, functions as F
            session = SparkSession.builder.getOrCreate()
            assert session is DatabricksSession.builder.getOrCreate()
            rows = session.table("samples.nyctaxi.trips").groupBy("zip").agg(F.sum("fare").alias("fare"))
            rows.limit(0).write.format("delta").mode("ignore").partitionBy("zip").saveAsTable("dev.app.fares")
            for zip in (1, 2):
                writer = rows.where(F.col("zip") == zip).write.format("delta").mode("overwrite")
                writer.option("replaceWhere", f"zip = {zip}").saveAsTable("dev.app.fares")
            print(spark.catalog.tableExists("dev.app.fares"), spark.catalog.tableExists("dev.app.none"))
            print(spark.sql("DESCRIBE HISTORY dev.app.fares LIMIT 1").collect()[0]["version"])
            rows.write.parquet("/Volumes/dev/app/staging/rows")
            stored = spark.read.parquet("/Volumes/dev/app/staging/rows")
            print(stored.count(), spark.conf.get("spark.sql.session.timeZone"))
            rows.write.saveAsTable("dev.none.fares")
        """
        submit(emulator, reader)
        wait_for(lambda: emulator.task_log(emulator.runs[0]) == "False\n", 20)
        _, output = run(emulator, writer)
        assert output.logs.splitlines()[:3] == ["True False", "2", "2 UTC"]
        assert "SCHEMA_NOT_FOUND" in output.error
        assert emulator.runs[0].outcome.result is jobs.RunResultState.SUCCESS  # a task that ran before saw the table
        assert client.tables.get("dev.app.fares").table_type is catalog.TableType.MANAGED
        stored = DeltaTable(emulator.unity_catalog.table_folder("dev.app.fares")).to_pandas()
        assert dict(zip(stored["zip"], stored["fare"], strict=True)) == {1: 30.0, 2: 5.0}


class TestFaults:
    def test_errors_by_rule(self, emulator: Emulator, client: WorkspaceClient) -> None:
        upload(client, f"{VOLUME}/x", "1")
        fault = emulator.fail("GET", "/fs/files/.*/x", 500, times=2, skip=1)
        client.files.download(f"{VOLUME}/x")
        for _ in range(2):
            with pytest.raises(InternalError, match="injected"):
                client.files.download(f"{VOLUME}/x")
        client.files.download(f"{VOLUME}/x")
        assert fault.hits == 2
        emulator.fail(path="scim", status=504, times=None, seconds=0.1, message="slow")
        with pytest.raises(DatabricksError, match="slow"):
            client.current_user.me()
        time.sleep(0.1)
        client.current_user.me()

    def test_throttling_is_retried_by_the_client(self, emulator: Emulator) -> None:
        client = WorkspaceClient(host=emulator.url, token=emulator.token)
        emulator.fail("GET", "scim", 429, retry_after=0)
        assert client.current_user.me().id == "1001"
        assert [call.status for call in emulator.calls.matching("GET", "scim")] == [429, 200]
        emulator.fail("GET", "scim", 503, error_code="TEMPORARILY_UNAVAILABLE")
        with pytest.raises((TemporarilyUnavailable, TimeoutError)):
            client_of(emulator, http_timeout_seconds=1).current_user.me()

    @pytest.mark.parametrize(("how", "was_done"), [("reset", False), ("lose_reply", True)])
    def test_connections_break_before_or_after(self, emulator: Emulator, how: str, was_done: bool) -> None:
        emulator.fail("PUT", **{how: True})
        url, headers = f"{emulator.url}/api/2.0/fs/files{VOLUME}/x", {"Authorization": f"Bearer {emulator.token}"}
        with pytest.raises(requests.ConnectionError):
            requests.put(url, data=b"1", headers=headers, timeout=5)
        assert bool(emulator.staged()) is was_done
        assert emulator.calls.matching("PUT")[0].status == 0

    def test_unreachable_and_slow(self, make: Make) -> None:
        emulator = make(latency=0.05)
        url, headers = f"{emulator.url}/api/2.0/preview/scim/v2/Me", {"Authorization": f"Bearer {emulator.token}"}
        with emulator.unreachable(), pytest.raises(requests.ConnectionError):
            requests.get(url, headers=headers, timeout=5)
        emulator.fail(delay=0.1)
        assert requests.get(url, headers=headers, timeout=5).elapsed.total_seconds() >= 0.15
        assert requests.get(url, headers=headers, timeout=5).elapsed.total_seconds() >= 0.05
        assert emulator.calls.matching(path="scim")[-1].seconds >= 0.05

    def test_a_killed_task(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "import time; print('up', flush=True); time.sleep(60)")
        wait_for(lambda: emulator.task_log(emulator.runs[0]))
        emulator.kill_task(emulator.runs[0])
        emulator.wait_until_idle()
        ended = client_of(emulator).jobs.get_run(run_id)
        output = client_of(emulator).jobs.get_run_output(ended.tasks[0].run_id)
        assert (ended.state.result_state.value, output.logs) == ("FAILED", "up\n")
        assert "kernel is unresponsive" in output.error

    def test_a_lost_cluster(self, emulator: Emulator) -> None:
        run_id = submit(emulator, "import time; time.sleep(60)", cluster=CLASSIC)
        wait_for(lambda: emulator.runs[0].process)
        emulator.lose_cluster(emulator.runs[0])
        emulator.wait_until_idle()
        ended = client_of(emulator).jobs.get_run(run_id)
        assert ended.status.termination_details.type is jobs.TerminationTypeType.CLOUD_FAILURE
        assert "SPOT_INSTANCE_TERMINATION" in ended.state.state_message

    def test_volumes_that_cannot_be_written_for_a_while(self, emulator: Emulator) -> None:
        emulator.make_volumes_unwritable(0.6)
        code = """
            import time
            failures, start = 0, time.monotonic()
            while time.monotonic() - start < 20:
                try:
                    open("/Volumes/dev/app/staging/x", "w").close()
                    break
                except OSError as error:
                    failures, reason = failures + 1, error.strerror
                time.sleep(0.02)
            print(failures > 0 and reason)
        """
        _, output = run(emulator, code)
        assert output.logs.strip() in (os.strerror(5), "False")  # False: the task started after the time was over
        assert emulator.staged() == [f"{VOLUME}/x"]

    def test_files_of_tasks_show_up_late(self, emulator: Emulator, client: WorkspaceClient) -> None:
        emulator.delay_task_files(1.0)
        upload(client, f"{VOLUME}/mine", "1")
        run(emulator, "open('/Volumes/dev/app/staging/theirs', 'w').close()")
        assert [entry.name for entry in client.files.list_directory_contents(VOLUME)] == ["mine"]
        with pytest.raises(NotFound):
            client.files.download(f"{VOLUME}/theirs")
        wait_for(lambda: len(list(client.files.list_directory_contents(VOLUME))) == 2)

    def test_a_cancel_without_effect(self, emulator: Emulator, client: WorkspaceClient) -> None:
        emulator.ignore_cancel()
        run_id = submit(emulator, "import time; time.sleep(0.3)")
        client.jobs.cancel_run(run_id)
        emulator.wait_until_idle()
        assert client.jobs.get_run(run_id).state.result_state.value == "SUCCESS"

    def test_tasks_end_with_the_workspace(self, tmp_path: Path) -> None:
        session = requests.Session()
        with Emulator(tmp_path / "workspace") as emulator:
            url, headers = f"{emulator.url}/api/2.0/preview/scim/v2/Me", {"Authorization": f"Bearer {emulator.token}"}
            session.get(url, headers=headers, timeout=5)
            submit(emulator, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
            wait_for(lambda: emulator.task_log(emulator.runs[0]))
            process = int(emulator.task_log(emulator.runs[0]))
        assert not is_alive(process)
        with pytest.raises(requests.ConnectionError):
            session.get(url, headers=headers, timeout=5)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    status = Path(f"/proc/{process}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
