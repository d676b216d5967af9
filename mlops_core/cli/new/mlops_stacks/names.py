"""Names of a project, and what its targets have of their own."""

from __future__ import annotations

import re

from mlops_core.cli.new.mlops_stacks.bundle import Content, StacksBundle, items
from mlops_core.cli.new.mlops_stacks.imported import Imported, snake
from mlops_core.config.files import ROOT_FILE

TARGETS = ("dev", "test", "staging", "prod")
PLACEHOLDER = re.compile(r"xxxx|//your-|<|\$\{")
OUR_READERS = "account users"
KNOWN_VARIABLES = ("experiment_name", "model_name", "catalog_name")


def names(bundle: StacksBundle, found: Imported) -> None:
    """The project, its model, and the catalogs and hosts of its targets."""
    found.answers["project"] = found.project
    _model(bundle, found)
    found.answers["targets"] = {name: own for name in TARGETS if (own := _target(bundle, name, found))}
    for name in [name for name in bundle.targets if name not in TARGETS]:
        found.move(f"the target {name}", bundle.files.where("targets", name), f"{ROOT_FILE}: targets.{name}")
    _own_variables(bundle, found)
    if bundle.name == found.project:
        found.warn(
            f"Both bundles are called {bundle.name}, so the first deployment by the same identity would delete the old "
            f"one's jobs: change bundle.name in {found.project}/{ROOT_FILE}, or let it happen when you leave them."
        )


def _model(bundle: StacksBundle, found: Imported) -> None:
    target = bundle.targets[0]
    kind, model = _registered(bundle, target)
    there, schema = str(model.get("name") or ""), str(model.get("schema_name") or "")
    bare = re.sub(rf"^{re.escape(target)}[-_]|[-_]{re.escape(target)}$", "", there.rpartition(".")[2])
    if not snake(bare):
        return
    found.answers["model_name"] = snake(bare)
    full = ".".join(filter(None, (str(model.get("catalog_name") or ""), schema, there)))
    place = bundle.files.where("resources", kind) if kind else ROOT_FILE
    readers = f"who reads {full}, its endpoints and aliases (its versions stay there)"
    found.move(readers, place, f"{ROOT_FILE}: model_name")
    if kind == "models":
        found.warn(
            f"{there} is in the workspace's registry; a new one is in Unity Catalog, so each target needs a catalog."
        )
    _schema(schema, place, found)
    for principal in _readers(model):
        here = "resources/ml-artifacts-resource.yml: registered_models.model.grants"
        found.move(f"the right of '{principal}' to read the model", place, here)


def _schema(schema: str, place: str, found: Imported) -> None:
    if schema and snake(schema) == found.project:
        found.warn(
            f"The schema {schema} holds tables of MLOps Stacks, some of the same names as the new ones: "
            f"set the variable schema in {found.project}/{ROOT_FILE} to another name until they are gone."
        )
    elif schema:
        found.move(f"the schema {schema}, if it has no tables of the same names", place, f"{ROOT_FILE}: schema")


def _registered(bundle: StacksBundle, target: str) -> tuple[str, Content]:
    """The kind of registry, and the model in it; where none is deployed, what the variable says."""
    for kind in ("registered_models", "models"):
        for model in bundle.section(target, "resources", kind):
            return kind, bundle.section(target, "resources", kind, model)
    return "", {"name": bundle.variable(target, "model_name")}


def _readers(model: Content) -> list[str]:
    """Who may read it, but for those who may in a new project too."""
    grants = [str(grant.get("principal")) for grant in items(model, "grants")]
    groups = [str(each.get("group_name") or each.get("user_name")) for each in items(model, "permissions")]
    return [name for name in (*grants, *groups) if name not in (OUR_READERS, "users", "None")]


def _target(bundle: StacksBundle, name: str, found: Imported) -> dict[str, str]:
    if name not in bundle.targets:
        found.move(f"host and catalog of {name}, which no target has", ROOT_FILE, f"{ROOT_FILE}: targets.{name}")
        return {}
    workspace = bundle.section(name, "workspace")
    host, there = str(workspace.get("host") or ""), bundle.files.where("targets", name, "workspace")
    answer = {"host": host, "catalog": _catalog(bundle, name)}
    if not host or PLACEHOLDER.search(host):
        answer["host"] = ""
        profile = f", of the profile {workspace['profile']}" if workspace.get("profile") else ""
        found.move(f"the host{profile} (no address is written)", there, f"{ROOT_FILE}: targets.{name}.workspace.host")
    if not answer["catalog"]:
        found.move("the catalog, which it has none of", there, f"{ROOT_FILE}: targets.{name}.variables.catalog")
    if run_as := bundle.section(name, "run_as"):
        who = ", ".join(f"{key} {value}" for key, value in run_as.items())
        found.move(f"run_as: {who}", bundle.files.where("targets", name), f"{ROOT_FILE}: targets.{name}.run_as")
    return {key: value for key, value in answer.items() if value}


def _catalog(bundle: StacksBundle, target: str) -> str:
    _, model = _registered(bundle, target)
    stated = str(model.get("catalog_name") or "")
    return bundle.variable(target, "catalog_name") if not stated or "${" in stated else stated


def _own_variables(bundle: StacksBundle, found: Imported) -> None:
    for name in bundle.files.mapping("variables"):
        if name not in KNOWN_VARIABLES:
            there = bundle.files.where("variables", name)
            found.move(f"the variable {name} of your own", there, f"{ROOT_FILE}: variables.{name}")
    if stated := bundle.variable(bundle.targets[0], "experiment_name"):
        there = bundle.files.where("variables", "experiment_name")
        found.move(f"the experiment {stated}, if runs are to go on in it", there, f"{ROOT_FILE}: experiment")
