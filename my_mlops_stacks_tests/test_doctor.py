"""The doctor on an emulated workspace that lacks one thing at a time, and on this machine."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import catalog, iam

from databricks_emulator import Emulator
from mlops_core.adapters.doctor.compute import ENVIRONMENTS
from mlops_core.adapters.doctor.finding import Finding
from mlops_core.cli.doctor import examine, main
from mlops_core.config import load_target, parsed_host
from my_mlops_stacks.project import PROJECT

VOLUME = "staging.my_mlops_stacks.staging"
SCHEMA, TRIPS = VOLUME.rpartition(".")[0], "samples.nyctaxi.trips"
MODEL, EXPERIMENT = f"{SCHEMA}.fare_model", "/Shared/my_mlops_stacks-staging"
FOREIGN = ("ARM_", "BUNDLE_VAR_", "DATABRICKS_", "MLFLOW_", "MLOPS_")
RUNTIME = {"new_cluster": {"spark_version": "16.4.x-scala2.12"}}
SAME_VERSIONS = "99"
"""An environment version with the Python and the pyspark of this machine."""
Findings = dict[str, list[Finding]]


@pytest.fixture(autouse=True)
def _only_what_the_test_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    here = (f"{sys.version_info.major}.{sys.version_info.minor}", ".".join(version("pyspark").split(".")[:2]))
    monkeypatch.setitem(ENVIRONMENTS, SAME_VERSIONS, here)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The staging workspace, after the bundle was deployed by the identity that now asks."""
    with Emulator(tmp_path / "workspace") as emulated:
        emulated.unity_catalog.add_volume(VOLUME)
        emulated.unity_catalog.add_table(TRIPS, tmp_path)
        emulated.ml_artifacts.add_model(MODEL)
        emulated.ml_artifacts.add_experiment(EXPERIMENT)
        chosen = {"DATABRICKS_AUTH_TYPE": "pat", "BUNDLE_VAR_trips_table": TRIPS}
        for name, value in {**emulated.environment(), **chosen}.items():
            monkeypatch.setenv(name, value)
        yield emulated


def examined(write_test: bool = False, compute: dict[str, Any] | None = None) -> Findings:
    """What is found of staging, by check; its steps run where versions are these, unless `compute` says another."""
    found: Findings = {}
    target = load_target(PROJECT, "staging").model_copy(update={"compute": compute or serverless(SAME_VERSIONS)})
    for check, finding in examine(PROJECT, target, write_test):
        assert bool(finding.fix) is (finding.state != "ok"), finding
        found.setdefault(check, []).append(finding)
    return found


def serverless(environment_version: str) -> dict[str, Any]:
    return {"kind": "worker", "serverless": True, "environment_version": environment_version}


def failures(found: Findings) -> dict[str, str]:
    return {check: one.said for check, all_of in found.items() for one in all_of if one.state == "failed"}


def test_a_workspace_with_everything_has_nothing_to_fix(workspace: Emulator) -> None:
    found = examined()
    assert failures(found) == {}
    assert found["sign-in"] == [Finding("ok", "Signed in as pipeline@example.com by pat")]
    assert [one.said for one in found["experiment"]] == [
        f"Experiment {EXPERIMENT} exists",
        f"pipeline@example.com may write runs of {EXPERIMENT}",
    ]
    assert "model_training_schedule" in found["schedules"][0].said


def test_it_reads_only(workspace: Emulator) -> None:
    examined()
    assert workspace.calls.count("GET") > 10
    assert workspace.calls.count("^(POST|PUT|PATCH|DELETE)") == 0


def test_the_write_test_leaves_nothing(workspace: Emulator) -> None:
    [finding] = examined(write_test=True)["volume write"]
    assert finding.state == "ok"
    assert workspace.calls.count("PUT", "/api/2.0/fs/files/Volumes/staging/my_mlops_stacks/staging/doctor-") == 1
    assert workspace.staged() == []


def test_a_volume_that_can_not_be_written_is_said(workspace: Emulator) -> None:
    workspace.fail("PUT", "/fs/files/", 403, message="User does not have WRITE VOLUME", times=None)
    assert "does not have WRITE VOLUME" in failures(examined(write_test=True))["volume write"]


