"""What a team writes for itself passes untouched, and what it writes of ours has the value that the CLI gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_core.config import load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.bundle.conftest import ROOT, TEAM, Load

OWN = """
variables:
  cluster: {lookup: {cluster: shared}}
  policy:
    description: of the platform's team
    lookup: {cluster_policy: Personal Compute}
  required: {}
  blank:
  tags: {type: complex, default: {cost: [1, {a: b}], on: off}}
  node: {default: Standard_D4ds_v5, unknown: key}
resources:
  jobs:
    nightly:
      name: ${bundle.target}-nightly
      tasks: [{task_key: a, existing_cluster_id: "${var.cluster}", timeout_seconds: 010}]
  pipelines: {own: {catalog: "${var.catalog}", target: "${resources.schemas.schema.name}"}}
  apps: {dashboard: {name: "${workspace.current_user.short_name}"}}
permissions: [{level: CAN_VIEW, group_name: users}]
presets: {tags: {team: fares}}
experimental: {python_wheel_wrapper: true}
python: {resources: ["resources:load_resources"], venv_path: .venv}
scripts: {greet: {content: echo hello}}
artifacts: {wheel: {type: whl, path: .}}
sync: {exclude: [notes/*]}
run_as: {service_principal_name: "${var.required}"}
custom: &anchor {a: 1}
targets:
  dev:
    mode: development
    variables:
      cluster: {lookup: {cluster: mine}}
      node: {default: Standard_D8ds_v5}
      tags: {cost: []}
    resources: {jobs: {nightly: {name: mine, custom: *anchor}}}
    run_as: {user_name: ada@example.com}
    git: {branch: main}
  team: {default: false}
"""


@pytest.mark.parametrize("name", ["local", "dev", "test", "staging", "prod"])
def test_a_teams_own_variables_lookups_and_resources_change_nothing_of_ours(load: Load, name: str) -> None:
    assert load(OWN, name=name) == load_target(PROJECT, name, environ={})


def test_an_own_variable_may_be_set_by_the_environment(load: Load) -> None:
    environ = {"BUNDLE_VAR_node": "Standard_E8ds_v5", "BUNDLE_VAR_required": "x"}
    assert load(OWN, environ) == load_target(PROJECT, "dev", environ={})


def test_ours_may_refer_to_an_own_variable(load: Load) -> None:
    team = """
variables:
  region: {default: weu}
  cluster: {type: complex, default: {node: {types: [small, Standard_D4ds_v5]}, workers: 2, spot: true}}
targets:
  dev:
    variables:
      schema: fares_${var.region}
      compute:
        kind: job
        new_cluster:
          spark_version: 17.3.x-scala2.13
          node_type_id: ${var.cluster.node.types[1]}
          num_workers: ${variables.cluster.value.workers}
          custom_tags: {spot: "is ${var.cluster.spot}", list: ["${var.region}", "${bundle.name}"]}
"""
    target = load(team)
    assert target.schema_name == "fares_weu"
    assert target.compute["new_cluster"] == {
        "spark_version": "17.3.x-scala2.13",
        "node_type_id": "Standard_D4ds_v5",
        "num_workers": 2,
        "custom_tags": {"spot": "is true", "list": ["weu", "my_mlops_stacks"]},
    }
    assert load(team, {"BUNDLE_VAR_region": "neu", "BUNDLE_VAR_owner": "team:a"}).environment == {
        "BUNDLE_VAR_region": "neu",
        "BUNDLE_VAR_owner": "team:a",
    }, "a step on Databricks reads the target again"


def dev(variables: str) -> str:
    """A team's file that sets variables of the target dev."""
    return f"targets: {{dev: {{variables: {{{variables}}}}}}}"


# What a team's file says -> the field of the target dev, and what the CLI makes of it.
VALUES = {
    dev("catalog: no"): ("catalog", "no"),
    dev("catalog: true"): ("catalog", "true"),
    dev("catalog: 010"): ("catalog", "10"),
    dev("catalog: 2016-01-01"): ("catalog", "2016-01-01"),
    dev("catalog: 1_000"): ("catalog", "1000"),
    dev("catalog: fares-dev, schema: jané`s"): (
        "registered_model",
        "fares-dev.jané`s.fare_model",
    ),
    dev("catalog: fares-dev"): (
        "staging_volume",
        "/Volumes/fares-dev/my_mlops_stacks/staging",
    ),
    dev("compute: '${var.prices}', prices: {dbu_per_hour: {a: 1}}"): ("compute", {"dbu_per_hour": {"a": 1}}),
    dev("trips_table: my-lake.nyc-taxi.2016#trips"): (
        "sources.trips.table",
        "my-lake.nyc-taxi.2016#trips",
    ),
    dev("first_day: 2016-01-05"): ("first_day.day", 5),
    dev('retention_days: "14"'): ("retention_days", 14),
    dev("retention_days: 1.4e1"): ("retention_days", 14),
    dev("owner: {default: team:a, description: ours}"): ("owner", "team:a"),
    dev("experiment: '/Shared/${bundle.git.branch}'}, git: {branch: main"): (
        "experiment",
        "/Shared/main",
    ),
    dev("experiment: '${workspace.root_path}/e'}, workspace: {root_path: /Shared/b"): (
        "experiment",
        "/Shared/b/e",
    ),
    "variables: {owner: {default: team:later-file}}": ("owner", "team:later-file"),
    "variables: {owner: {description: The team}}": ("owner", "team:ml-platform"),
    "variables: {days: {default: 7}}\ntargets: {dev: {variables: {rescore_days: '${var.days}'}}}": ("rescore_days", 7),
    "variables: {judge: {default: off}}\ntargets: {dev: {variables: {model_workflow: {cron_schedule: 0 9 * * *, "
    "run_mode: dry_run, enable_baseline_comparison: '${var.judge}', holdout_days: 010, "
    "hyperparameters: {}}}}}": (
        "model_workflow.enable_baseline_comparison",
        False,
    ),
}


@pytest.mark.parametrize(("team", "expected"), VALUES.items())
def test_a_value_is_the_one_that_the_cli_gives_it(load: Load, team: str, expected: tuple[str, object]) -> None:
    value: object = load(team)
    for name in expected[0].split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    assert value == expected[1]


def test_anchors_and_merge_keys_are_those_of_the_cli(load: Load) -> None:
    team = """
common: &common {platform: databricks, step_launcher: unity_catalog, schedules: stopped}
targets:
  feature:
    workspace: {host: "https://adb-1.2.azuredatabricks.net"}
    variables: {<<: *common, catalog: feature, schedules: running}
"""
    target = load(team, name="feature")
    assert (target.catalog, target.schedules, target.step_launcher) == ("feature", "running", "unity_catalog")


def test_a_blank_declaration_and_a_later_one_make_one_variable(folder: Path, load: Load) -> None:
    text = (folder / ROOT).read_text()
    (folder / ROOT).write_text(text.replace("    default: team:ml-platform\n", ""))
    assert load("variables: {owner: {default: team:b}}").owner == "team:b"


@pytest.mark.parametrize(
    ("pattern", "is_read"),
    [
        ("team/*.yml", True),
        ("team/[^x]*.yml", True),
        ("team/[a-c]wn.yaml", False),
        ("**/own.yml", True),
        ("*/deep/*.yml", False),
        ("./team/own.yml", True),
        ("none/*.yml", False),
    ],
)
def test_an_include_matches_as_go_matches(folder: Path, load: Load, pattern: str, is_read: bool) -> None:
    (folder / "team").mkdir()
    (folder / "team" / "own.yml").write_text("variables: {owner: {default: team:included}}")
    text = (folder / ROOT).read_text()
    (folder / ROOT).write_text(text.replace("  - resources/*.yml\n", f"  - resources/*.yml\n  - '{pattern}'\n"))
    assert load().owner == ("team:included" if is_read else "team:ml-platform")


