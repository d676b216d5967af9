"""A version of another environment comes over: with its lineage, once, and to be looked at here before it serves."""

from __future__ import annotations

from itertools import count

import pytest
from mlflow import MlflowClient

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks_tests.deployment.acts import NoLongTrips, approved, reason, run, validated
from my_mlops_stacks_tests.gate import FIRST_DAY, LAST_DAY, Constant, Gate


def beside(gate: Gate, name: str) -> Gate:
    """Another environment, with its own registered model and the same tables."""
    made = Gate.__new__(Gate)
    made.folder, made.instance = gate.folder, gate.instance
    made.target = gate.target.model_copy(update={"model_name": name})
    made.build()
    made.registry.client.create_registered_model(name)
    return made


numbers = count(1)


@pytest.fixture
def prod(gate) -> Gate:
    return beside(gate, f"prod_{next(numbers)}")


def trained(gate: Gate, model: Constant, **tags: str) -> ModelVersion:
    """A validated version whose run has what a training leaves."""
    source = validated(gate, model, validated_against="3", validation_run_id="r7", **tags)
    gate.registry.client.log_metric(source.run_id, "root_mean_squared_error", 3.5)
    gate.registry.client.log_text(source.run_id, '{"schema": {"fields": []}, "data": []}', "baseline.json")
    return source


def config(source: ModelVersion, by: str = "Ada") -> dict[str, object]:
    return {"model": source.name, "version": source.version, "copied_by": by}


def test_a_validated_version_comes_over_from_another_catalog_with_its_lineage(gate, prod):
    source = trained(gate, Constant(12.0), shadow_status="passed against 3")
    for _ in range(2):  # again: the same version
        assert run(prod, "copy_model_job", copy_version=config(source)).success
        copied = prod.registry.at_alias("challenger")
        assert copied.version == 1
    assert copied.tags["copied_from"] == f"fare_model/{source.version}"
    assert (copied.tags["git_commit"], copied.tags["copied_by"]) == ("abc123", "Ada")
    assert copied.tags["validated_against"] == "fare_model/3" and copied.tags["validation_run_id"] == "fare_model/r7"
    assert copied.tags["shadow_status"] == "fare_model/passed against 3"
    assert approved(prod, copied).success
    assert prod.registry.run_metrics(prod.registry.at_alias("champion"))["root_mean_squared_error"] == 3.5
    assert prod.registry.baseline(copied).empty


@pytest.mark.parametrize("status", ["failed", "skipped", "judging", "dry_run"])
def test_only_what_passed_comes_over(gate, prod, status):
    source = validated(gate, Constant(12.0), validation_status=status)
    assert f"its validation_status is '{status}'" in reason(run(prod, "copy_model_job", copy_version=config(source)))
    assert not prod.registry.client.search_model_versions(f"name = '{prod.registry.model}'")


def test_a_copy_is_shadowed_where_it_shall_serve(gate, prod):
    assert run(prod, "copy_model_job", copy_version=config(trained(gate, Constant(12.0)))).success
    assert approved(prod, prod.registry.at_alias("challenger")).success
    assert run(prod, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    assert run(prod, "copy_model_job", copy_version=config(trained(gate, NoLongTrips(12.0)))).success
    assert not approved(prod, prod.registry.at_alias("challenger")).success
    assert prod.aliases()["champion"] == 1


@pytest.mark.parametrize("dies_at", ["copy_model_version", "set_model_version_tag"])
def test_a_copy_that_dies_without_its_tags_is_done_again(gate, prod, monkeypatch, dies_at):
    """Also a copy of a copy, whose tags have a `copied_from` already."""
    source = trained(gate, Constant(12.0), copied_from="dev/1", copied_by="Bob")
    real, made = getattr(MlflowClient, dies_at), []

    def dies(self: MlflowClient, *args: object, **kwargs: object) -> object:
        done = real(self, *args, **kwargs)
        made.append(args)
        if dies_at == "copy_model_version" or args[2] == "copied_by":
            raise DiedError
        return done

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, dies_at, dies)
        assert not run(prod, "copy_model_job", copy_version=config(source)).success
    assert "challenger" not in prod.aliases()
    assert prod.registry.get(1).tags.get("copied_from") != f"fare_model/{source.version}"
    assert run(prod, "copy_model_job", copy_version=config(source)).success
    copied = prod.registry.at_alias("challenger")
    assert (copied.version, copied.tags["copied_by"], copied.tags["validation_status"]) == (2, "Ada", "passed")


class DiedError(Exception):
    """Stands for the death of the process."""
