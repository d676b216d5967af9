"""Launch `promote_job` as the pipeline of promotions does, and wait for its end.

It runs where Dagster's webserver runs (`kubectl exec`): no sign-in asks who can do that, and whose approval it was, and
on which page, is what they say.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import dagster as dg

from mlops_core.cli.one_model import model_option, project_of
from mlops_core.defs.decided_by import APPROVED_IN, USER
from mlops_core.defs.names import op_of
from mlops_core.defs.refusals import refused_request
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.project import Project

SECONDS = 5.0
WORKSPACE = Path("/dagster-workspace/workspace.yaml")
"""Where Dagster's chart tells its webserver of the code locations."""


@click.command(help=__doc__, short_help="Promote the challenger that was approved in Azure DevOps")
@click.option("--version", type=click.IntRange(min=1), required=True, help="The challenger that was approved")
@click.option("--approved-by", required=True, help="Who approved it")
@click.option("--approved-in", required=True, help="The page on which it was approved")
@click.option("--reason", required=True, help="Why it may serve")
@model_option
@click.option("--workspace", type=click.Path(exists=True, path_type=Path), default=WORKSPACE, show_default=True)
@click.pass_obj
def main(  # noqa: PLR0917, click passes the options by their names
    project: Project, version: int, approved_by: str, approved_in: str, reason: str, model: str | None, workspace: Path
) -> None:
    one = project_of(project, model)
    config = {"version": version, "approved_by": approved_by, "reason": reason}
    tags = {USER: approved_by, APPROVED_IN: approved_in}
    run_id = launched(one, workspace, {"ops": {op_of(one, CHAMPION): {"config": config}}}, tags)
    with dg.DagsterInstance.get() as instance:
        run = ended(instance, run_id)
        if run.is_success:
            click.echo(f"Version {version} is champion")
            return
        why = refused_request(instance, run_id) or f"The run {run_id} ended with {run.status.value}: see it in Dagster."
    click.secho(why, fg="red", err=True)
    sys.exit(1)


def launched(project: Project, workspace: Path, config: dict[str, Any], tags: dict[str, str]) -> str:
    """The id of a run of `promote_job` that waits in Dagster's queue; ends the process where Dagster refuses it."""
    run_id, location = str(uuid4()), (project.part_of or project).folder.name
    command = ["--workspace", str(workspace), "--location", location, "--job", project.named("promote_job")]
    said = ["--run-id", run_id, "--config-json", json.dumps(config), "--tags", json.dumps(tags)]
    done = subprocess.run([sys.executable, "-m", "dagster", "job", "launch", *command, *said], check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.returncode)
    return run_id


def ended(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """The run, when it has ended; what it waits for is said meanwhile, so that no connection is idle."""
    while (run := instance.get_run_by_id(run_id)) is None or not run.is_finished:
        click.echo(f"The run {run_id} is {run.status.value if run else 'not there yet'}")
        time.sleep(SECONDS)
    return run