def test_a_file_of_json_is_read_too(folder: Path, load: Load) -> None:
    (folder / "resources" / "team.json").write_text('{\n\t"variables": {"owner": {"default": "team:json"}}\n}')
    text = (folder / ROOT).read_text()
    (folder / ROOT).write_text(text.replace("  - resources/*.yml\n", "  - resources/*.yml\n  - resources/*.json\n"))
    assert load().owner == "team:json"


def test_overrides_of_an_own_variable_are_left_to_the_cli(folder: Path, load: Load) -> None:
    file = folder / ".databricks" / "bundle" / "dev" / "variable-overrides.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"node": "Standard_E8ds_v5"}')
    assert load(OWN) == load_target(PROJECT, "dev", environ={})


# What a team's file says, the environment, and the sentence.
WRONG = {
    "misspelt declaration": (
        "variables: {shema: {default: mine}}",
        {},
        f"{TEAM}: variables.shema is used nowhere: is schema meant?",
    ),
    "misspelt override": (
        "targets: {dev: {variables: {shema: mine}}}",
        {},
        f"{ROOT}: targets.dev.variables has the unknown key shema; valid keys are ",
    ),
    "misspelt in the environment": (
        "",
        {"BUNDLE_VAR_shema": "mine"},
        "The environment's BUNDLE_VAR_shema sets a variable that the bundle does not declare: is BUNDLE_VAR_schema "
        "meant?",
    ),
    "unknown in the environment": (
        "",
        {"BUNDLE_VAR_warehouse_size": "x"},
        "The environment's BUNDLE_VAR_warehouse_size sets a variable that the bundle does not declare: unset it, "
        "or declare the variable.",
    ),
    "lookup of ours": (
        "targets: {dev: {variables: {staging_volume_name: {lookup: {warehouse: w}}}}}",
        {},
        f"{TEAM}: targets.dev.variables.staging_volume_name is looked up in the workspace, which only the "
        "bundle CLI does: write the value, or set BUNDLE_VAR_staging_volume_name.",
    ),
    "lookup that ours refers to": (
        "variables: {policy: {lookup: {cluster_policy: p}}}\n"
        "targets: {dev: {variables: {compute: {kind: job, policy_id: '${var.policy}'}}}}",
        {},
        f"{TEAM}: variables.policy is looked up in the workspace, which only the bundle CLI does: write the value, or "
        "set BUNDLE_VAR_policy.",
    ),
    "own variable without a value that ours refers to": (
        "variables: {region: }\ntargets: {dev: {variables: {schema: 'f_${var.region}'}}}",
        {},
        f"{TEAM}: variables.region has no value for the target dev: set targets.dev.variables.region in {ROOT}, or "
        "BUNDLE_VAR_region.",
    ),
    "who deploys": (
        "targets: {dev: {variables: {schema: 'f_${workspace.current_user.short_name}'}}}",
        {},
        f"{TEAM}: targets.dev.variables.schema refers to ${{workspace.current_user.short_name}}; without a "
        "workspace, only ",
    ),
    "a resource": (
        "targets: {dev: {variables: {schema: '${resources.schemas.schema.name}'}}}",
        {},
        f"{TEAM}: targets.dev.variables.schema refers to ${{resources.schemas.schema.name}}; without a "
        "workspace, only ",
    ),
    "a date within a text": (
        "targets: {dev: {variables: {first_day: 2016-01-05, experiment: '/Shared/from ${var.first_day}'}}}",
        {},
        f"{TEAM}: targets.dev.variables.experiment has the date ${{var.first_day}} within a text: put the date into "
        "quotes.",
    ),
    "a mapping within a text": (
        "targets: {dev: {variables: {experiment: '/Shared/${var.secrets}'}}}",
        {},
        f"{TEAM}: targets.dev.variables.experiment has ${{var.secrets}} within a text, but it is {{}}, not one value.",
    ),
    "no reference of the CLI": (
        "targets: {dev: {variables: {experiment: '/Shared/${1}'}}}",
        {},
        f"{TEAM}: targets.dev.variables.experiment is '/Shared/${{1}}', but a reference in it is not one of the "
        "bundle CLI.",
    ),
    "two files of two minds": (
        "variables: {owner: [team:a]}",
        {},
        f"{TEAM}: variables.owner is ['team:a'], but {ROOT} has ",
    ),
    "number with stray underscores": (
        "variables:\n  a: {default: 1__0}",
        {},
        f"{TEAM}, line 2, is not valid YAML: 1__0 is no number that the bundle CLI reads: put it into quotes.",
    ),
    "complex by the environment": (
        "variables: {c: {type: complex, default: {kind: job}}}\ntargets: {dev: {variables: {compute: '${var.c}'}}}",
        {"BUNDLE_VAR_c": "{}"},
        f"BUNDLE_VAR_c can't set c, a complex variable of {TEAM}: override it in {ROOT} under targets.",
    ),
}


@pytest.mark.parametrize(("team", "environ", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_sentence(
    refusal: Callable[..., str], team: str, environ: dict[str, str], sentence: str
) -> None:
    assert refusal(team, environ).startswith(sentence)


def test_a_declaration_of_ours_under_another_name_is_found(folder: Path, refusal: Callable[..., str]) -> None:
    text = (folder / ROOT).read_text()
    (folder / ROOT).write_text(text.replace("\n  catalog:\n", "\n  catalogue:\n", 1))
    assert refusal() == f"{ROOT}: variables.catalogue is none of ours, and catalog is missing: is catalog meant?"
