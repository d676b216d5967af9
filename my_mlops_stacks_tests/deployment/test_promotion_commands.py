"""What the pipeline of promotions shows before an approval, and what it launches after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from mlops_core.cli.challenger import shown
from mlops_core.deployment.promotion import NotTheChallengerError
from mlops_core.validation.verdict import NotValidatedError
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.deployment.desk import Desk

PAGE = "https://dev.azure.com/acme/mlops/_build/results?buildId=7"
REASON = 'better; "$(rm -rf /)" on long trips'
LOCATION = """
import dagster as dg

@dg.op(config_schema=dict)
def champion(): ...

@dg.job
def promote_job():
    champion()

defs = dg.Definitions(jobs=[promote_job])
"""
QUEUE = {"run_coordinator": {"module": "mlops_core.cli.run_coordinator", "class": "SignedInRunCoordinator"}}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    for _ in range(3):
        made.register()
    return made


def test_an_approver_sees_the_challenger_beside_the_champion(desk: Desk) -> None:
    desk.hold(challenger=3, champion=2)
    for number, error in ((2, 2.75), (3, 2.5)):
        desk.client.log_metric(desk.registry.get(number).run_id, "root_mean_squared_error", error)
    text = shown(PROJECT, desk.registry, 3)
    assert text.splitlines()[0] == "# fare_model version 3, the challenger"
    assert "| held out | version 3 | champion 2 | change |" in text
    assert "| root_mean_squared_error | 2.5 | 2.75 | -0.25 |" in text
    assert "- gate: passed, judged against 2" in text and "- shadow: passed against 2" in text
    assert "- git commit: abc123" in text and "#/models/fare_model/versions/3" in text
    desk.hold(challenger=3)
    assert "| held out | version 3 | no champion | change |" in shown(PROJECT, desk.registry, 3)


def test_what_somebody_wrote_on_a_version_is_neither_markup_nor_a_command_of_the_pipeline(desk: Desk) -> None:
    desk.hold(challenger=3, champion=2)
    for tag in ("copied_from", "copied_by", "git_commit"):
        desk.client.set_model_version_tag(
            desk.registry.model, "3", tag, "a\n##vso[task.setvariable variable=x]<img src=x>"
        )
    text = shown(PROJECT, desk.registry, 3)
    for tag in ("copied_from", "copied_by"):
        desk.client.delete_model_version_tag(desk.registry.model, "3", tag)
    desk.client.set_model_version_tag(desk.registry.model, "3", "git_commit", "abc123")
    assert "##vso" not in text and "<img" not in text and "- git commit: a # #vso[task.setvariable" in text


def test_nobody_is_asked_to_approve_what_may_not_be_promoted(desk: Desk) -> None:
    desk.hold(challenger=3, champion=2)
    with pytest.raises(NotTheChallengerError, match="Version 1 was approved, but version 3 is the challenger"):
        shown(PROJECT, desk.registry, 1)
    desk.beside(3, 1)
    with pytest.raises(NotValidatedError, match="Version 3 was judged against 1, but 2 is champion"):
        shown(PROJECT, desk.registry, 3)


@pytest.mark.slow
@pytest.mark.parametrize("promoted", [True, False])
def test_the_run_that_is_launched_says_who_approved_it_and_where(tmp_path: Path, promoted: bool) -> None:
    (tmp_path / "location.py").write_text(LOCATION)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(QUEUE))
    location = {"python_file": {"relative_path": "location.py", "location_name": "my_mlops_stacks"}}
    (tmp_path / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [location]}))
    said = ["--version", "12", "--approved-by", "Ada Lovelace", "--approved-in", PAGE, "--reason", REASON]
    command = [sys.executable, "-m", "my_mlops_stacks", "promote", *said, "--workspace", tmp_path / "workspace.yaml"]
    environ = os.environ | {"DAGSTER_HOME": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = _queued(instance, process)
        assert (run.tags["user"], run.tags["approved_in"]) == ("Ada Lovelace", PAGE)
        asked = {"version": 12, "approved_by": "Ada Lovelace", "reason": REASON}
        assert run.run_config == {"ops": {"champion": {"config": asked}}} and run.job_name == "promote_job"
        if promoted:
            instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", "promote_job"), run.run_id)
        else:
            instance.report_run_failed(run)
        out, error = process.communicate(timeout=60)
    assert process.returncode == (0 if promoted else 1), error
    told = out if promoted else error
    assert ("Version 12 is champion" if promoted else f"The run {run.run_id} ended with FAILURE") in told


def _queued(instance: dg.DagsterInstance, process: subprocess.Popen[str]) -> dg.DagsterRun:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if runs := instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
            return runs[0]
        time.sleep(0.2)
    raise AssertionError(process.communicate()[1])
