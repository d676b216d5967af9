"""The workspace of a target: connectivity, sign-in, and the client for its other checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from mlops_core.adapters.databricks_client import workspace_client
from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.config import Target, WorkspaceAddress

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.iam import User

CALL_S, RETRY_S = 10, 3
"""Time limit in seconds for a workspace that does not answer."""

NOT_FOUND = 404
"""Of a path that every workspace has: another site answers."""

PLACEHOLDER = "adb-xxxx"

ARTIFACTS = "resources/ml-artifacts-resource.yml"
"""Where the bundle names who may use what it deploys."""


@dataclass
class TargetWorkspace:
    """Where `target` is deployed, with a client that signs in as the step launcher with `settings` does."""

    target: Target
    settings: LauncherSettings

    @cached_property
    def client(self) -> WorkspaceClient:
        timing = {"http_timeout_seconds": CALL_S, "retry_timeout_seconds": RETRY_S}
        return workspace_client(self.settings.workspace, **timing)

    @cached_property
    def user(self) -> User:
        return self.client.current_user.me()

    @property
    def me(self) -> str:
        """An email address, or a service principal's application id."""
        return str(self.user.user_name)

    @property
    def principals(self) -> set[str]:
        """The principals whose rights the caller has."""
        return {self.me, "account users", *(str(group.display) for group in self.user.groups or ())}

    @property
    def deploy(self) -> str:
        """The fix for what the bundle provisions."""
        return f"deploy the bundle: databricks bundle deploy -t {self.target.name}"

    def name_in_bundle(self, right: str, resource: str) -> str:
        """The fix for a right on what the bundle provisions: each deploy takes away what was granted by hand."""
        return f"give {self.me} {right} on the {resource} in {ARTIFACTS}, and {self.deploy}"


Asked = ParamSpec("Asked")


def report_api_errors(
    look: Callable[Concatenate[TargetWorkspace, Asked], Iterable[Finding]],
) -> Callable[Concatenate[TargetWorkspace, Asked], Iterator[Finding]]:
    """Report API errors of `look` as findings."""

    @wraps(look)
    def guarded(workspace: TargetWorkspace, *args: Asked.args, **kwargs: Asked.kwargs) -> Iterator[Finding]:
        from databricks.sdk.errors import PermissionDenied

        try:
            yield from look(workspace, *args, **kwargs)
        except PermissionDenied as error:
            fix = f"let {workspace.me} see it: by {ARTIFACTS} what the bundle deploys, else by a grant"
            yield failed(f"The workspace refuses: {line(error)}", fix)
        except call_errors() as error:
            yield failed(f"The workspace can't say: {line(error)}", "try again, and see whether it works")

    return guarded


def reachable(workspace: TargetWorkspace) -> Iterator[Finding]:
    """Whether the host answers, and whether it is the one that the bundle deploys to."""
    import requests

    target, address = workspace.target, workspace.target.workspace_address
    host, declared = address.host, address.overruled
    if PLACEHOLDER in host:
        fix = f"write the workspace's address under targets.{target.name} in databricks.yml"
        yield failed(f"The host is the placeholder {host}", fix)
        return
    try:
        answer = requests.get(f"{host}/api/2.0/preview/scim/v2/Me", timeout=CALL_S)
    except requests.RequestException as error:
        fix = "see to the address, the network and its firewall"
        yield failed(f"{host} does not answer ({type(error).__name__})", fix)
        return
    if (answer.ok or answer.status_code == NOT_FOUND) and "html" in answer.headers.get("Content-Type", ""):
        fix = f"correct the host ({address.source}), or let the proxy in between pass calls of programs"
        yield failed(f"{host} answers with a web page, not as the API of Databricks does: {answer.url}", fix)
        return
    yield ok(f"{address.url} answers ({address.source})")
    if declared and PLACEHOLDER not in declared:
        fix = "make them the same, or steps run elsewhere than the bundle deploys"
        yield warning(f"DATABRICKS_HOST is {host}, and databricks.yml says {declared}", fix)
    yield from _signs_in_mlflow(address)


def _signs_in_mlflow(address: WorkspaceAddress) -> Iterator[Finding]:
    """MLflow signs in by itself, and does not read databricks.yml."""
    if address.profile is None and not os.environ.get("DATABRICKS_HOST") and "MLFLOW_TRACKING_URI" not in os.environ:
        fix = f"set DATABRICKS_HOST to {address.url}, or name a profile in databricks.yml"
        yield warning("MLflow does not know the workspace: it takes it from DATABRICKS_HOST or a profile", fix)
    if address.workspace_id and address.profile is None and address.url != address.host:
        fix = "write workspace_id into a profile of ~/.databrickscfg, and name it in databricks.yml or in "
        yield warning(
            f"MLflow asks {address.host} without saying that workspace {address.workspace_id} is meant",
            f"{fix}DATABRICKS_CONFIG_PROFILE",
        )


def signed_in(workspace: TargetWorkspace) -> Iterator[Finding]:
    try:
        yield ok(f"Signed in as {workspace.me} by {workspace.client.config.auth_type}")
    except call_errors() as error:
        fix = "see to the variables of DATABRICKS_AUTH_TYPE, and to the service principal's federation policy"
        yield failed(f"The workspace does not let us in: {line(error)}", fix)


def exists(kind: str, name: str, find: Callable[[], Any], fix: str) -> Finding:
    """Whether the object exists."""
    from databricks.sdk.errors import NotFound

    try:
        find()
    except NotFound:
        return failed(f"{kind} {name} does not exist", fix)
    return ok(f"{kind} {name} exists")


def line(error: BaseException) -> str:
    """The first line of an error's text, without the SDK's description of its own configuration."""
    return (str(error).splitlines() or [type(error).__name__])[0].partition(". Config: ")[0].rstrip(".")
