"""Predictions among several classes in SQL.

It is over `prediction`, the probabilities in the order of the declaration, or over the columns that the table has.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.tasks.class_names import as_text
from mlops_core.tasks.shape import Label
from mlops_core.tasks.task import Output

PROBABILITIES = "class_probabilities"
KNOWN = "NOT exists(prediction, each -> each IS NULL OR isnan(each))"
LIKELIEST = "CAST(array_position(prediction, array_max(prediction)) AS int) - 1"


def outputs(classes: Sequence[Label], kind: str) -> tuple[Output, ...]:
    """The likeliest class, of the type `kind`, its probability, and that of each; null where one is no number."""
    entries = ", ".join(f"{as_text(each)}, get(prediction, {place})" for place, each in enumerate(classes))
    meaning = "Class of `{label}` that is the likeliest; of equals, the first that is declared"
    predicted = f"CASE WHEN {KNOWN} THEN get({array(classes)}, {LIKELIEST}) END"
    probability = f"CASE WHEN {KNOWN} THEN array_max(prediction) END"
    return (
        Output("prediction", kind, meaning, predicted),
        Output("predicted_probability", "double", "Probability of that class", probability),
        Output(PROBABILITIES, "map<string,double>", "Probability of each class of `{label}`", f"map({entries})"),
    )


def answer(classes: Sequence[Label]) -> str:
    """The probabilities of a row of the table, in the order of the declaration."""
    return f"array({', '.join(f'{PROBABILITIES}[{as_text(each)}]' for each in classes)})"


def judged(classes: Sequence[Label], label: str) -> dict[str, str]:
    """The places of both classes, that of a label which is not declared being -1, and the label's probability."""
    actual = place(classes, label)
    probability = f"CASE WHEN {actual} < 0 THEN 0D ELSE get({PROBABILITIES}, {actual}) END"
    return {"predicted": place(classes, "prediction"), "actual": actual, "likelihood": probability}


def place(classes: Sequence[Label], column: str) -> str:
    """The place of the class that a column has; -1 where it is not declared."""
    value = column if isinstance(classes[0], str) else f"CAST({column} AS bigint)"
    return f"(CAST(array_position({array(classes)}, {value}) AS int) - 1)"


def names(classes: Sequence[Label]) -> str:
    """The classes as an array of texts."""
    return f"array({', '.join(map(as_text, classes))})"


def array(classes: Sequence[Label]) -> str:
    """The classes as an array of what they are."""
    return (
        f"array({', '.join(as_text(each) if isinstance(each, str) else f'CAST({each} AS bigint)' for each in classes)})"
    )


def in_order(classes: Sequence[Label], answered: Sequence[Label]) -> str:
    """An answer whose columns are of the classes `answered`, in the order of `classes`; 0 for what it lacks."""
    there = (f"get(prediction, {answered.index(each)})" if each in answered else "0D" for each in classes)
    return f"CASE WHEN size(prediction) = {len(answered)} THEN array({', '.join(there)}) END"
