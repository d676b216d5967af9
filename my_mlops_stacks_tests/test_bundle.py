"""The files as the Databricks bundle that the CLI deploys: what can be said of them without a workspace."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from databricks.bundles.experiments import MlflowExperiment
from databricks.bundles.registered_models import RegisteredModel
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume

from mlops_core.config import load_target, variables_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.repository import RESOURCE_FILES

MODELS = {
    "schemas": Schema,
    "volumes": Volume,
    "registered_models": RegisteredModel,
    "experiments": MlflowExperiment,
}
ROOT = yaml.safe_load((PROJECT.folder / "databricks.yml").read_text())
INCLUDED = {name: yaml.safe_load((PROJECT.folder / "resources" / name).read_text()) for name in RESOURCE_FILES}
RESOURCES = INCLUDED["ml-artifacts-resource.yml"]["resources"]
RESOURCE_PATHS = [(kind, key) for kind, resources in RESOURCES.items() for key in resources]
TARGETS = list(ROOT["targets"])
DEPLOYED = [name for name in TARGETS if name != "local"]


def merged(base: Any, over: Any) -> Any:
    """Resources of a target are merged over the shared ones, mapping by mapping, as the CLI does."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merged(base.get(key), value) for key, value in over.items()}
    return over


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def references(value: Any) -> set[str]:
    return {reference for text in strings(value) for reference in re.findall(r"\$\{([^}]*)\}", text)}


def test_the_workflow_files_keep_the_names_of_mlops_stacks() -> None:
    included = {file.name for pattern in ROOT["include"] for file in PROJECT.folder.glob(pattern)}
    assert included >= set(RESOURCE_FILES)
    for file, content in INCLUDED.items():
        if "workflow" in file:
            name = file.removesuffix("-resource.yml").replace("-", "_")
            assert list(content) == ["variables"]
            assert list(content["variables"]) == [name]
            assert content["variables"][name]["type"] == "complex"


def test_every_variable_has_a_description() -> None:
    declared = {**ROOT["variables"]}
    for content in INCLUDED.values():
        declared |= content.get("variables", {})
    assert sorted(declared) == sorted(variables_of(PROJECT))
    assert all(declaration["description"] for declaration in declared.values())


def test_what_is_provisioned() -> None:
    assert RESOURCE_PATHS == [
        ("schemas", "schema"),
        ("volumes", "staging"),
        ("registered_models", "model"),
        ("experiments", "experiment"),
    ]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("kind", "key"), RESOURCE_PATHS)
def test_each_resource_is_one_that_databricks_knows(target: str, kind: str, key: str) -> None:
    resources = merged(RESOURCES, ROOT["targets"][target].get("resources", {}))
    assert resources.keys() == RESOURCES.keys()
    assert resources[kind].keys() == RESOURCES[kind].keys()
    assert MODELS[kind].from_dict(resources[kind][key]).as_dict() == resources[kind][key]


@pytest.mark.parametrize(("kind", "key"), RESOURCE_PATHS)
def test_the_check_of_the_resources_can_fail(kind: str, key: str) -> None:
    unknown = RESOURCES[kind][key] | {"colour": "blue"}
    with pytest.raises(ValueError, match="colour"):
        MODELS[kind].from_dict(unknown)

    wrong = copy.deepcopy(RESOURCES[kind][key])
    if kind == "experiments":
        wrong["permissions"][0]["level"] = "CAN_SMILE"
    elif kind == "volumes":
        wrong["volume_type"] = "CAN_SMILE"
    else:
        wrong["grants"][0]["privileges"] = ["CAN_SMILE"]
    with pytest.raises(ValueError, match="CAN_SMILE"):
        MODELS[kind].from_dict(wrong)


