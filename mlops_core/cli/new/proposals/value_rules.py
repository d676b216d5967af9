"""Rules of rows: what holds for all but a whisker of the rows, with bounds that tomorrow's rows keep."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_core.cli.new.answers import RuleAnswer
from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.profile import WHISKER, Profile

if TYPE_CHECKING:
    import pandas as pd

MOST_RULES = 12
_SIGNED = re.compile(
    r"temp|delta|diff|change|balance|saldo|profit|margin|net|delay|score|growth|offset|residual|deviation|^lat|^lon|_lat|_lon"
)
"""Numbers that may be below zero tomorrow, though none of the rows has one that is."""
_FAR = 10
"""How far beyond nearly all values a bound lies."""


def rules_of(profile: Profile, numbers: Sequence[str], decide: Decisions) -> tuple[RuleAnswer, ...]:
    """Rules of these columns, the most broken ones first where there are many."""
    found = [(rule, float(is_so.mean())) for name in numbers for rule, is_so in _rules(profile.frame[name])]
    found = sorted(found, key=lambda each: -each[1])[:MOST_RULES]
    for rule, broken in found:
        decide.tell("rule", rule.reason, f"{broken:.2%} of the rows break it" if broken else "no row breaks it")
    return tuple(rule for rule, _ in found)


def is_broken(profile: Profile, numbers: Sequence[str]) -> pd.Series:
    """Which rows break a rule of these columns."""
    import pandas as pd

    broken = pd.Series(False, profile.frame.index)
    for name in numbers:
        for _, is_so in _rules(profile.frame[name]):
            broken |= is_so
    return broken


def _rules(values: pd.Series) -> list[tuple[RuleAnswer, pd.Series]]:
    """Rules, and which rows break each."""
    name = str(values.name)
    made = []
    if 0 < (values <= 0).mean() <= WHISKER:
        made.append((_rule(f"{name} <= 0", f"{name} not above zero", name, -1), values <= 0))
    elif (values < 0).mean() <= WHISKER and not _SIGNED.search(name.lower()):
        made.append((_rule(f"{name} < 0", f"{name} below zero", name, -1), values < 0))
    bound = rounded_up(_FAR * float(values.abs().quantile(1 - WHISKER)))
    if (values > bound).any():  # else no row says that there are values that can't be
        made.append((_rule(f"{name} > {bound}", f"{name} above {bound:,}", name, 2 * bound), values > bound))
    return made


def _rule(broken: str, reason: str, name: str, value: float) -> RuleAnswer:
    """The rule, with a value that breaks it."""
    return RuleAnswer(broken=broken, reason=reason, example={name: value})


def rounded_up(value: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    if value <= 1:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(int(each * power) for each in (1, 2, 5, 10) if each * power >= value)
