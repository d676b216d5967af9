"""A run that somebody ended, and whose process nobody reached, moves no alias and writes no table, at any point."""

from __future__ import annotations

import dagster as dg
import pytest
from deltalake import DeltaTable
from mlflow import MlflowClient

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.defs.ended_runs import require_running
from mlops_core.deployment import predictions
from my_mlops_stacks_tests.deployment.acts import WHO, promoted, reason, run, validated
from my_mlops_stacks_tests.deployment.desk import Desk
from my_mlops_stacks_tests.gate import LAST_DAY, Constant, Gate

SET = "set_registered_model_alias"
ENDS = ("report_run_canceling", "report_run_canceled", "report_run_failed")


@dg.job
def idle() -> None:
    """A job without steps."""


def end(instance: dg.DagsterInstance, how: str = "report_run_canceled") -> None:
    """What happens to the newest run when somebody forces its end, or the monitoring of runs misses its worker."""
    getattr(instance, how)(instance.get_runs(limit=1)[0])


@pytest.mark.parametrize("how", ENDS)
def test_a_run_that_was_ended_is_told_so(how):
    with dg.DagsterInstance.ephemeral() as instance:
        started = instance.create_run_for_job(idle)
        require_running(instance, started.run_id)
        require_running(instance, "a run that this instance does not know, as on a cluster")
        end(instance, how)
        with pytest.raises(dg.Failure, match=f"The run {started.run_id} was ended .* moves no alias") as failure:
            require_running(instance, started.run_id)
    assert not failure.value.allow_retries


@pytest.mark.parametrize("how", ENDS)
def test_a_promotion_that_was_ended_at_any_call_of_the_registry_moves_no_alias(tmp_path, monkeypatch, how):
    desk = Desk(tmp_path)
    desk.register(), desk.register()
    desk.hold(challenger=2, champion=1)
    calls: list[str] = []
    ended_at = {"call": 0}

    def wrapped(name: str):
        real = getattr(MlflowClient, name)

        def call(self: MlflowClient, *args: object, **kwargs: object) -> object:
            calls.append(name)
            if len(calls) == ended_at["call"]:
                end(desk.instance, how)
            return real(self, *args, **kwargs)

        return call

    for name in ("get_model_version_by_alias", "set_model_version_tag", "get_run", SET):
        monkeypatch.setattr(MlflowClient, name, wrapped(name))
    assert desk.promote().success
    last_look = len(calls) - calls[::-1].index(SET) - 1  # the holder is looked at between the run and the move
    for number in range(1, last_look):
        desk.hold(challenger=2, champion=1)
        calls.clear()
        ended_at["call"] = number
        result = desk.promote()
        assert desk.aliases()["champion"] == 1
        assert "moves no alias" in reason(result)
    assert len(desk.history()) == 1


def test_a_rollback_that_was_ended_moves_no_alias(gate, monkeypatch):
    good, bad = promoted(gate, Constant(12.0)), promoted(gate, Constant(99.0))
    end_at(gate, monkeypatch, ModelRegistry, "run_metrics")
    text = reason(run(gate, "rollback_job", roll_back={"version": good.version, **WHO}))
    monkeypatch.undo()
    assert "moves no alias" in text and gate.aliases()["champion"] == bad.version


def test_a_copy_that_was_ended_waits_for_nobody(gate, monkeypatch):
    source = validated(gate, Constant(12.0))
    gate.registry.client.log_text(source.run_id, '{"schema": {"fields": []}, "data": []}', "baseline.json")
    before = gate.aliases()
    gate.target = gate.target.model_copy(update={"model_sources": {source.name: ""}})
    gate.build()
    end_at(gate, monkeypatch, ModelRegistry, "copy")
    config = {"model": source.name, "version": source.version, "copied_by": "Ada"}
    text = reason(run(gate, "copy_model_job", copy_version=config))
    monkeypatch.undo()
    assert "moves no alias" in text and gate.aliases() == before


def test_a_validation_that_was_ended_makes_no_challenger(gate, monkeypatch):
    version = gate.register(Constant(12.0))
    before = gate.aliases()
    end_at(gate, monkeypatch, ModelRegistry, "run_url")
    text = reason(gate.run(run_mode="disabled"))
    monkeypatch.undo()
    assert "moves no alias" in text and gate.aliases() == before
    assert before["candidate"] == version.version


def test_predictions_of_a_run_that_was_ended_are_not_written(gate, monkeypatch):
    promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)).success
    before = DeltaTable(gate.table("predictions")).version()
    end_at(gate, monkeypatch, predictions, "as_predictions")
    text = reason(run(gate, "batch_inference_job", (LAST_DAY, LAST_DAY)))
    monkeypatch.undo()
    assert "writes no table" in text
    assert DeltaTable(gate.table("predictions")).version() == before


def end_at(gate: Gate, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Let the newest run be ended just before this function is called."""
    real = getattr(owner, name)

    def called(*args: object, **kwargs: object) -> object:
        end(gate.instance)
        return real(*args, **kwargs)

    patch.setattr(owner, name, called)
