"""What the bundle deploys to Unity Catalog, and whether the caller may use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import BytesIO
from uuid import uuid4

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.workspace import TargetWorkspace, exists, report_api_errors
from mlops_core.adapters.sql_names import quoted_path
from mlops_core.adapters.step_launcher import preflight
from mlops_core.adapters.step_launcher.patient_calls import ClientSource
from mlops_core.adapters.step_launcher.workspace import Workspace

SCHEMA_RIGHTS = ("USE_SCHEMA", "CREATE_TABLE", "CREATE_MODEL", "SELECT", "MODIFY", "EXECUTE")
VOLUME_RIGHTS = ("READ_VOLUME", "WRITE_VOLUME")
OF_THE_BUNDLE = ("schema", "volume", "model")
SECURABLES = {"model": "function"}
"""The API's word for a kind, where it is another one."""


@report_api_errors
def catalog(workspace: TargetWorkspace) -> Iterator[Finding]:
    target = workspace.target
    fix = f"create it, or name another one under targets.{target.name} in databricks.yml"
    yield exists("Catalog", target.catalog, lambda: workspace.client.catalogs.get(target.catalog), fix)


@report_api_errors
def schema(workspace: TargetWorkspace) -> Iterator[Finding]:
    name = schema_name(workspace)
    yield exists("Schema", name, lambda: workspace.client.schemas.get(name), workspace.deploy)


@report_api_errors
def volume(workspace: TargetWorkspace) -> Iterator[Finding]:
    name = volume_name(workspace)
    yield exists("Volume", name, lambda: workspace.client.volumes.read(name), workspace.deploy)


@report_api_errors
def source(workspace: TargetWorkspace, events: str) -> Iterator[Finding]:
    """Whether the table is there, and, but for Databricks' own samples, which all may read, whether it may be read."""
    name, tables = str(workspace.target.sources[events].table), workspace.client.tables
    fix = f"grant SELECT on it to {workspace.me}, or name another {events}_table in databricks.yml"
    finding = exists("Table", name, lambda: tables.get(name), fix)
    yield finding
    if finding.state == "ok" and not name.startswith("samples."):
        yield rights(workspace, "table", name, ("SELECT",), tables.get(name).owner)


@report_api_errors
def grants(workspace: TargetWorkspace) -> Iterator[Finding]:
    """The rights of the caller, and who else may write on the volume: they could run code as the pipeline."""
    client, names = workspace.client, (workspace.target.catalog, schema_name(workspace), volume_name(workspace))
    yield rights(workspace, "catalog", names[0], ("USE_CATALOG",), client.catalogs.get(names[0]).owner)
    yield rights(workspace, "schema", names[1], SCHEMA_RIGHTS, client.schemas.get(names[1]).owner)
    yield rights(workspace, "volume", names[2], VOLUME_RIGHTS, client.volumes.read(names[2]).owner)
    asked_once = Workspace(
        ClientSource(workspace.settings), workspace.settings, logging.getLogger(__name__), patience_s=0.0
    )
    for sentence in preflight.findings(asked_once, workspace.target.staging_volume):
        said, _, fix = sentence.rpartition(": ")
        yield warning(said, fix.rstrip("."))


@report_api_errors
def volume_write(workspace: TargetWorkspace) -> Iterator[Finding]:
    """Write a file on the volume, read it, and remove it."""
    files, name = workspace.client.files, volume_name(workspace)
    path, text = f"{workspace.target.staging_volume}/doctor-{uuid4()}", b"Written by the doctor; may be removed."
    files.upload(path, BytesIO(text))
    try:
        contents = files.download(path).contents
        same = contents is not None and contents.read() == text
    finally:
        files.delete(path)
    if same:
        yield ok(f"A file was written on {name}, read, and removed")
    else:
        yield failed(f"{name} gave back something else than was written", "try again, then ask Databricks")


def rights(workspace: TargetWorkspace, kind: str, name: str, needed: tuple[str, ...], owner: str | None) -> Finding:
    """Whether the caller owns something, or holds what is needed, directly, by a group or from above.

    Only who manages something may see the rights on it, so that not to see them is no fault.
    """
    from databricks.sdk.errors import PermissionDenied

    if owner in workspace.principals:
        return ok(f"{workspace.me} owns {kind} {name}")
    try:
        has = held(workspace, kind, name, workspace.principals)
    except PermissionDenied:
        said = f"{workspace.me} may not see the rights on {kind} {name}"
        return warning(said, f"ask its owner, {owner}, whether {workspace.me} holds {', '.join(needed)}")
    lacking = [] if "ALL_PRIVILEGES" in has else [right for right in needed if right not in has]
    if not lacking:
        return ok(f"{workspace.me} holds {', '.join(needed)} on {kind} {name}")
    said = ", ".join(right.replace("_", " ") for right in lacking)
    by_hand = f"GRANT {said} ON {kind.upper()} {quoted_path(name)} TO `{workspace.me}`"
    fix = workspace.name_in_bundle(said, kind) if kind in OF_THE_BUNDLE else by_hand
    return failed(f"{workspace.me} lacks {said} on {kind} {name}", fix)


def held(workspace: TargetWorkspace, kind: str, name: str, principals: set[str]) -> set[str]:
    """The privileges on something that any of `principals` has, also from above.

    Raises:
        databricks.sdk.errors.PermissionDenied: the caller does not manage it.
    """
    found = workspace.client.grants.get_effective(SECURABLES.get(kind, kind), name)
    return {
        privilege.privilege.value
        for assignment in found.privilege_assignments or ()
        if assignment.principal in principals
        for privilege in assignment.privileges or ()
        if privilege.privilege
    }


def schema_name(workspace: TargetWorkspace) -> str:
    return f"{workspace.target.catalog}.{workspace.target.schema_name}"


def volume_name(workspace: TargetWorkspace) -> str:
    return f"{schema_name(workspace)}.{workspace.target.staging_volume_name}"
