"""Detecting inputs of the event that are known only with the label, by their nulls.

Columns that are filled in as an event progresses, such as a delay, are null for events that have not ended, or never
will.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mlops_core.project import Project

FEWEST = 20
"""With fewer events without a label, nothing is concluded."""

UNLABELLED, RATIO = 0.8, 0.5
"""A column is suspect when it is null of at least this share of the events without a label, and of those with one at
most `RATIO` as often. Not of all of them: one in eight flights that never landed had departed, and so had a delay.
"""


def late_inputs(project: Project, events: DataFrame) -> dict[str, str]:
    """Columns that inputs are made of and that seem to be known only with the label -> why, in one sentence.

    A column that is declared with `known_late=False` is vouched for.

    Args:
        events: all accepted events, as they are now.
    """
    names = dict.fromkeys(source for each in project.inputs for source in project.sources(each))
    asked = [name for name in names if project.events.column(name).known_late is None]
    if not asked:
        return {}
    nulls = [F.avg(F.isnull(name).cast("double")).alias(name) for name in asked]
    counted = events.groupBy(F.expr(project.events.is_labelled).alias("is_labelled")).agg(
        F.count("*").alias("n"), *nulls
    )
    shares = {row["is_labelled"]: row for row in counted.collect()}
    labelled, other = shares.get(True), shares.get(False)
    if labelled is None or other is None or other["n"] < FEWEST:
        return {}
    suspects = [name for name in asked if other[name] >= UNLABELLED and labelled[name] <= RATIO * other[name]]
    return {name: _why(project, name, other[name], labelled[name]) for name in suspects}


def _why(project: Project, name: str, unlabelled: float, labelled: float) -> str:
    nouns = project.events.nouns
    return (
        f"{name} is null of {unlabelled:.0%} of the {nouns} without a label and of {labelled:.0%} of the others, as if "
        "it were known only with the label: declare it known_late and leave it out of the inputs, or known_late=False "
        "when it is known in time"
    )
