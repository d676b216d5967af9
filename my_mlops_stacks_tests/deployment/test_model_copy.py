"""A version of another environment comes over: with its lineage, once, and to be judged here before it serves."""

from __future__ import annotations

from itertools import count

import dagster as dg
import numpy as np
import pytest
from mlflow import MlflowClient

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from my_mlops_stacks_tests.deployment.acts import WHO, approved, reason, run, validated
from my_mlops_stacks_tests.gate import Constant, Gate


def beside(gate: Gate, name: str) -> Gate:
    """Another environment, with its own registered model and the same tables, which may copy the first one's model."""
    made = Gate.__new__(Gate)
    made.folder, made.instance = gate.folder, gate.instance
    sources = {"fare_model": "", "elsewhere.schema.model": "https://mlflow.acme.example"}
    made.target = gate.target.model_copy(update={"model_name": name, "model_sources": sources})
    made.build()
    made.registry.client.create_registered_model(name)
    return made


numbers = count(1)


@pytest.fixture
def prod(gate) -> Gate:
    return beside(gate, f"prod_{next(numbers)}")


def trained(gate: Gate, model: Constant, **tags: str) -> ModelVersion:
    """A validated version whose run has what a training leaves."""
    judged = {"validated_against": "3", "validation_run_id": "r7", "shadow_status": "passed against 3"}
    aliases = {"champion_in_dagster_run": "r8", "challenger_in_dagster_run": "r8"}
    source = validated(gate, model, **judged, **aliases, trained_from="", **tags)
    gate.registry.client.log_metric(source.run_id, "root_mean_squared_error", 3.5)
    gate.registry.client.log_text(source.run_id, '{"schema": {"fields": []}, "data": []}', "baseline.json")
    return source


def config(source: ModelVersion, by: str = "Ada") -> dict[str, object]:
    return {"model": source.name, "version": source.version, "copied_by": by}


def copied(prod: Gate, source: ModelVersion) -> ModelVersion:
    assert run(prod, "copy_model_job", copy_version=config(source)).success
    return prod.registry.at_alias("candidate")


def fares_error(gate: Gate, fare: float) -> float:
    """The error of a constant, from the table itself."""
    return float(np.sqrt(((gate.held_out()["fare_amount"] - fare) ** 2).mean()))


def test_a_validated_version_comes_over_as_a_candidate_with_its_lineage_and_without_its_verdict(gate, prod):
    source = trained(gate, Constant(12.0), team="red")
    for _ in range(2):  # again: the same version
        copy = copied(prod, source)
        assert copy.version == 1
    assert copy.tags["copied_from"] == f"fare_model/{source.version}"
    assert (copy.tags["git_commit"], copy.tags["copied_by"], copy.tags["team"]) == ("abc123", "Ada", "red")
    assert copy.tags["judged_there"] == "passed against 3" and copy.tags["leak_check"] == "unchecked"
    verdict = {"validation_status", "validated_against", "validation_run_id", "shadow_status", "trips_version"}
    assert not verdict & copy.tags.keys() and not [tag for tag in copy.tags if tag.endswith("_in_dagster_run")]
    assert prod.registry.run_metrics(copy)["origin_root_mean_squared_error"] == 3.5
    assert "root_mean_squared_error" not in prod.registry.run_metrics(copy) and prod.registry.baseline(copy).empty
    assert prod.aliases() == {"candidate": 1}


def test_a_copy_is_judged_here_on_the_rows_of_here_and_then_promoted(gate, prod):
    best = float(gate.held_out()["fare_amount"].mean())
    copy = copied(prod, trained(gate, NearBest(best)))
    judged = run(prod, "judge_job")
    assert judged.success, reason(judged)
    found = {each.check_name: each for each in judged.get_asset_check_evaluations()}
    assert found["features_are_known_in_time"].passed and found["candidate_beats_constant"].passed
    error = prod.registry.run_metrics(copy)["root_mean_squared_error"]
    limit = fares_error(gate, best)
    assert found["candidate_beats_constant"].metadata["bound"].value == f"{limit:.4g} USD" and error < limit
    champion = prod.registry.at_alias("champion")  # promotion of the target is automatic
    assert (champion.version, champion.tags["validated_against"]) == (1, "none")
    entry = prod.instance.get_latest_materialization_event(dg.AssetKey("champion")).asset_materialization.metadata
    assert entry["root_mean_squared_error"].value == pytest.approx(error, rel=1e-3)


