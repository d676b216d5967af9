"""What a target that asks for an endpoint has in Dagster, and that every other has none of it."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops_core.config import Endpoint, ModelTarget, OnlineStore, Target, TargetError, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.project import Project
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.two_models.project import PROJECT as TWO_MODELS

STORE = OnlineStore(name="fares")


def keys_of(definitions: dg.Definitions, job: str) -> set[str]:
    """The assets that a job makes."""
    return {key.to_user_string() for key in definitions.resolve_job_def(job).asset_layer.selected_asset_keys}


def asking(target: ModelTarget, **stated: object) -> ModelTarget:
    return target.model_copy(update={"endpoint": Endpoint(name="fare", **stated)})


@pytest.mark.parametrize("project", [PROJECT, TWO_MODELS], ids=["one", "two"])
def test_a_target_that_does_not_ask_has_nothing_of_it(project: Project) -> None:
    made = definitions_of(project, load_target(project, "dev"))
    named = [*(job.name for job in made.jobs or ()), *(sensor.name for sensor in made.sensors or ())]
    assets = [key.to_user_string() for key in made.resolve_all_asset_keys()]
    assert [name for name in (*named, *assets) if "endpoint" in name or "online" in name] == []


@pytest.mark.parametrize("prefix", ["", "taxis"])
def test_a_promotion_takes_the_endpoint_along(prefix: str) -> None:
    target = asking(load_target(PROJECT, "dev"), online_store=STORE)
    made = definitions_of(PROJECT, target, prefix)
    dg.Definitions.validate_loadable(made)
    before, under = (f"{prefix}/", f"{prefix}_") if prefix else ("", "")
    both = {f"{before}endpoint", f"{before}endpoint_sample"}
    assert both <= keys_of(made, f"{under}model_training_job")
    assert both <= keys_of(made, f"{under}promote_job")
    assert keys_of(made, f"{under}endpoint_job") == both
    assert f"{before}online_features" in keys_of(made, f"{under}feature_engineering_job")
    assert f"{under}endpoint_sensor" in {sensor.name for sensor in made.sensors or ()}


def test_with_an_approval_the_training_leaves_the_endpoint_alone() -> None:
    made = definitions_of(PROJECT, asking(load_target(PROJECT, "prod")))
    assert "endpoint" not in keys_of(made, "model_training_job")
    assert "endpoint" in keys_of(made, "promote_job")


def test_one_of_two_models_may_have_an_endpoint() -> None:
    target: Target = load_target(TWO_MODELS, "dev")
    fare = asking(target.models["fare"], online_store=STORE)
    both = target.model_copy(update={"models": {**target.models, "fare": fare}})
    made = definitions_of(TWO_MODELS, both)
    dg.Definitions.validate_loadable(made)
    assert keys_of(made, "fare_endpoint_job") == {"fare_endpoint", "fare_endpoint_sample"}
    assert "fare_online_features" in keys_of(made, "feature_engineering_job")
    assert "duration_endpoint_job" not in {job.name for job in made.jobs or ()}


def test_two_models_cannot_share_an_endpoint(tmp_path) -> None:
    for file in TWO_MODELS.folder.glob("*.yml"):
        text = file.read_text().replace("    default: {}\n  staging", "    default: {name: fares}\n  staging")
        (tmp_path / file.name).write_text(text)
    with pytest.raises(TargetError, match="Two models of the project have the endpoint fares: give each its own"):
        load_target(TWO_MODELS, "dev", folder=tmp_path)