def test_a_missing_catalog_is_said_once_and_the_rest_is_still_checked(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_catalog", "nowhere")
    found = examined()
    assert failures(found) == {"catalog": "Catalog nowhere does not exist"}
    for check in ("schema", "volume", "grants", "model"):
        assert found[check][0].said == "Not checked, because catalog failed"
    assert found["experiment"][-1].state == "ok"
    assert found["trips"][-1].state == "ok"


@pytest.mark.parametrize(
    ("variable", "check", "said"),
    [
        ("schema", "schema", "Schema staging.none does not exist"),
        ("staging_volume_name", "volume", f"Volume {SCHEMA}.none does not exist"),
        ("model_name", "model", f"Model {SCHEMA}.none does not exist"),
        ("experiment", "experiment", "Experiment none does not exist"),
    ],
)
def test_what_the_bundle_did_not_deploy_is_said_with_the_command_that_does(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, variable: str, check: str, said: str
) -> None:
    monkeypatch.setenv(f"BUNDLE_VAR_{variable}", "none")
    [finding] = examined()[check]
    assert (finding.said, finding.fix) == (said, "deploy the bundle: databricks bundle deploy -t staging")


def test_another_ones_schema_without_a_grant_is_said_with_the_grant(workspace: Emulator) -> None:
    workspace.unity_catalog.owner = "deployer"
    _grant(("catalog", "staging", "users", "USE_CATALOG"), ("schema", SCHEMA, "pipeline@example.com", "USE_SCHEMA"))
    _grant(("schema", SCHEMA, "account users", "SELECT"), ("volume", VOLUME, "pipeline@example.com", "ALL_PRIVILEGES"))
    found = examined()
    lacking = "CREATE TABLE, CREATE MODEL, MODIFY, EXECUTE"
    assert failures(found) == {
        "grants": f"pipeline@example.com lacks {lacking} on schema {SCHEMA}",
        "model": f"pipeline@example.com lacks ALL PRIVILEGES on model {MODEL}",
        "experiment": f"pipeline@example.com may not write runs of {EXPERIMENT}",
    }
    fixes = [one.fix for one in found["grants"] if one.fix]
    assert fixes == [f"GRANT {lacking} ON SCHEMA `staging`.`my_mlops_stacks`", "let pipeline@example.com own both"]


def test_rights_that_were_granted_on_the_schema_are_enough(workspace: Emulator) -> None:
    workspace.unity_catalog.owner = "deployer"
    _grant(("catalog", "staging", "users", "USE_CATALOG"), ("schema", SCHEMA, "pipeline@example.com", "ALL_PRIVILEGES"))
    edit = iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_EDIT)
    WorkspaceClient().permissions.update("experiments", "1", access_control_list=[edit])
    assert failures(examined()) == {}


