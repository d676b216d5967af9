"""Signing in to a target's workspace: the one place that makes a client of databricks-sdk."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.explained_calls import explain_calls, sign_in_error
from mlops_core.config import WorkspaceAddress, parsed_host

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

ROUTING = "X-Databricks-Workspace-Id", "X-Databricks-Org-Id"
"""Headers that select a workspace where several share one host: the current name and its predecessor."""


def workspace_client(address: WorkspaceAddress | None, **options: Any) -> WorkspaceClient:
    """A client of the workspace at `address`; without one, the SDK's unified authentication finds it.

    Errors of its calls are sentences (`explain_calls`). `options` are others of `databricks.sdk.core.Config`.

    Raises:
        SignInError: no authentication method works there, or none in the time that a call may take.
        NotDatabricksError, requests.RequestException: a page, or nobody, answered where the SDK signs in.
    """
    from databricks.sdk import WorkspaceClient

    from mlops_core.adapters.sign_in_config import SignInConfig

    where = {"host": address.host, "profile": address.profile, **address.sign_in} if address else {}
    try:
        config = SignInConfig(**where, **options, debug_headers=False)  # they would show the token in a log
    except ValueError as error:
        raise sign_in_error(address.host if address else "the Databricks workspace", error) from error
    if address and address.workspace_id:
        _route(config, dict.fromkeys(ROUTING, address.workspace_id))
    return explain_calls(WorkspaceClient(config=config))


def take_plain_host(environ: MutableMapping[str, str]) -> None:
    """Reduce DATABRICKS_HOST to the host, for MLflow, which reads it directly and can't handle a query or a path."""
    if written := environ.get("DATABRICKS_HOST"):
        address = parsed_host(written, "The environment's DATABRICKS_HOST")
        environ["DATABRICKS_HOST"] = address.host
        if address.workspace_id:
            environ.setdefault("DATABRICKS_WORKSPACE_ID", address.workspace_id)


@contextmanager
def profile_alone(uri: str, environ: MutableMapping[str, str]) -> Iterator[None]:
    """Within, an MLflow address that names a profile has the workspace and the sign-in of that profile.

    databricks-sdk puts the environment over a profile: in a pod, `databricks://staging` would be its own workspace.
    """
    from databricks.sdk.core import Config

    names = {attribute.env for attribute in Config.attributes()} - {"DATABRICKS_CONFIG_FILE"}
    hidden = names & set(environ) if uri.startswith("databricks://") else set()
    kept = {name: environ.pop(name) for name in hidden}
    try:
        yield
    finally:
        environ.update(kept)


def _route(config: Config, headers: dict[str, str]) -> None:
    """Add `headers` to the authentication headers: databricks-sdk below 0.61 can't select a workspace on a host."""
    signed_in = config.authenticate
    config.authenticate = lambda: {**signed_in(), **headers}  # type: ignore[method-assign]
