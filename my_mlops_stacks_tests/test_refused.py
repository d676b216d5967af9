"""What `make run` says, and with which exit code it ends, when something is refused: what it trained, or its target."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops_core.cli.run import run as run_once
from mlops_core.config import Target, load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.samples import REAL_TRIPS_ARE_SLOW, Sample


@pytest.fixture
def ran(tmp_path, monkeypatch, sample: Sample, capfd):
    """Runs the whole pipeline with so many trees: five predict too badly to pass."""
    variables = {"state_folder": tmp_path / "state", "first_day": sample.day(0), "last_day": sample.day(-1)}
    target = load_target(
        PROJECT, "local", environ={f"BUNDLE_VAR_{name}": str(value) for name, value in variables.items()}
    )
    monkeypatch.setenv("TRIPS_PATH", str(sample.path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))

    def run(trees: int) -> tuple[int, str, str]:
        monkeypatch.setattr("mlops_core.cli.run.load_target", lambda _: with_trees(target, trees))
        code = run_once(PROJECT)
        return (code, *capfd.readouterr())

    return run


def with_trees(target: Target, trees: int) -> Target:
    workflow = target.model_workflow.model_copy(update={"hyperparameters": {"num_boost_round": trees}})
    return target.model_copy(update={"model_workflow": workflow})


@REAL_TRIPS_ARE_SLOW
def test_a_refused_candidate_is_no_failure_while_a_champion_serves(ran, tmp_path):
    code, _, err = ran(5)
    assert code == 1
    sentence = err.split("is champion, so nothing was predicted: ")[1]
    assert sentence.startswith("Version 1 is refused, for it did not pass validation (")
    assert "r2_score_within_threshold: r2_score of the held-out trips is" in sentence and "must be at least" in sentence
    assert "Traceback" not in err and "Stack Trace" not in err and "DagsterAssetCheckFailedError" not in err

    code, out, _ = ran(100)
    assert (code, "Refused" in out) == (0, False)
    code, out, _ = ran(5)
    assert code == 0
    assert "Refused     Version 3 is refused" in out and "candidate_beats_champion: root_mean_squared_error is" in out
    assert "Champion    fare_model version 2:" in out

    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        newest = instance.get_runs(dg.RunsFilter(job_name="model_training_job"), limit=1)[0]
        assert newest.status is dg.DagsterRunStatus.SUCCESS
        assert newest.tags["refused"].startswith("Version 3 is refused")
        failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert failed == []


def test_a_target_that_does_not_load_is_one_sentence(monkeypatch, capfd):
    monkeypatch.setenv("BUNDLE_VAR_shema", "taxi")
    assert run_once(PROJECT) == 1
    stray = "The environment's BUNDLE_VAR_shema sets a variable that the bundle does not declare"
    assert capfd.readouterr().err == f"{stray}: is BUNDLE_VAR_schema meant?\n"
