"""The registered model and the experiment that the bundle deploys, and whether the caller may write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning
from mlops_core.adapters.doctor.unity_catalog import rights
from mlops_core.adapters.doctor.workspace import TargetWorkspace, exists, report_api_errors

if TYPE_CHECKING:
    from databricks.sdk.service.ml import ExperimentAccessControlResponse

WRITING = frozenset({"CAN_EDIT", "CAN_MANAGE"})
EVERYBODY = ("users", "account users")
NOBODY = "/Users/00000000-0000-0000-0000-000000000000/"
"""The home that a new project names in the place of its identity's."""


@report_api_errors
def model(workspace: TargetWorkspace, name: str) -> Iterator[Finding]:
    """Of this full name; new versions and aliases are for its owner, and for those who hold all privileges."""
    models = workspace.client.registered_models
    finding = exists("Model", name, lambda: models.get(name), workspace.deploy)
    yield finding
    if finding.state == "ok":
        yield rights(workspace, "model", name, ("ALL_PRIVILEGES",), models.get(name).owner)


@report_api_errors
def experiment(workspace: TargetWorkspace, name: str) -> Iterator[Finding]:
    from databricks.sdk.errors import PermissionDenied

    experiments = workspace.client.experiments
    if NOBODY in name:
        fix = f"write the application id of the pipeline's identity into experiment, under {_place(workspace)}"
        yield failed(f"Experiment {name} is in the home of nobody", fix)
        return
    finding = exists("Experiment", name, lambda: experiments.get_by_name(name), workspace.deploy)
    yield finding
    if finding.state != "ok":
        return
    try:
        levels = permissions_of(workspace, name)
    except PermissionDenied:
        fix = workspace.name_in_bundle("CAN_MANAGE", "experiment")
        yield warning(f"{workspace.me} may not see the permissions of {name}", fix)
        return
    yield from _who_writes(workspace, name, levels)


def permissions_of(workspace: TargetWorkspace, name: str) -> dict[str, frozenset[str]]:
    """The levels of everybody who is named in the permissions of an experiment or of its folders.

    Raises:
        databricks.sdk.errors.PermissionDenied: the caller does not manage it.
    """
    experiments = workspace.client.experiments
    found = experiments.get_by_name(name).experiment
    entries = experiments.get_permissions(str(found and found.experiment_id)).access_control_list or ()
    return {who: _levels(entry) for entry in entries for who in _names(entry)}


def _who_writes(workspace: TargetWorkspace, name: str, levels: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    held = {who: of_them & WRITING for who, of_them in levels.items()}
    if any(held.get(who) for who in workspace.principals):
        yield ok(f"{workspace.me} may write runs of {name}")
    else:
        yield failed(
            f"{workspace.me} may not write runs of {name}", workspace.name_in_bundle("CAN_MANAGE", "experiment")
        )
    if workspace.target.schedules == "running" and any(held.get(who) for who in EVERYBODY):
        said = f"Everybody may change the runs of {name}, by which models are validated and promoted"
        yield warning(said, f"move it to a folder of the identity's own, by experiment under {_place(workspace)}")


def _place(workspace: TargetWorkspace) -> str:
    return f"targets.{workspace.target.name} in databricks.yml"


def _names(entry: ExperimentAccessControlResponse) -> set[str]:
    return {name for name in (entry.user_name, entry.group_name, entry.service_principal_name) if name}


def _levels(entry: ExperimentAccessControlResponse) -> frozenset[str]:
    """Those of its folders too."""
    levels = (one.permission_level for one in entry.all_permissions or ())
    return frozenset(level.value for level in levels if level)
