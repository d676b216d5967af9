"""Names of classes: which may be declared, and how SQL, metrics and people have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_core.tasks.shape import Label

FEWEST_CLASSES, MOST_CLASSES = 3, 100
LARGEST_CLASS = 2**53
"""Beyond it a double, which tables are compared by, does not hold every whole number."""
OF_ALL = ("macro", "score")
"""How names of metrics end that are of no class."""
SHOWN = 8
"""So many classes stand in a sentence."""


def refusal(classes: tuple[Label, ...]) -> str:
    """Why these are no classes; empty when they are."""
    kinds = {type(each) for each in classes}
    if classes and kinds not in ({str}, {int}):
        return f"classes must be texts or whole numbers, and all the same, not {classes[:5]!r}"
    if repeated := [each for each in dict.fromkeys(classes) if classes.count(each) > 1][:5]:
        return f"classes has {', '.join(map(repr, repeated))} twice"
    if any(abs(each) > LARGEST_CLASS for each in classes if isinstance(each, int)):
        return "a class is a whole number up to 2 to the power of 53, or a text"
    if len(classes) < FEWEST_CLASSES:
        return (
            f"{len(classes)} classes are too few: of two, predict one by a BinaryClassification, whose label is "
            "computed_by a condition, such as \"answer = 'yes'\""
        )
    if len(classes) > MOST_CLASSES:
        return (
            f"{len(classes):,} classes are more than {MOST_CLASSES}, and each has metrics of its own: put rare ones "
            "together by computed_by of the label, or predict a number"
        )
    return ""


def slugs_of(classes: tuple[Label, ...]) -> list[str]:
    """Each class as letters, digits and underscores; by its place where nothing is left, or another is the same."""
    found: list[str] = []
    for place, each in enumerate(classes):
        slug = re.sub(r"[^a-z0-9]+", "_", str(each).lower()).strip("_")
        is_free = slug and slug not in (*found, *OF_ALL) and not re.fullmatch(r"class_\d+", slug)
        found.append(slug if is_free else f"class_{place}")
    return found


def listed(classes: Sequence[Label]) -> str:
    """The classes for people, the first of many."""
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return ", ".join(map(repr, classes[:SHOWN])) + more


def as_text(value: Label) -> str:
    """The name of a class as a text in SQL."""
    quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{quoted}'"
