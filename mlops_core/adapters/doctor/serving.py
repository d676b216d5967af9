"""The serving endpoint that a target asks for: whose it is, and whether the caller may use its model."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.unity_catalog import rights
from mlops_core.adapters.doctor.workspace import TargetWorkspace, report_api_errors
from mlops_core.adapters.serving.databricks_config import TAG, described


@report_api_errors
def endpoint(workspace: TargetWorkspace, name: str, model: str) -> Iterator[Finding]:
    """Of this name, for the registered model of this full name."""
    from databricks.sdk.errors import NotFound
    from databricks.sdk.service.serving import ServingEndpointDetailedPermissionLevel

    serving, models = workspace.client.serving_endpoints, workspace.client.registered_models
    yield rights(workspace, "model", model, ("EXECUTE",), models.get(model).owner)
    try:
        found = serving.get(name)
    except NotFound:
        next(iter(serving.list()), None)  # refused where the workspace has no model serving
        yield ok(f"Endpoint {name} does not exist yet: the first champion creates it")
        return
    state = described(found, model)
    if state.tag != model or any(each != model for each in state.models):
        fix = f"set another name as endpoint.name, or give it the tag {TAG}={model} if it serves that model"
        yield failed(f"Endpoint {name} is that of {', '.join(state.models) or 'somebody else'}", fix)
    elif found.permission_level not in (None, ServingEndpointDetailedPermissionLevel.CAN_MANAGE):
        yield failed(
            f"{workspace.me} may not change the endpoint {name}", f"give {workspace.me} CAN MANAGE on its page"
        )
    elif state.error:
        yield warning(f"The last change of the endpoint {name} failed: {state.error}", "see its build logs")
    else:
        yield ok(f"Endpoint {name} serves {state.served or 'nothing yet'}")
