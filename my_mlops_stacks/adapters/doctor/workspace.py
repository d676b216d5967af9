"""The workspace of a target: does it answer, does it let us in, and what its other checks ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

from my_mlops_stacks.adapters.doctor.finding import Finding, failed, ok, warning
from my_mlops_stacks.adapters.step_launcher.settings import LauncherSettings
from my_mlops_stacks.target import Target

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.iam import User

CALL_S, RETRY_S = 10, 3
"""A workspace that does not answer is said within seconds."""

PLACEHOLDER = "adb-xxxx"


@dataclass
class TargetWorkspace:
    """Where `target` is deployed, with a client that signs in as the step launcher with `settings` does."""

    target: Target
    settings: LauncherSettings

    @cached_property
    def client(self) -> WorkspaceClient:
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.core import Config

        timing = {"http_timeout_seconds": CALL_S, "retry_timeout_seconds": RETRY_S}
        return WorkspaceClient(config=Config(host=self.settings.host, **timing))

    @cached_property
    def user(self) -> User:
        return self.client.current_user.me()

    @property
    def me(self) -> str:
        """An email address, or a service principal's application id."""
        return str(self.user.user_name)

    @property
    def principals(self) -> set[str]:
        """Whose rights are the caller's."""
        return {self.me, "account users", *(str(group.display) for group in self.user.groups or ())}

    @property
    def deploy(self) -> str:
        """The fix for what the bundle provisions."""
        return f"deploy the bundle: databricks bundle deploy -t {self.target.name}"


Look = Callable[[TargetWorkspace], Iterable[Finding]]


def told(look: Look) -> Look:
    """`look`, with what a workspace refuses as a finding."""

    @wraps(look)
    def guarded(workspace: TargetWorkspace) -> Iterator[Finding]:
        from databricks.sdk.errors import DatabricksError, PermissionDenied
        from requests import RequestException

        try:
            yield from look(workspace)
        except PermissionDenied as error:
            yield failed(f"The workspace refuses: {line(error)}", f"grant {workspace.me} the right to see it")
        except (DatabricksError, RequestException, TimeoutError) as error:
            yield failed(f"The workspace can't say: {line(error)}", "try again, and see whether it works")

    return guarded


def reachable(workspace: TargetWorkspace) -> Iterator[Finding]:
    """Whether something answers at the host, and whether it is the one that the bundle deploys to."""
    import requests

    target = workspace.target
    host, declared = (str(url).rstrip("/") for url in (workspace.settings.host, target.workspace_host))
    if PLACEHOLDER in host:
        fix = f"write the workspace's address under targets.{target.name} in databricks.yml"
        yield failed(f"The host is the placeholder {host}", fix)
        return
    try:
        requests.get(f"{host}/api/2.0/preview/scim/v2/Me", timeout=CALL_S)
    except requests.RequestException as error:
        fix = "see to the address, the network and its firewall"
        yield failed(f"{host} does not answer ({type(error).__name__})", fix)
        return
    yield ok(f"{host} answers")
    if declared != host and PLACEHOLDER not in declared:
        fix = "make them the same, or steps run elsewhere than the bundle deploys"
        yield warning(f"DATABRICKS_HOST is {host}, and databricks.yml says {declared}", fix)


def signed_in(workspace: TargetWorkspace) -> Iterator[Finding]:
    from databricks.sdk.errors import DatabricksError
    from requests import RequestException

    try:
        yield ok(f"Signed in as {workspace.me} by {workspace.client.config.auth_type}")
    except (DatabricksError, RequestException, TimeoutError, ValueError) as error:
        fix = "see to the variables of DATABRICKS_AUTH_TYPE, and to the service principal's federation policy"
        yield failed(f"The workspace does not let us in: {line(error)}", fix)


def exists(kind: str, name: str, find: Callable[[], Any], fix: str) -> Finding:
    """Whether `find` finds it."""
    from databricks.sdk.errors import NotFound

    try:
        find()
    except NotFound:
        return failed(f"{kind} {name} does not exist", fix)
    return ok(f"{kind} {name} exists")


def line(error: BaseException) -> str:
    """The first line of an error's text, without the SDK's description of its own configuration."""
    return (str(error).splitlines() or [type(error).__name__])[0].partition(". Config: ")[0].rstrip(".")