def test_a_copy_that_is_worse_than_a_constant_here_is_refused_whatever_it_was_there(gate, prod):
    copied(prod, trained(gate, Constant(99.0)))
    judged = run(prod, "judge_job")
    found = {each.check_name: each.passed for each in judged.get_asset_check_evaluations()}
    assert not found["candidate_beats_constant"] and found["features_do_no_harm"]
    assert prod.registry.at_alias("candidate").tags["validation_status"] == "failed"
    assert prod.aliases() == {"candidate": 1}


def test_a_copy_that_nobody_has_judged_serves_by_no_way(gate, prod):
    copy = copied(prod, trained(gate, Constant(12.0)))
    prod.registry.move_alias("challenger", copy)
    told = "Version 1 may not be promoted: its leak_check is 'unchecked'"
    assert told in reason(approved(prod, copy))
    assert told in reason(run(prod, "rollback_job", roll_back={"version": 1, **WHO}))
    assert "champion" not in prod.aliases()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": "evil.schema.model"}, "copies from elsewhere.schema.model, fare_model: name it in model_sources"),
        ({"tracking_uri": "https://evil.example"}, "tracking_uri"),
    ],
)
def test_what_the_target_does_not_name_is_asked_for_nothing(gate, prod, monkeypatch, given, told):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setattr("requests.Session.request", lambda *_, **__: pytest.fail("it was called"))
    monkeypatch.setattr(MlflowClient, "get_model_version", lambda *_: pytest.fail("it was asked for"))
    asked = {"model": "fare_model", "version": 1, "copied_by": "Ada"} | given
    try:
        refused = reason(run(prod, "copy_model_job", copy_version=asked))
    except dg.DagsterInvalidConfigError as error:
        refused = str(error)
    assert told in refused and "secret" not in refused


def test_a_source_in_another_workspace_is_asked_where_the_target_says(gate, prod, monkeypatch):
    asked: list[str | None] = []
    real = ModelRegistry.of

    def of(registry: ModelRegistry, model: str, tracking_uri: str | None = None) -> ModelRegistry:
        asked.append(tracking_uri)
        return real(registry, model)

    monkeypatch.setattr(ModelRegistry, "of", of)
    for model in ("elsewhere.schema.model", "fare_model"):
        run(prod, "copy_model_job", copy_version={"model": model, "version": 999, "copied_by": "Ada"})
    assert asked == ["https://mlflow.acme.example", None]


@pytest.mark.parametrize("status", ["failed", "skipped", "judging", "dry_run"])
def test_only_what_passed_comes_over(gate, prod, status):
    source = validated(gate, Constant(12.0), validation_status=status)
    assert f"its validation_status is '{status}'" in reason(run(prod, "copy_model_job", copy_version=config(source)))
    assert not prod.registry.client.search_model_versions(f"name = '{prod.registry.model}'")


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
    assert "candidate" not in prod.aliases()
    assert prod.registry.get(1).tags.get("copied_from") != f"fare_model/{source.version}"
    assert run(prod, "copy_model_job", copy_version=config(source)).success
    copy = prod.registry.at_alias("candidate")
    assert (copy.version, copy.tags["copied_by"], copy.tags["judged_there"]) == (2, "Ada", "passed against 3")


class NearBest(Constant):
    """Better than the best constant by what the distance says."""

    def predict(self, context, model_input):
        return self.fare + 2.5 * (model_input["trip_distance"] - model_input["trip_distance"].mean()).to_numpy()


class DiedError(Exception):
    """Stands for the death of the process."""
