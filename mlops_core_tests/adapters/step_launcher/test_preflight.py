"""Who may write on the staging volume, asked of the emulated workspace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import catalog

from mlops_core.adapters.step_launcher.preflight import findings
from mlops_core_tests.adapters.step_launcher.workbench import VOLUME, Workbench

NAME = VOLUME.removeprefix("/Volumes/").replace("/", ".")
MANAGE = catalog.Privilege.MANAGE
WRITE, READ, ALL = catalog.Privilege.WRITE_VOLUME, catalog.Privilege.READ_VOLUME, catalog.Privilege.ALL_PRIVILEGES


@pytest.fixture
def grant(workbench: Workbench) -> Callable[[str, str, str, catalog.Privilege], None]:
    client = WorkspaceClient()

    def change(kind: str, name: str, principal: str, privilege: catalog.Privilege) -> None:
        client.grants.update(kind, name, changes=[catalog.PermissionsChange(principal=principal, add=[privilege])])

    return change


def test_nothing_is_said_when_only_the_pipeline_may_write(workbench: Workbench, grant: Callable[..., None]) -> None:
    workspace = workbench.launcher.workspace()
    grant("volume", NAME, "analysts", READ)
    grant("volume", NAME, workspace.user_name(), WRITE)
    assert findings(workspace, VOLUME) == []


@pytest.mark.parametrize(("kind", "name"), [("volume", NAME), ("schema", NAME.rsplit(".", 1)[0])])
@pytest.mark.parametrize("privilege", [WRITE, ALL, MANAGE])
def test_others_who_may_write_are_named(
    workbench: Workbench, grant: Callable[..., None], kind: str, name: str, privilege: catalog.Privilege
) -> None:
    grant(kind, name, "analysts", privilege)
    [sentence] = findings(workbench.launcher.workspace(), VOLUME)
    assert sentence.startswith(f"analysts may write on the staging volume {NAME}")
    assert "leave WRITE VOLUME to" in sentence


def test_a_volume_that_is_missing_is_said(workbench: Workbench) -> None:
    [sentence] = findings(workbench.launcher.workspace(), "/Volumes/dev/app/none")
    assert sentence == "The staging volume dev.app.none does not exist: deploy the bundle, which declares it."


def test_a_step_warns_of_others_who_may_write(workbench: Workbench, grant: Callable[..., None]) -> None:
    grant("volume", NAME, "analysts", WRITE)
    for _ in range(2):  # also when the code is staged already
        result = workbench.materialize("numbers")
        assert result.success
        said = [entry.user_message for entry in workbench.instance.all_logs(result.run_id)]
        assert [text.startswith("analysts may write on the staging volume") for text in said].count(True) == 1


def test_another_owner_is_named(workbench: Workbench) -> None:
    workbench.emulator.unity_catalog.owner = "admins"
    [sentence] = findings(workbench.launcher.workspace(), VOLUME)
    assert sentence.startswith(f"admins may give themselves the right to write on the staging volume {NAME}")


@pytest.mark.parametrize("path", ["effective-permissions", "/volumes/", "/schemas/"])
@pytest.mark.parametrize("status", [400, 403])
def test_rights_that_can_not_be_read_are_said_and_fail_nothing(workbench: Workbench, path: str, status: int) -> None:
    workbench.emulator.fail("GET", path, status)
    [sentence] = findings(workbench.launcher.workspace(), VOLUME)
    assert sentence.startswith(f"The rights on the staging volume {NAME} can't be read (GET /api/")
    assert "injected by the emulator" in sentence
