"""What somebody is asked to approve: the challenger beside the champion, in Markdown.

`python -m my_mlops_stacks challenger --target prod --version 12` only reads the registry. It ends with 1 where that
version is not the challenger, or may not be promoted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import click

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import RegistryUnavailableError, registry_answers
from mlops_core.cli.one_model import model_option, project_of
from mlops_core.config import TargetError, load_target
from mlops_core.defs.refusals import REFUSALS
from mlops_core.defs.resources import adapters
from mlops_core.deployment.promotion import CHAMPION, approved
from mlops_core.project import Project
from mlops_core.validation.verdict import require_judged_against, require_promotable

NOTHING = "nothing was changed"


@click.command(help=__doc__, short_help="Show the challenger beside the champion")
@click.option("--version", type=click.IntRange(min=1), required=True, help="The challenger that is to be approved")
@click.option("--summary", type=click.Path(path_type=Path), default=None, help="A file that gets the same text")
@model_option
@click.option("--target", default=None, help="Else MLOPS_TARGET, else local")
@click.pass_obj
def main(project: Project, version: int, summary: Path | None, model: str | None, target: str | None) -> None:
    try:
        one = project_of(project, model)
        with adapters(one, load_target(one, target).of(one), "model_registry") as resources:
            registry: ModelRegistry = resources.model_registry
            with registry_answers(registry.tracking_uri, NOTHING, then="ask again"):
                text = shown(one, registry, version)
    except (TargetError, RegistryUnavailableError, *REFUSALS) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
    click.echo(text)
    if summary:
        summary.write_text(f"{text}\n")


def shown(project: Project, registry: ModelRegistry, version: int) -> str:
    """The page of an approval.

    Raises:
        NotTheChallengerError, NotValidatedError: another version is the challenger, or this one may not be promoted.
    """
    challenger = registry.at_alias("challenger")
    approved(version, challenger.version, project.named)
    require_promotable(challenger.record, version)
    champion = registry.find_alias(CHAMPION)
    require_judged_against(challenger.record, version, champion.version if champion else None, named=project.named)
    beside = champion if champion and champion.version != version else None
    return "\n".join([*_metrics(project, registry, challenger, beside), "", *_facts(project, registry, challenger)])


def _metrics(
    project: Project, registry: ModelRegistry, challenger: ModelVersion, champion: ModelVersion | None
) -> Iterator[str]:
    """The held-out metrics of both, each on the rows that its own training held out, and the difference."""
    ours, task = registry.run_metrics(challenger), project.model.task
    theirs = registry.run_metrics(champion) if champion else {}
    yield f"# {challenger.name} version {challenger.version}, the challenger"
    yield ""
    other = f"champion {champion.version}" if champion else "no champion"
    yield f"| held out | version {challenger.version} | {other} | change |"
    yield "|---|---|---|---|"
    for name, value in task.headlines(ours).items():
        before = task.headlines(theirs).get(name) if theirs else None
        known = (f"{before:.4g}", f"{value - before:+.3g}") if before is not None else ("", "")
        yield f"| {name} | {value:.4g} | {known[0]} | {known[1]} |"


def _facts(project: Project, registry: ModelRegistry, challenger: ModelVersion) -> Iterator[str]:
    record = challenger.record
    told = {
        "gate": f"{record.validation_status}, judged against {record.validated_against}",
        "shadow": record.shadow_status or f"not yet, {project.named('promote_job')} looks first",
        "leak check": record.leak_check,
        "held out": f"from {record.held_out_from}",
        "trained in Dagster run": record.dagster_run_id,
        "git commit": record.git_commit,
        "copied from": f"{record.copied_from} by {record.copied_by}" if record.copied_from else None,
        "page": registry.version_url(challenger),
    }
    yield from (f"- {name}: {_plain(str(value))}" for name, value in told.items() if value)


def _plain(text: str) -> str:
    """One line without markup: whoever may tag a version writes it, and a pipeline's log obeys lines of `##vso`."""
    return escape(" ".join(text.split()), quote=False).replace("##", "# #")