def test_trips_that_can_be_seen_and_not_read_are_said(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To find a table takes less than to read it."""
    monkeypatch.setenv("BUNDLE_VAR_trips_table", "lake.taxi.trips")
    workspace.unity_catalog.add_table("lake.taxi.trips", tmp_path)
    workspace.unity_catalog.owner = "deployer"
    fix = "GRANT SELECT ON TABLE `lake`.`taxi`.`trips`"
    assert [(one.state, one.fix) for one in examined()["trips"]] == [("ok", ""), ("failed", fix)]
    _grant(("table", "lake.taxi.trips", "pipeline@example.com", "SELECT"))
    assert [one.state for one in examined()["trips"]] == ["ok", "ok"]


def test_others_who_may_write_on_the_volume_are_a_warning(workspace: Emulator) -> None:
    _grant(("volume", VOLUME, "analysts", "WRITE_VOLUME"))
    [finding] = [one for one in examined()["grants"] if one.state == "warning"]
    assert finding.said.startswith("analysts may write on the staging volume")


def test_a_workspace_that_is_down_is_said_within_seconds(workspace: Emulator) -> None:
    workspace.fail("GET", "unity-catalog/catalogs", 503, times=None)
    started = time.monotonic()
    found = examined()
    assert time.monotonic() - started < 15
    assert failures(found)["catalog"].startswith("The workspace can't say: Timed out")
    assert found["compute"][0].state == "ok"


def test_an_experiment_that_can_not_be_seen_is_said(workspace: Emulator) -> None:
    workspace.fail("GET", "/experiments/get-by-name", 403, message="no permission", times=None)
    assert failures(examined()) == {"experiment": "The workspace refuses: no permission"}


def test_rights_that_can_not_be_seen_are_a_warning(workspace: Emulator) -> None:
    workspace.unity_catalog.owner = "deployer"
    workspace.fail("GET", "permissions/", 403, times=None)
    found = examined()
    assert failures(found) == {}
    assert {one.state for one in found["grants"]} == {"warning"}
    assert [one.state for one in found["experiment"]] == ["ok", "warning"]
    assert found["grants"][0].fix.startswith("ask its owner, deployer, whether pipeline@example.com holds USE_CATALOG")


def test_an_alert_channel_without_its_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_alert_channel", "teams")
    monkeypatch.delenv("ALERT_TEAMS_WEBHOOK_URL", raising=False)
    [finding] = examined()["schedules"]
    assert (finding.state, finding.fix) == ("warning", "set the environment variable ALERT_TEAMS_WEBHOOK_URL")


def test_settings_that_can_not_be_staged_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ml:hunter2@tracking.example.com")
    result = _run("--target", "staging")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "hunter2" not in result.output


def test_a_wrong_token_is_said_without_showing_it(workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi0123456789")
    result = _run("--target", "staging")
    assert result.exit_code == 1
    assert "failed  sign-in: The workspace does not let us in: Invalid access token" in result.output
    assert "Not checked, because sign-in failed" in result.output
    assert "dapi0123456789" not in result.output


@pytest.mark.parametrize("kind", ["closed port", "unknown name", "silence"])
def test_a_host_that_is_not_there_is_said_within_seconds(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("mlops_core.adapters.doctor.workspace.CALL_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hosts = {"unknown name": "https://adb-1.invalid", "silence": f"http://127.0.0.1:{port}"}
        if kind == "closed port":
            silent.close()
        monkeypatch.setenv("DATABRICKS_HOST", hosts.get(kind, f"http://127.0.0.1:{port}"))
        started = time.monotonic()
        found = examined()
        assert time.monotonic() - started < 10
    assert list(failures(found)) == ["workspace"]
    assert found["compute"][0].said == "Not checked, because workspace failed"


def test_the_workspace_is_said_with_where_it_was_read(workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    host = os.environ["DATABRICKS_HOST"].rstrip("/")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATABRICKS_WORKSPACE_ID", raising=False)  # which definitions of other tests may have left
    answers, *_ = examined()["workspace"]  # a team's own host may have more to say
    assert (answers.state, answers.said) == ("ok", f"{host} answers (The environment's DATABRICKS_HOST)")
    monkeypatch.setenv("DATABRICKS_HOST", f"{host}/?o=12345")
    monkeypatch.setenv("DATABRICKS_WORKSPACE_ID", "12345")  # or building the definitions would leave it behind
    answers, *others = examined()["workspace"]
    assert answers.said == f"{host}/?o=12345 answers (The environment's DATABRICKS_HOST)"
    routed = ("warning", f"MLflow asks {host} without saying that workspace 12345 is meant")
    assert routed in [(other.state, other.said) for other in others]


def test_a_host_that_only_the_bundle_says_is_one_that_mlflow_does_not_know(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = os.environ["DATABRICKS_HOST"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATABRICKS_HOST")
    address = parsed_host(host, "databricks.yml: workspace.host")
    target = load_target(PROJECT, "staging").model_copy(update={"workspace": address})
    found = [finding for name, finding in examine(PROJECT, target) if name == "workspace"]
    assert [finding.state for finding in found] == ["ok", "warning"]
    assert found[1].fix == f"set DATABRICKS_HOST to {address.url}, or name a profile in databricks.yml"


def test_the_placeholder_of_a_new_project_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://adb-xxxx.xx.azuredatabricks.net")
    said = failures(examined())["workspace"]
    assert said == "The host is the placeholder https://adb-xxxx.xx.azuredatabricks.net"


def test_federation_signs_in_with_a_projected_token(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a pod on Kubernetes does; what the federation policy must say is read from the token."""
    subject = "system:serviceaccount:dagster-staging:my-mlops-stacks"
    claims = {"iss": "https://oidc.example.com/", "sub": subject, "aud": ["databricks"]}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    (tmp_path / "token").write_text(f"e30.{payload}.signature\n")
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "file-oidc")
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", workspace.identity.client_id)
    found = examined()
    assert failures(found) == {}
    assert found["sign-in"][0].said == "Signed in as pipeline@example.com by file-oidc"
    assert f"issuer https://oidc.example.com/, subject {subject}" in found["variables"][0].said
    assert "signature" not in str(found)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABRICKS_AUTH_TYPE": "file-oidc", "DATABRICKS_CLIENT_ID": "1"}, "needs DATABRICKS_OIDC_TOKEN_FILE"),
        ({"DATABRICKS_AUTH_TYPE": "file-oidc", "DATABRICKS_OIDC_TOKEN_FILE": "/none"}, "The token can't be read"),
        ({"DATABRICKS_AUTH_TYPE": "azure-cli", "PATH": "/none"}, "azure-cli needs the program az"),
        ({"DATABRICKS_AUTH_TYPE": "azure-devops-oidc"}, "databricks-sdk below 0.61 does not know azure-devops-oidc"),
        ({"DATABRICKS_AUTH_TYPE": "azure-msi"}, "databricks-sdk below 0.61 does not know azure-msi"),
    ],
)
def test_variables_that_do_not_fit_are_said(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert said in failures(examined())["variables"]


def test_a_secret_that_lives_long_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "dose0123456789")
    warned = [one for one in examined()["variables"] if "DATABRICKS_CLIENT_SECRET" in one.said]
    assert [one.state for one in warned] == ["warning"]
    assert "dose0123456789" not in str(warned)


