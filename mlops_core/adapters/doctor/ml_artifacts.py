"""The registered model and the experiment that the bundle deploys, and whether the caller may write them."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.unity_catalog import rights
from mlops_core.adapters.doctor.workspace import TargetWorkspace, exists, report_api_errors

WRITING = frozenset({"CAN_EDIT", "CAN_MANAGE"})


@report_api_errors
def model(workspace: TargetWorkspace) -> Iterator[Finding]:
    """New versions and aliases are for its owner, and for those who hold all privileges."""
    name, models = workspace.target.registered_model, workspace.client.registered_models
    finding = exists("Model", name, lambda: models.get(name), workspace.deploy)
    yield finding
    if finding.state == "ok":
        yield rights(workspace, "model", name, ("ALL_PRIVILEGES",), models.get(name).owner, securable="function")


@report_api_errors
def experiment(workspace: TargetWorkspace) -> Iterator[Finding]:
    from databricks.sdk.errors import PermissionDenied

    name, experiments = workspace.target.experiment, workspace.client.experiments
    finding = exists("Experiment", name, lambda: experiments.get_by_name(name), workspace.deploy)
    yield finding
    if finding.state != "ok":
        return
    found = experiments.get_by_name(name).experiment
    try:
        entries = experiments.get_permissions(str(found and found.experiment_id)).access_control_list or ()
    except PermissionDenied:
        yield warning(f"{workspace.me} may not see the permissions of {name}", "ask who manages it for CAN_MANAGE")
        return
    held = {
        permission.permission_level.value
        for entry in entries
        if {entry.user_name, entry.group_name, entry.service_principal_name} & workspace.principals
        for permission in entry.all_permissions or ()
        if permission.permission_level
    }
    if held & WRITING:
        yield ok(f"{workspace.me} may write runs of {name}")
    else:
        fix = f"give {workspace.me} CAN_MANAGE in resources/ml-artifacts-resource.yml, and {workspace.deploy}"
        yield failed(f"{workspace.me} may not write runs of {name}", fix)
