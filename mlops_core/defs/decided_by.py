"""Who decides: whom the sign-in in front of Dagster knows, else whose name was written.

`SignedInRunCoordinator` writes the tags of these names on a run, whatever a client of the webserver asks for: they say
what the sign-in said, and nothing else. Runs of schedules and sensors have none.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from mlops_core.config import ModelTarget, Target
from mlops_core.defs.config import NOT_BLANK
from mlops_core.defs.refusals import Refused

USER = "user"
"""The tag of who launched a run, by which Dagster's own pages show it."""
APPROVED_IN = "approved_in"
"""The tag of the page on which a pipeline's environment was approved."""


def name_field(target: Target) -> Any:
    """The field of a config that asks for a name; where people sign in, it may stay empty."""
    if target.decided_by == "typed":
        return Field(pattern=NOT_BLANK, description="Your name")
    return Field("", description="You, as you have signed in: leave it out")


def who_decides(run: dg.DagsterRun, written: str, target: Target) -> str:
    """The name of who decides in `run`, where `written` is that of its config.

    Raises:
        Refused: somebody else has signed in, nobody has where the target wants it, or nobody is named at all.
    """
    known, written = run.tags.get(USER, "").strip(), written.strip()
    if known and written and written.casefold() != known.casefold():
        raise Refused(f"{known} has signed in, but the name in the config is {written}: leave it out; nothing changed.")
    if not known and target.decided_by == "signed_in":
        raise Refused(
            "Nobody who signed in launched this run, and decided_by of the target is signed_in: launch the job in "
            "Dagster's UI, through the sign-in; nothing changed."
        )
    if not known and not written:
        raise Refused("The config names nobody: write your name into it; nothing changed.")
    return known or written


def approved_in(run: dg.DagsterRun) -> dict[str, dg.MetadataValue]:
    """The metadata of a promotion that names the page on which it was approved, if there is one."""
    page = run.tags.get(APPROVED_IN)
    return {APPROVED_IN: dg.MetadataValue.url(page)} if page else {}


def require_approved_in(run: dg.DagsterRun, target: ModelTarget) -> None:
    """Refuse a promotion that the pipeline of promotions did not launch, where the target promotes by that alone."""
    if target.promotion == "pipeline" and not run.tags.get(APPROVED_IN):
        raise Refused(
            "promotion of the target is pipeline: run the pipeline of promotions in Azure DevOps, whose environment is "
            "approved before it launches this job; no alias was moved."
        )
