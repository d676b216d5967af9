"""The doctor on an emulated workspace that lacks one thing at a time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pyarrow as pa
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import catalog, iam
from databricks.sdk.service.serving import EndpointCoreConfigInput, EndpointTag, ServedEntityInput
from deltalake import write_deltalake

from databricks_emulator import Emulator
from mlops_core.adapters.doctor.finding import Finding
from mlops_core.cli.doctor import examine
from mlops_core.config import Endpoint, load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.doctor.staging import (
    CATALOGS,
    EXPERIMENT,
    MODEL,
    SCHEMA,
    TRIPS,
    VOLUME,
    examined,
    failures,
    run_doctor,
)


def test_a_workspace_with_everything_has_nothing_to_fix(workspace: Emulator) -> None:
    found = examined()
    assert failures(found) == {}
    assert found["sign-in"] == [Finding("ok", "Signed in as pipeline@example.com by pat")]
    assert [one.said for one in found["experiment"]] == [
        f"Experiment {EXPERIMENT} exists",
        f"pipeline@example.com may write runs of {EXPERIMENT}",
    ]
    assert "model_training_schedule" in found["schedules"][0].said
    assert found["alerts"] == [
        Finding("warning", "Nobody is told when a run fails", "set alert_channel under staging in databricks.yml")
    ]


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


def test_what_is_lacking_of_the_bundle_is_granted_by_its_file_for_each_deploy_revokes_the_rest(
    workspace: Emulator,
) -> None:
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
    file = "in resources/ml-artifacts-resource.yml, and deploy the bundle: databricks bundle deploy -t staging"
    fixes = {check: [one.fix for one in all_of if one.fix] for check, all_of in found.items()}
    assert fixes["grants"] == [
        f"give pipeline@example.com {lacking} on the schema {file}",
        "let pipeline@example.com own both",
    ]
    assert fixes["model"] == [f"give pipeline@example.com ALL PRIVILEGES on the model {file}"]
    assert fixes["experiment"] == [f"give pipeline@example.com CAN_MANAGE on the experiment {file}"]


def test_what_the_bundle_does_not_own_is_granted_by_sql(workspace: Emulator) -> None:
    workspace.unity_catalog.owner = "deployer"
    _grant(("schema", SCHEMA, "pipeline@example.com", "ALL_PRIVILEGES"))
    [finding] = [one for one in examined()["grants"] if one.state == "failed"]
    assert finding.fix == "GRANT USE CATALOG ON CATALOG `staging` TO `pipeline@example.com`"


def test_an_experiment_that_everybody_may_change_is_a_warning(
    workspace: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    manage = iam.AccessControlRequest(group_name="users", permission_level=iam.PermissionLevel.CAN_MANAGE)
    WorkspaceClient().permissions.update("experiments", "1", access_control_list=[manage])
    warned = examined()["experiment"][-1]
    assert warned.state == "warning"
    assert warned.said.startswith(f"Everybody may change the runs of {EXPERIMENT}")
    assert "experiment under targets.staging in databricks.yml" in warned.fix
    monkeypatch.setenv("BUNDLE_VAR_schedules", "stopped")
    assert [one.state for one in examined()["experiment"]] == ["ok", "ok"]  # a place to try things


def test_the_home_that_a_new_project_names_is_said(workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUNDLE_VAR_experiment")
    placeholder = load_target(PROJECT, "staging").experiment
    monkeypatch.setenv("BUNDLE_VAR_experiment", "/Users/00000000-0000-0000-0000-000000000000/taxi")
    [finding] = examined()["experiment"]
    assert finding.said == "Experiment /Users/00000000-0000-0000-0000-000000000000/taxi is in the home of nobody"
    assert "under targets.staging in databricks.yml" in finding.fix
    assert placeholder.startswith("/Users/")  # of this project it is whatever its team has written


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
    fix = "GRANT SELECT ON TABLE `lake`.`taxi`.`trips` TO `pipeline@example.com`"
    assert [(one.state, one.fix) for one in examined()["trips"]] == [("ok", ""), ("failed", fix)]
    _grant(("table", "lake.taxi.trips", "pipeline@example.com", "SELECT"))
    assert [one.state for one in examined()["trips"]] == ["ok", "ok"]


def test_a_source_whose_arrivals_can_not_be_seen_is_said(
    workspace: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "arrival" not in examined()
    monkeypatch.setenv("BUNDLE_VAR_start", "arrival")
    [finding] = examined()["arrival"]
    assert (finding.state, finding.fix) == ("failed", "let start be schedule, or read a Delta table")
    assert finding.said == f"The catalog knows no Delta version of {TRIPS} (external, DELTA)"
    write_deltalake(tmp_path, pa.table({"fare_amount": [1.0]}))
    [finding] = examined()["arrival"]
    assert re.fullmatch(r"The source of trips is at version 0, made at 20\d\d-.* UTC", finding.said)


def test_others_who_may_write_on_the_volume_are_a_warning(workspace: Emulator) -> None:
    _grant(("volume", VOLUME, "analysts", "WRITE_VOLUME"))
    [finding] = [one for one in examined()["grants"] if one.state == "warning"]
    assert finding.said.startswith("analysts may write on the staging volume")


def test_a_workspace_that_is_down_is_said_within_seconds(workspace: Emulator) -> None:
    workspace.fail("GET", CATALOGS, 503, times=None)
    started = time.monotonic()
    found = examined()
    assert time.monotonic() - started < 15
    assert failures(found)["catalog"].startswith(f"The workspace can't say: GET {CATALOGS}")
    assert found["compute"][0].state == "ok"


def test_an_experiment_that_can_not_be_seen_is_said(workspace: Emulator) -> None:
    workspace.fail("GET", "/experiments/get-by-name", 403, message="no permission", times=None)
    found = failures(examined())
    assert list(found) == ["experiment"]
    assert re.fullmatch(
        r"The workspace refuses: GET /api/\S+ at http://\S+ failed: \w+: no permission", found["experiment"]
    )


def test_rights_that_can_not_be_seen_are_a_warning(workspace: Emulator) -> None:
    workspace.unity_catalog.owner = "deployer"
    workspace.fail("GET", "permissions/", 403, times=None)
    found = examined()
    assert failures(found) == {}
    assert {one.state for one in found["grants"]} == {"warning"}
    assert [one.state for one in found["experiment"]] == ["ok", "warning"]
    assert found["grants"][0].fix.startswith("ask its owner, deployer, whether pipeline@example.com holds USE_CATALOG")


def test_the_endpoint_that_a_target_asks_for_is_looked_at(workspace: Emulator) -> None:
    target = load_target(PROJECT, "staging")
    asking = target.model_copy(update={"endpoint": Endpoint(name="fares")})

    def found() -> list[Finding]:
        return [finding for check, finding in examine(PROJECT, asking) if check == "endpoint"]

    assert [finding.said for finding in found()] == [
        f"pipeline@example.com owns model {MODEL}",
        "Endpoint fares does not exist yet: the first champion creates it",
    ]
    client = WorkspaceClient(host=workspace.url, token=workspace.token)
    entity = ServedEntityInput(entity_name=MODEL, entity_version="3", workload_size="Small")
    client.serving_endpoints.create("fares", config=EndpointCoreConfigInput(served_entities=[entity]))
    client.serving_endpoints.get("fares")
    theirs = found()[-1]
    assert (theirs.state, theirs.said) == ("failed", f"Endpoint fares is that of {MODEL}")
    assert theirs.fix.endswith(f"give it the tag registered_model={MODEL} if it serves that model")
    client.serving_endpoints.patch("fares", add_tags=[EndpointTag("registered_model", MODEL)])
    assert found()[-1] == Finding("ok", "Endpoint fares serves version 3")
    assert not [check for check, _ in examine(PROJECT, target) if check == "endpoint"]


def test_an_alert_channel_without_its_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLE_VAR_alert_channel", "teams")
    monkeypatch.delenv("ALERT_TEAMS_WEBHOOK_URL", raising=False)
    found = examined()
    assert found["alerts"] == [Finding("ok", "alert_channel is teams")]
    [finding] = found["schedules"]
    assert (finding.state, finding.fix) == ("warning", "set the environment variable ALERT_TEAMS_WEBHOOK_URL")


def test_settings_that_can_not_be_staged_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ml:hunter2@tracking.example.com")
    result = run_doctor("--target", "staging")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "hunter2" not in result.output


def test_an_unknown_target_is_one_sentence() -> None:
    result = run_doctor("--target", "production")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "staging" in result.output


def _grant(*grants: tuple[str, str, str, str]) -> None:
    client = WorkspaceClient()
    for kind, name, principal, privilege in grants:
        change = catalog.PermissionsChange(principal=principal, add=[catalog.Privilege(privilege)])
        client.grants.update(kind, name, changes=[change])


def test_prod_has_no_place_for_the_identity_of_pull_requests(workspace: Emulator) -> None:
    assert "pull requests" not in examined()
    [finding] = examined(name="prod")["pull requests"]
    assert (finding.state, "so perhaps not mlops-test" in finding.said) == ("warning", True)
    workspace.identity.groups.append("admins")
    [finding] = examined(name="prod")["pull requests"]
    assert finding == Finding("ok", "None of the 1 service principals of this workspace is mlops-test")
    workspace.fail("GET", "ServicePrincipals", 403)
    assert [one.state for one in examined(name="prod")["pull requests"]] == ["warning"]
    application_id = workspace.identity.add_service_principal("mlops-test")
    [finding] = examined(name="prod")["pull requests"]
    assert (finding.state, finding.said.startswith(f"mlops-test ({application_id}), as which any")) == ("warning", True)


def test_who_shows_a_challenger_to_its_approver_may_read_it(workspace: Emulator) -> None:
    client = WorkspaceClient()
    assert "approver" not in examined(name="prod")

    def found() -> tuple[str, str]:
        [finding] = examined(name="prod", promotion="pipeline")["approver"]
        return finding.state, finding.said

    assert found() == (
        "warning",
        "pipeline@example.com does not see mlops-prod-plan, as which a challenger is shown to its approver",
    )
    planner = workspace.identity.add_service_principal("mlops-prod-plan")
    lacks = f"mlops-prod-plan lacks EXECUTE on {MODEL} and CAN_READ on {EXPERIMENT}, to show a challenger"
    assert found() == ("failed", f"{lacks} to its approver")
    change = catalog.PermissionsChange(principal=planner, add=[catalog.Privilege.EXECUTE])
    client.grants.update("function", MODEL, changes=[change])
    assert found() == (
        "failed",
        f"mlops-prod-plan lacks CAN_READ on {EXPERIMENT}, to show a challenger to its approver",
    )
    experiment = client.experiments.get_by_name(EXPERIMENT).experiment
    reader = iam.AccessControlRequest(service_principal_name=planner, permission_level=iam.PermissionLevel.CAN_READ)
    client.permissions.update("experiments", experiment.experiment_id, access_control_list=[reader])
    assert found() == ("ok", f"mlops-prod-plan may read {MODEL} and {EXPERIMENT}")
