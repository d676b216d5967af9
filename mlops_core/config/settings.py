"""From the bundle's files and the environment to the settings of one target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_core.config.errors import TargetError, listed
from mlops_core.config.files import ROOT_FILE, BundleFiles, read_files
from mlops_core.config.references import References, Value
from mlops_core.config.variables import Variables, only
from mlops_core.config.workspace_address import WrittenWorkspace

TARGET_KEYS = (  # the bundle CLI only warns about others, so that a misspelt `variables` would change nothing
    *("artifacts", "bundle", "cluster_id", "compute_id", "default", "git", "mode", "permissions", "presets"),
    *("resources", "run_as", "sync", "variables", "workspace"),
)


@dataclass(frozen=True)
class BundleSettings:
    """`variables` are ours; `environment` is what of the environment they were read from, to be set elsewhere too."""

    variables: Mapping[str, Value]
    workspace: WrittenWorkspace
    environment: Mapping[str, str]


def read_bundle(
    folder: Path, target: str, ours: Callable[[Collection[str]], Collection[str]], environ: Mapping[str, str]
) -> BundleSettings:
    """The value of each of `ours` for a target, references replaced, and what is written of its workspace.

    Args:
        ours: From the variables that the bundle declares to those that are expected of it.

    Raises:
        TargetError: a file, the target or a variable is missing, unknown or malformed.
    """
    files = read_files(folder)
    _check_target(files, target)
    expected = ours(files.mapping("variables"))
    variables = Variables(files, target, expected, environ)
    variables.check()
    read: set[str] = set()

    def value(name: str) -> Value:
        read.add(name)
        return variables.value(name)

    references = References(variables.declared, value, _settings(files, target))
    resolved = {name: references.resolved(name) for name in expected}
    for name, found in resolved.items():
        variables.check_shape(name, found)
    where = {key: _where(files, target, key) for key in ("host", "profile")}
    workspace = WrittenWorkspace(_section(files, target, "workspace"), where)
    return BundleSettings(resolved, workspace, variables.from_environment(sorted(read)))


def _check_target(files: BundleFiles, target: str) -> None:
    targets = files.mapping("targets")
    if target not in targets:
        raise TargetError(f"{ROOT_FILE} has no target {target!r}: MLOPS_TARGET should be one of {listed(targets)}.")
    only(files.mapping("targets", target), TARGET_KEYS, files.where("targets", target))
    if not files.mapping("bundle").get("name"):
        raise TargetError(f"{files.where('bundle', 'name')} is missing: give the bundle a name.")


def _settings(files: BundleFiles, target: str) -> dict[str, Any]:
    """What references may say of the bundle and the workspace without asking one."""
    of_target = {key: value for key, value in files.mapping("targets", target).items() if key in ("mode", "git")}
    bundle = {**_section(files, target, "bundle"), **of_target, "target": target}
    return {"bundle": bundle, "workspace": _section(files, target, "workspace")}


def _section(files: BundleFiles, target: str, key: str) -> dict[str, Any]:
    """A section of the root with the target's over it."""
    return {**files.mapping(key), **files.mapping("targets", target, key)}


def _where(files: BundleFiles, target: str, key: str) -> str:
    at_root = key in files.mapping("workspace") and key not in files.mapping("targets", target, "workspace")
    return files.where("workspace", key) if at_root else files.where("targets", target, "workspace", key)
