"""A prefix begins the names that Dagster gives; what Dagster refuses is refused where it is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

import mlops_core
from mlops_core.config import Endpoint, OnlineStore, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.project import DeclarationError
from mlops_core_tests.flights.project import PROJECT

CORE = Path(mlops_core.__file__).parent
REFUSED = (
    "my-flights",
    "late flights",
    "a/b",
    "a.b",
    "_late",
    "7days",
    "flüge",
    "a" * 51,
    "late\n",
    " ",
    7,
    None,
    ["a"],
)


@pytest.mark.parametrize("prefix", REFUSED, ids=repr)
def test_a_prefix_that_dagster_refuses_is_a_sentence(prefix: object) -> None:
    with pytest.raises(DeclarationError, match=r"Project 'mlops_core_tests.flights', prefix is .*begin with a letter"):
        replace(PROJECT, prefix=prefix)


@pytest.mark.parametrize("prefix", ["class", "None", "type", "int", "input", "A", "x9", "late__flights", "a" * 50])
@pytest.mark.parametrize("target", ["local", "dev"])
def test_a_prefix_that_is_taken_loads(prefix: str, target: str) -> None:
    definitions = definitions_of(PROJECT, load_target(PROJECT, target, environ={}), prefix)
    dg.Definitions.validate_loadable(definitions)
    assert dg.AssetKey([prefix, "champion"]) in definitions.resolve_asset_graph().get_all_asset_keys()


def test_none_is_the_own_prefix_and_the_empty_one_is_none() -> None:
    target = load_target(PROJECT, environ={})
    keys = [definitions_of(PROJECT, target, prefix).resolve_asset_graph().get_all_asset_keys() for prefix in (None, "")]
    assert dg.AssetKey(["flights", "champion"]) in keys[0]
    assert dg.AssetKey("champion") in keys[1]


def test_everything_of_a_prefix_is_that_of_none_with_the_prefix_before_it() -> None:
    target = load_target(PROJECT, "dev", environ={"BUNDLE_VAR_alert_channel": "email"})
    target = target.model_copy(update={"endpoint": Endpoint(name="late", online_store=OnlineStore(name="late"))})
    plain, prefixed = (definitions_of(PROJECT, target, prefix).get_repository_def() for prefix in ("", "air"))
    for kind in ("schedule_defs", "sensor_defs"):
        names = [sorted(each.name for each in getattr(found, kind)) for found in (plain, prefixed)]
        assert [f"air_{name}" for name in names[0]] == names[1]
    jobs = [sorted(job.name for job in found.get_all_jobs() if job.name[0] != "_") for found in (plain, prefixed)]
    assert [f"air_{name}" for name in jobs[0]] == jobs[1]
    keys = [
        sorted(key.to_user_string() for key in found.asset_graph.get_all_asset_keys()) for found in (plain, prefixed)
    ]
    assert [f"air/{key}" for key in keys[0]] == keys[1]


JOB = re.compile(
    "(feature_engineering|model_training|promote|rollback|batch_inference|monitoring|copy_model|endpoint|mute_alerts)_job"
)


def sentences(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of a module that are more than a name, without docstrings."""
    docs = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_no_message_names_a_job_without_its_prefix() -> None:
    """What a person is told to launch is what the job is called: `named` says it."""
    found = [
        f"{file.relative_to(CORE)}:{line}: {text}"
        for file in CORE.rglob("*.py")
        for line, text in sentences(ast.parse(file.read_text()))
        if (job := JOB.search(text)) and job[0] != text
    ]
    assert found == []
