"""The identities of pipelines in prod's workspace, by the names with which docs/mlops-setup.md lets them join."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.ml_artifacts import EVERYBODY, permissions_of
from mlops_core.adapters.doctor.unity_catalog import held
from mlops_core.adapters.doctor.workspace import ARTIFACTS, TargetWorkspace, report_api_errors

if TYPE_CHECKING:
    from databricks.sdk.service.iam import ServicePrincipal

PULL_REQUESTS, PLAN = "mlops-test", "mlops-prod-plan"
LIST = "databricks service-principals list"
ADMINISTRATORS = "admins"
"""The group of a workspace whose members see everybody in it."""


@report_api_errors
def pull_requests(workspace: TargetWorkspace) -> Iterator[Finding]:
    """Whether code that nobody has reviewed could sign in here."""
    found = _service_principals(workspace)
    ids = [str(one.application_id) for one in found if one.display_name == PULL_REQUESTS]
    if ids:
        fix = (
            "remove it (databricks service-principals delete), unless staging and prod share one workspace for a trial"
        )
        yield warning(f"{PULL_REQUESTS} ({ids[0]}), as which any pull request signs in, is in this workspace", fix)
    elif found and ADMINISTRATORS in workspace.principals:
        yield ok(f"None of the {len(found)} service principals of this workspace is {PULL_REQUESTS}")
    else:
        fix = f"run the doctor as an administrator of the workspace, or look with {LIST}"
        yield warning(f"{workspace.me} may not see all service principals, so perhaps not {PULL_REQUESTS}", fix)


@report_api_errors
def shows_challenger(workspace: TargetWorkspace, model: str, experiment: str) -> Iterator[Finding]:
    """Whether the pipeline of promotions can show its approver a challenger."""
    ids = [str(one.application_id) for one in _service_principals(workspace) if one.display_name == PLAN]
    if not ids:
        fix = f"let it join (docs/mlops-setup.md), or look as an administrator of the workspace: {LIST}"
        yield warning(f"{workspace.me} does not see {PLAN}, as which a challenger is shown to its approver", fix)
        return
    who = {ids[0], *EVERYBODY}
    lacking = [] if held(workspace, "model", model, who) & {"EXECUTE", "ALL_PRIVILEGES"} else [f"EXECUTE on {model}"]
    lacking += [] if who & set(permissions_of(workspace, experiment)) else [f"CAN_READ on {experiment}"]
    if lacking:
        fix = f"give it to {ids[0]} in {ARTIFACTS}, and {workspace.deploy}"
        yield failed(f"{PLAN} lacks {' and '.join(lacking)}, to show a challenger to its approver", fix)
    else:
        yield ok(f"{PLAN} may read {model} and {experiment}")


def _service_principals(workspace: TargetWorkspace) -> list[ServicePrincipal]:
    """Those that the caller may see."""
    from databricks.sdk.errors import PermissionDenied

    try:
        return list(workspace.client.service_principals.list(attributes="id,applicationId,displayName"))
    except PermissionDenied:
        return []