def test_a_python_that_steps_would_refuse_is_said() -> None:
    found = examined(compute=serverless("1"))  # Python 3.10, which this project does not run on
    assert failures(found)["versions"].startswith("python is 3.10 on the cluster but 3.1")


@pytest.mark.parametrize(("pyspark", "ok"), [("4.1.3", True), ("4.2.1", False)])
def test_a_pyspark_that_steps_would_refuse_is_said(monkeypatch: pytest.MonkeyPatch, pyspark: str, ok: bool) -> None:
    installed = {"python": "3.12.3", "dagster": version("dagster"), "mlflow": version("mlflow"), "pyspark": pyspark}
    monkeypatch.setattr("mlops_core.adapters.doctor.compute.installed_versions", lambda _: dict(installed))
    [finding] = examined(compute=serverless("5"))["versions"]
    assert (finding.state == "ok") is ok
    if not ok:
        assert finding.said.startswith("pyspark is 4.1 on the cluster but 4.2.1 on the Dagster host")
        assert finding.fix == "scripts/install_pyspark.sh 4.1 puts it into .venv"


def test_versions_of_a_cluster_that_nobody_knows_are_a_warning() -> None:
    [unknown, known] = examined(compute={"kind": "existing_cluster", "existing_cluster_id": "0123-1"})["versions"]
    assert unknown.said.startswith("Not known of cluster 0123-1: python (here 3.")
    assert known.said.startswith("This host agrees with cluster 0123-1: ")


def test_another_mlflow_than_the_clusters_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"python": "3.12.3", "dagster": version("dagster"), "mlflow": "2.22.0"}
    monkeypatch.setattr("mlops_core.adapters.doctor.compute.installed_versions", lambda _: dict(installed))
    said = failures(examined(compute=serverless("5")))["versions"]
    assert re.match(r"mlflow is 3\.\d+\.\d+ on the cluster but 2\.22\.0 on the Dagster host", said)


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        ({"kind": "job", "policy_id": "0A1B"}, "Cluster policy 0A1B does not exist"),
        ({"kind": "job", "instance_pool_id": "pool-1", **RUNTIME}, "Instance pool pool-1 does not exist"),
        ({"kind": "existing_cluster", "existing_cluster_id": "0123-1"}, "Cluster 0123-1 does not exist"),
    ],
)
def test_compute_that_is_missing_is_said(workspace: Emulator, compute: dict[str, str], said: str) -> None:
    assert failures(examined(compute=compute))["compute"] == said


def test_a_cluster_policy_that_exists_is_found(workspace: Emulator) -> None:
    policy = WorkspaceClient().cluster_policies.create(name="small", definition="{}").policy_id
    said = [one.said for one in examined(compute={"kind": "job", "policy_id": policy})["compute"]]
    assert f"Cluster policy {policy} exists" in said


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a laptop after `make setup`."""
    monkeypatch.setenv("BUNDLE_VAR_state_folder", str(tmp_path / "state"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "state" / "dagster"))
    (tmp_path / "state" / "mlflow").mkdir(parents=True)
    with sqlite3.connect(tmp_path / "state" / "mlflow" / "mlflow.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('0123abcd')")
    return tmp_path / "state"


def test_a_laptop_is_ready(laptop: Path) -> None:
    before = sorted(laptop.rglob("*"))
    result = _run("--target", "local", "--write-test")
    assert result.exit_code == 0, result.output
    assert "ok      sail: Sail started and counted to 10" in result.output
    assert "revision 0123abcd" in result.output
    assert sorted(laptop.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "said", "fix"),
    [
        (lambda file: file.unlink(), "does not exist", "make setup"),
        (
            lambda file: file.write_text("not a database" * 100),
            "is not MLflow's database",
            "remove it, then make setup",
        ),
    ],
)
def test_a_laptop_without_mlflows_tables_is_told_the_command(
    laptop: Path, spoil: Callable[[Path], object], said: str, fix: str
) -> None:
    spoil(laptop / "mlflow" / "mlflow.db")
    [finding] = [one for check, one in examine(PROJECT, load_target(PROJECT, "local")) if check == "mlflow"]
    assert (finding.state, finding.fix) == ("failed", fix)
    assert said in finding.said


def test_a_state_folder_that_is_a_file_is_said(laptop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "dagster"))
    [finding] = [one for check, one in examine(PROJECT, load_target(PROJECT, "local")) if check == "run history"]
    assert finding.said == f"{tmp_path / 'file'} can't be written"


def test_an_unknown_target_is_one_sentence() -> None:
    result = _run("--target", "production")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "staging" in result.output


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=PROJECT)


def _grant(*grants: tuple[str, str, str, str]) -> None:
    client = WorkspaceClient()
    for kind, name, principal, privilege in grants:
        change = catalog.PermissionsChange(principal=principal, add=[catalog.Privilege(privilege)])
        client.grants.update(kind, name, changes=[change])