@pytest.mark.parametrize("target", TARGETS)
def test_every_reference_of_a_resource_is_one_that_the_cli_resolves(target: str) -> None:
    resources = merged(RESOURCES, ROOT["targets"][target].get("resources", {}))
    names = {f"resources.{kind}.{key}.name" for kind, key in RESOURCE_PATHS}
    assert references(resources) <= {f"var.{name}" for name in variables_of(PROJECT)} | names | {
        "bundle.name",
        "bundle.target",
    }
    assert {"var.catalog", "var.schema", "var.model_name", "var.experiment", "var.staging_volume_name"} <= references(
        RESOURCES
    )


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_code_location_looks_for_the_names_that_the_bundle_provisions(name: str) -> None:
    target = load_target(PROJECT, name, environ={})
    names = {
        "var.catalog": target.catalog,
        "var.schema": target.schema_name,
        "resources.schemas.schema.name": target.schema_name,
        "var.model_name": target.model_name,
        "var.staging_volume_name": target.staging_volume_name,
        "var.experiment": target.experiment,
    }

    def named(kind: str, key: str, *fields: str) -> list[str]:
        return [names[RESOURCES[kind][key][field].removeprefix("${").removesuffix("}")] for field in fields]

    address = ("catalog_name", "schema_name", "name")
    assert ".".join(named("registered_models", "model", *address)) == target.registered_model
    assert "/Volumes/" + "/".join(named("volumes", "staging", *address)) == target.staging_volume
    assert named("schemas", "schema", "catalog_name", "name") == [target.catalog, target.schema_name]
    assert named("experiments", "experiment", "name") == [target.experiment]


TEMPLATE = (PROJECT.folder.parent / "template" / "[[ project ]]" / "databricks.yml.jinja").read_text()


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_what_decides_on_models_is_in_no_folder_that_everybody_may_manage(name: str) -> None:
    """Folders hand their rights down, those of /Shared to everybody; here and in new projects."""
    assert not load_target(PROJECT, name, environ={}).experiment.startswith(("/Shared", "/Workspace/Shared"))
    target = re.search(rf"\n  {name}:\n(.*?)(\n  \w+:|$)", TEMPLATE, re.DOTALL)
    assert target and "      experiment: /Users/00000000-0000-0000-0000-000000000000/${bundle.name}" in target[1]


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_lets_the_cli_rename_what_it_provisions(name: str) -> None:
    """`mode: development` and `presets.name_prefix` prefix the names of schemas, models and experiments."""
    assert ROOT["targets"][name].get("mode") != "development"
    assert "presets" not in ROOT["targets"][name]
    assert "presets" not in ROOT


def test_the_targets_of_the_bundle() -> None:
    assert TARGETS == ["local", "dev", "test", "staging", "prod"]
    assert [name for name in TARGETS if ROOT["targets"][name].get("default")] == ["dev"]
    assert [name for name in TARGETS if ROOT["targets"][name].get("mode") == "production"] == ["prod"]
    assert [name for name in TARGETS if "workspace" in ROOT["targets"][name]] == DEPLOYED


def test_prod_keeps_its_tables_and_models_and_one_deployment() -> None:
    prod = ROOT["targets"]["prod"]
    protected = [
        (kind, key)
        for kind, resources in prod["resources"].items()
        for key, resource in resources.items()
        if resource == {"lifecycle": {"prevent_destroy": True}}
    ]
    assert protected == [("schemas", "schema"), ("registered_models", "model"), ("experiments", "experiment")]
    levels = {one["service_principal_name"]: one["level"] for one in prod["permissions"]}
    owner, reader = levels
    assert (levels[owner], levels[reader]) == ("CAN_MANAGE", "CAN_VIEW")
    assert prod["workspace"]["root_path"].startswith(f"/Workspace/Users/{owner}/")  # for whoever plans, too
    assert f"/Users/{owner}/" in prod["variables"]["experiment"]
    assert TEMPLATE.count(f"service_principal_name: {reader}\n        level: CAN_VIEW") == 1
    assert not any("resources" in ROOT["targets"][name] for name in TARGETS if name != "prod")


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_host_is_a_literal_url_and_nothing_else_of_a_sign_in(name: str) -> None:
    workspace = ROOT["targets"][name]["workspace"]
    assert re.fullmatch(r"https://adb-[\w.]+\.azuredatabricks\.net", workspace["host"])
    assert workspace.keys() <= {"host", "root_path"}


def test_nobody_but_the_deployer_may_write_the_requests_that_a_cluster_runs() -> None:
    assert "grants" not in RESOURCES["volumes"]["staging"]
    granted = {privilege for grant in RESOURCES["schemas"]["schema"]["grants"] for privilege in grant["privileges"]}
    assert granted == {"USE_SCHEMA"}
