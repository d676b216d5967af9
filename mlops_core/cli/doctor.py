"""`python -m my_mlops_stacks doctor --target staging`: what a target lacks before anything runs, and its fix.

Reads only. With --write-test it also writes a file, on the staging volume or in the state folder, and removes it.
Ends with 1 when something must be fixed. What only a run can show, `make smoke` does.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import click
import dagster as dg

from mlops_core.adapters.doctor import (
    arrival,
    authentication,
    compute,
    host,
    local,
    ml_artifacts,
    pipeline_identities,
    serving,
    unity_catalog,
    workspace,
)
from mlops_core.adapters.doctor.finding import Check, Finding, diagnose, ok, warning
from mlops_core.cli.saying import say
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import adapters, launcher_settings
from mlops_core.project import Project

COLORS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command(help=__doc__, short_help="Say what a target lacks, and the fix")
@click.option("--target", "name", help="The target; by default that of MLOPS_TARGET, else local.")
@click.option("--write-test", is_flag=True, help="Also write a file and remove it.")
@click.pass_obj
def main(project: Project, name: str | None, write_test: bool) -> None:
    logging.getLogger("databricks.sdk").setLevel(logging.CRITICAL)  # the findings say it
    try:
        target = load_target(project, name)
        found = examine(project, target, write_test)
    except (TargetError, ValueError) as error:  # the launcher's settings refuse what can't be staged
        say(str(error), fg="red", err=True)
        sys.exit(1)
    states = [_show(check, finding) for check, finding in found]
    click.echo(f"{target.name}: {', '.join(f'{states.count(state)} {state}' for state in COLORS)}")
    sys.exit(1 if "failed" in states else 0)


def examine(project: Project, target: Target, write_test: bool = False) -> Iterator[tuple[str, Finding]]:
    """The findings about `target`, each under the name of its check, as soon as they are known."""
    platform: Iterator[Check] = _local_checks(project, target, write_test)
    if target.platform == "databricks":
        platform = _databricks_checks(project, target, write_test)
    requirements = project.folder / "requirements.txt"
    if target.start == "arrival":
        needs = ("sign-in",) if target.platform == "databricks" else ()
        platform = chain(platform, [Check("arrival", partial(_arrival, project, target), needs)])
    return diagnose(
        [
            Check("python", host.python),
            Check("libraries", partial(host.libraries, requirements)),
            *platform,
            Check("schedules", partial(_schedules, project, target)),
            Check("alerts", partial(_alerts, target)),
        ]
    )


def _local_checks(project: Project, target: Target, write_test: bool) -> Iterator[Check]:
    state = target.state_path
    history = Path(os.environ.get("DAGSTER_HOME", state / "dagster"))
    yield Check("state folder", partial(local.writable, state, write_test))
    yield Check("run history", partial(local.writable, history, write_test))
    yield Check("mlflow", partial(local.mlflow_database, state / "mlflow" / "mlflow.db"))
    yield Check("tables", partial(local.whole_tables, state / "warehouse" / target.schema_name))
    for events in project.event_tables:
        yield Check(events.name, partial(local.source, events, target))
    yield Check("sail", partial(local.sail, state / "warehouse", target.schema_name))


def _databricks_checks(project: Project, target: Target, write_test: bool) -> Iterator[Check]:
    settings = launcher_settings(project, target)
    asked = workspace.TargetWorkspace(target, settings)

    def check(name: str, look: Callable[[workspace.TargetWorkspace], Iterable[Finding]], *needs: str) -> Check:
        return Check(name, partial(look, asked), needs)

    yield Check("versions", partial(compute.matching_versions, settings))
    yield Check("variables", partial(authentication.authentication_variables, os.environ))
    yield check("workspace", workspace.reachable)
    yield check("sign-in", workspace.signed_in, "workspace")
    yield check("catalog", unity_catalog.catalog, "sign-in")
    yield check("schema", unity_catalog.schema, "catalog")
    yield check("volume", unity_catalog.volume, "schema")
    yield check("grants", unity_catalog.grants, "volume")
    if write_test:
        yield check("volume write", unity_catalog.volume_write, "volume")
    for name in target.sources:
        yield Check(name, partial(unity_catalog.source, asked, name), ("sign-in",))
    of_models = [target.of(each) for each in project.each]
    for name in dict.fromkeys(each.registered_model for each in of_models):
        yield Check("model", partial(ml_artifacts.model, asked, name), ("schema",))
    for name in dict.fromkeys(each.experiment for each in of_models):
        yield Check("experiment", partial(ml_artifacts.experiment, asked, name), ("sign-in",))
    for each in of_models:
        if each.endpoint:
            look = partial(serving.endpoint, asked, each.endpoint.name, each.registered_model)
            yield Check("endpoint", look, ("model",))
    yield check("compute", compute.compute, "sign-in")
    if target.name == "prod":
        yield check("pull requests", pipeline_identities.pull_requests, "sign-in")
        for each in of_models:
            if each.promotion == "pipeline":
                shows = partial(pipeline_identities.shows_challenger, asked, each.registered_model, each.experiment)
                yield Check("approver", shows, ("model", "experiment"))


def _arrival(project: Project, target: Target) -> Iterator[Finding]:
    first = project.each[0]
    with adapters(first, target.of(first), "spark", "sources", "watched") as resources:
        yield from arrival.versions(resources.watched)


def _schedules(project: Project, target: Target) -> Iterator[Finding]:
    """What runs by itself once the code location is loaded; somebody may have switched it off in the UI since."""
    try:
        definitions = definitions_of(project, target)
    except ValueError as error:  # an alert channel lacks its variable, which a pipeline has no need of
        said, _, fix = str(error).partition(": ")
        yield warning(f"The definitions can't be built here: {said}", fix.rstrip("."))
        return
    running = (dg.DefaultScheduleStatus.RUNNING, dg.DefaultSensorStatus.RUNNING)
    starting = [*(definitions.schedules or ()), *(definitions.sensors or ())]
    names = [one.name for one in starting if one.default_status in running]
    if target.schedules == "stopped" and target.name in ("staging", "prod"):
        yield warning(f"{target.name} runs nothing by itself", "set schedules: running in databricks.yml")
    else:
        yield ok(f"Running by themselves: {', '.join(names) or 'none'}")


def _alerts(target: Target) -> Iterator[Finding]:
    """Whether people hear of a failed run; the channel's own settings are those of the place that runs the sensors."""
    if target.alert_channel == "none" and target.schedules == "running":
        yield warning("Nobody is told when a run fails", f"set alert_channel under {target.name} in databricks.yml")
    else:
        yield ok(f"alert_channel is {target.alert_channel}")


def _show(check: str, finding: Finding) -> str:
    fix = f". Fix: {finding.fix}" if finding.fix else ""
    click.secho(f"{finding.state:8}", fg=COLORS[finding.state], nl=False)
    say(f"{check}: {finding.said}{fix}")
    return finding.state
