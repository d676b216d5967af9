"""Slices: by what predictions are looked at besides as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.cli.new.answers import SliceAnswer
from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.profile import Profile

MOST_VALUES = 50
_QUARTILES = (0.25, 0.5, 0.75)


def slices_of(
    profile: Profile, time: str, names: Sequence[str], numbers: Sequence[str], decide: Decisions
) -> tuple[SliceAnswer, ...]:
    """By the hour, by the first name that has few values, and by bands of the first number.

    Args:
        names, numbers: Inputs, the most useful first.
    """
    made = []
    if profile.frame[time].dt.hour.nunique() > 1:
        made.append(SliceAnswer(kind="ByHour", name="by_hour", column=time, title="hour"))
    name = next((each for each in names if profile.distinct[each] <= MOST_VALUES), next(iter(names), ""))
    if name:
        made.append(SliceAnswer(kind="ByValue", name=f"by_{name}", column=name, title=name.replace("_", " ")))
    for number in numbers:
        if edges := _edges(profile, number):
            title = number.replace("_", " ")
            made.append(SliceAnswer(kind="ByBand", name=f"{number}_band", column=number, title=title, edges=edges))
            break
    decide.tell("slices", ", ".join(each.name for each in made) or "none", "the time and the most useful inputs")
    return tuple(made)


def _edges(profile: Profile, name: str) -> tuple[float, ...]:
    """Rounded quartiles of a number that is not below zero; empty when they are not apart."""
    values = profile.frame[name].dropna()
    if values.quantile(0.01) < 0:
        return ()
    edges = sorted({float(f"{value:.1g}") for value in values.quantile(_QUARTILES)} - {0.0})
    return tuple(edges) if len(edges) > 1 else ()
