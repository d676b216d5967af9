"""Signing in to a target's workspace: the one place that makes a client of databricks-sdk."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from mlops_core.config import WorkspaceAddress, parsed_host

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

ROUTING = "X-Databricks-Workspace-Id", "X-Databricks-Org-Id"
"""Headers that select a workspace where several share one host: the current name and its predecessor."""


def workspace_client(address: WorkspaceAddress | None, **options: Any) -> WorkspaceClient:
    """A client of the workspace at `address`; without one, the SDK's unified authentication finds it.

    `options` are others of `databricks.sdk.core.Config`.

    Raises:
        ValueError: no authentication method works there.
    """
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    if address is None:
        return WorkspaceClient(config=Config(**options))
    config = Config(host=address.host, profile=address.profile, **address.sign_in, **options)
    if address.workspace_id:
        _route(config, dict.fromkeys(ROUTING, address.workspace_id))
    return WorkspaceClient(config=config)


def take_plain_host(environ: MutableMapping[str, str]) -> None:
    """Reduce DATABRICKS_HOST to the host, for MLflow, which reads it directly and can't handle a query or a path."""
    if written := environ.get("DATABRICKS_HOST"):
        address = parsed_host(written, "The environment's DATABRICKS_HOST")
        environ["DATABRICKS_HOST"] = address.host
        if address.workspace_id:
            environ.setdefault("DATABRICKS_WORKSPACE_ID", address.workspace_id)


def _route(config: Config, headers: dict[str, str]) -> None:
    """Add `headers` to the authentication headers: databricks-sdk below 0.61 can't select a workspace on a host."""
    signed_in = config.authenticate
    config.authenticate = lambda: {**signed_in(), **headers}  # type: ignore[method-assign]
