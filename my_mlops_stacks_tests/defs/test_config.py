"""The launchpad says of each field what it may be: it knows no bounds, and a wrong value would fail the run."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._config import Field, Shape
from pydantic import Field as PydanticField

from mlops_core.config import load_target
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT

TARGETS = ("local", "prod")
NUMBERS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
    "pattern": "",
}


def configs(target: str) -> Iterator[tuple[str, type[dg.Config], dict[str, Field]]]:
    """Each pydantic config of the target's ops, assets and checks: the op's name, the class, the launchpad's fields."""
    definitions = definitions_of(
        PROJECT, load_target(PROJECT, target, environ={"DATABRICKS_HOST": "https://adb-1.1.azuredatabricks.net"})
    )
    seen = set()
    for job in definitions.get_repository_def().get_all_jobs():
        for node in job.all_node_defs:
            shape = node.config_schema.config_type if isinstance(node, dg.OpDefinition) else None
            if isinstance(shape, Shape) and node.name not in seen and node.compute_fn.has_config_arg():
                seen.add(node.name)
                yield node.name, node.compute_fn.get_config_arg().annotation, shape.fields


@pytest.mark.parametrize("target", TARGETS)
def test_every_bound_of_every_config_is_in_what_the_launchpad_shows(target):
    """By the JSON schema that pydantic makes of the class."""
    bounded = 0
    for name, config, fields in configs(target):
        assert issubclass(config, BoundedConfig), name
        for field, schema in config.model_json_schema()["properties"].items():
            (rules,) = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
            for rule in NUMBERS.keys() & rules.keys():
                said = fields[field].description
                expected = "not blank" if rules[rule] == r"\S" else f"{NUMBERS[rule]} {rules[rule]}"
                assert expected.strip() in said[said.index(" (") :], (name, field, said)
                bounded += 1
    assert bounded > 15


def test_a_field_without_bounds_and_a_class_made_of_another_are_as_they_were_written():
    class Base(BoundedConfig):
        free: str = PydanticField("", description="Whatever")
        days: int = PydanticField(1, gt=0, le=9, description="Days")

    class Made(Base): ...

    described = {name: field.description for name, field in Made.model_fields.items()}
    assert described == {"free": "Whatever", "days": "Days (above 0, at most 9)"}
