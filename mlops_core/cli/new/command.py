"""`python -m mlops_core.cli.new NAME`: a project of your own, from a table of your own, in a minute.

It reads a sample of the rows and proposes everything else, each with the reason: types, times, label, identity, row
rules, feature tables, slices, thresholds. What it can't tell it asks at a terminal, and again with the reason where an
answer can't be; elsewhere say it with an argument.
Nothing is written before all of it is settled.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import click

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.ask import Decisions, Proposal, accept
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.mlops_stacks import CHECKLIST, arguments, checklist, from_mlops_stacks, taken_over
from mlops_core.cli.new.names import check_name
from mlops_core.cli.new.proposals.labels import KINDS
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.questions import Interview
from mlops_core.cli.new.rows import read

ROOT = Path(__file__).resolve().parents[3]
WAREHOUSE = "DATABRICKS_WAREHOUSE_ID"
T = TypeVar("T")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", required=False, default="")
@click.option("--rows", default="", help="A parquet, CSV or Delta file or folder, or catalog.schema.table.")
@click.option("--toy", is_flag=True, help="No rows of yours: a toy problem of the kind that --kind says.")
@click.option("--kind", default="", help=f"Kind of problem: {', '.join(KINDS)}.")
@click.option("--event-time", default="", help="Column: when an event happens, and is predicted.")
@click.option("--known-at", default="", help="Column: when its label is known.")
@click.option("--known-after", default="", help="How long after the event the label is known, such as 12h or 30d.")
@click.option("--known-at-sql", default="", help='The same as SQL, such as "began_at + minutes * INTERVAL 1 MINUTE".')
@click.option("--label", default="", help="Column: what is predicted; with --label-sql the name of the new one.")
@click.option("--label-sql", default="", help='The label as SQL over the columns, such as "arrival_delay > 15".')
@click.option("--positive", default="", help="Which of a binary label's two values is predicted.")
@click.option("--unit", default="", help="What the numbers of the label are in, such as EUR.")
@click.option("--identity", multiple=True, help="Column that tells one event from another; several times for several.")
@click.option(
    "--entity", multiple=True, help="Column that features are kept of; several times for several, - for none."
)
@click.option(
    "--known-late", multiple=True, help="Column that is known only with the label; several times for several."
)
@click.option("--known-in-time", multiple=True, help="Column that is known at the event, whatever it looks like.")
@click.option("--without", multiple=True, help="Column that is not read at all; several times for several.")
@click.option(
    "--csv-format",
    multiple=True,
    help="How CSV writes a column, such as amount=decimal_comma; several times for several.",
)
@click.option("--time-zone", default="UTC", help="Zone whose wall clock the times are, such as Europe/Berlin.")
@click.option("--noun", default="", help="What one row is called, such as 'order'.")
@click.option("--title", default="", help="What is predicted, in a line.")
@click.option("--owner", default="", help="Owner of the assets: team:<name> or an email address.")
@click.option("--warehouse", default=lambda: os.environ.get(WAREHOUSE, ""), help=f"SQL warehouse; {WAREHOUSE}.")
@click.option(
    "--from-mlops-stacks", "old", default="", help="Folder of a rendered project of Databricks' MLOps Stacks."
)
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, help="The repository that gets the project.")
@click.option("--copy-to", type=click.Path(path_type=Path), help="A new folder: a repository of the project's own.")
@click.option("--wheel", is_flag=True, help="With --copy-to: depend on the package mlops_core instead of holding it.")
@click.option("--yes", is_flag=True, help="Take what is proposed.")
def main(name: str, *, root: Path, yes: bool, old: str, **stated: Any) -> None:
    logging.getLogger("databricks.sdk").setLevel(logging.CRITICAL)
    try:
        _check_place(stated["copy_to"], stated["wheel"])
        imported = from_mlops_stacks(Path(old), name) if old else None
        name, _ = _agreed(lambda decide: _named(name or (imported.project if imported else ""), root, decide), yes)
        said = arguments(imported, stated) if imported else stated
        read_once = lru_cache(maxsize=2)(read)  # without the formats that a person is asked for, and with them
        answers, decide = _agreed(lambda decide: settled(name, said, root, decide, read_once), yes)
        answers = taken_over(answers, imported, decide) if imported else answers
        _show(decide)
        if not yes and not _go_on(name):
            click.echo("Nothing was written.")
            return
        files = _rendered(answers, root, stated["copy_to"], stated["wheel"])
    except KeyboardInterrupt:
        click.echo("Nothing was written.", err=True)
        sys.exit(130)
    except (NewProjectError, ValueError, OSError) as error:
        click.secho(_sentence(error), fg="red", err=True)
        sys.exit(1)
    click.echo(f"{name}/ has {len(files)} files: read {name}/project.py first.")
    home = stated["copy_to"] or root
    if imported:
        (home / name / CHECKLIST).write_text(checklist(imported, answers))
        click.echo(
            f"{name}/{CHECKLIST} has {len(imported.moved)} things that you move by hand, with the place of each."
        )
    click.secho(f"Next: cd {home} && make run" if stated["copy_to"] else f"Next: make run PROJECT={name}", bold=True)


def _agreed(settle: Callable[[Decisions], T], yes: bool) -> tuple[T, Decisions]:
    """What is settled, and the decisions; of a person at a terminal a refused answer is asked again, with the reason.

    Raises:
        NewProjectError, ValueError, OSError: it is refused, and no answer would mend it.
    """
    is_asked = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    interview = Interview()
    while True:
        decide = Decisions(interview if is_asked else accept)
        try:
            return settle(decide), decide
        except (NewProjectError, ValueError, OSError) as error:
            if not interview.forget(_sentence(error)):
                raise
            click.secho(_sentence(error), fg="red", err=True)


def _named(given: str, root: Path, decide: Decisions) -> str:
    name = given or decide.ask("NAME", "What is the project called?", Proposal("", "The project has no name"))
    check_name(name, root)
    return name


def settled(
    name: str, stated: dict[str, Any], root: Path, decide: Decisions, read: Callable[..., Profile] = read
) -> Answers:
    """The answers, by what was stated and what `decide` settles.

    Raises:
        NewProjectError: something is missing or contradicts the rows.
        ValueError: the rows can't be read.
    """
    from mlops_core.cli.new.proposals.formats import formats_of
    from mlops_core.cli.new.proposals.found import Asked, find
    from mlops_core.cli.new.proposals.to_answers import answers_of
    from mlops_core.cli.new.toys import toy

    if stated["toy"]:
        kind = decide.settle("--kind", "What kind of problem?", stated["kind"], Proposal("binary", "the usual"), KINDS)
        return toy(name, kind, decide, owner=stated["owner"])
    rows = decide.settle(
        "--rows",
        "Where are the rows (a parquet, CSV or Delta file or folder, or catalog.schema.table)?",
        stated["rows"],
        Proposal("", "Nothing says where the rows are (or --toy for generated ones)"),
    )
    reading = {"zone": stated["time_zone"], "without": stated["without"], "warehouse": stated["warehouse"]}
    formats = stated["csv_format"]
    profile = read(rows, root, **reading, formats=formats)
    if further := formats_of(profile, decide):
        profile = read(rows, root, **reading, formats=(*formats, *further))
    decide.tell("looked at", f"{len(profile):,} of {profile.total:,} rows", f"{len(profile.types)} columns")
    known = {field: stated[field] for field in Asked.__dataclass_fields__ if field in stated}
    asked = Asked(project=name, entities=stated["entity"], **known)
    return answers_of(asked, find(asked, profile, decide, date.today()), decide)


def _go_on(name: str) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NewProjectError("This is what would be written, and nobody can be asked here: agree with --yes.")
    from mlops_core.cli.new.questions import confirmed

    return confirmed(f"Write the project {name}?")


def _show(decide: Decisions) -> None:
    from mlops_core.cli.new.shown import table

    click.echo(table(decide.lines))


def _check_place(copy_to: Path | None, wheel: bool) -> None:
    """Before anybody is asked anything."""
    from mlops_core.cli.new.own_repository import require_new
    from mlops_core.cli.new.render import RenderError

    if wheel and not copy_to:
        raise NewProjectError("--wheel is for a repository of its own: name its folder with --copy-to.")
    try:
        if copy_to:
            require_new(copy_to)
    except RenderError as error:
        raise NewProjectError(str(error)) from error


def _rendered(answers: Answers, root: Path, copy_to: Path | None, wheel: bool) -> list[Path]:
    from mlops_core.cli.new.own_repository import new_repository
    from mlops_core.cli.new.render import RenderError, render

    try:
        return new_repository(answers, root, copy_to, wheel=wheel) if copy_to else render(answers, root)
    except RenderError as error:
        raise NewProjectError(str(error)) from error


def _sentence(error: Exception) -> str:
    """The error as one sentence; of the operating system's, what it was about."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} can't be read or written: {error.strerror}."
    if isinstance(error, OSError) and not str(error).endswith("."):
        return f"The rows can't be read ({str(error).rstrip('.')}): name a source that this user may read."
    return str(error)
