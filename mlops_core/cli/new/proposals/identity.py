"""What tells one event from another."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.profile import WHISKER, Profile

MOST_COLUMNS = 4
MOST_COPIES = 0.05
_ID = re.compile(r"(^|_)(id|uuid|guid|key|number|no|nr|ref|reference)$|^id")


def is_id(name: str) -> bool:
    """Whether a column is called as one that numbers something."""
    return bool(_ID.search(name.lower()))


def identity_of(
    profile: Profile, time: str, unknown: Collection[str], given: Sequence[str], decide: Decisions
) -> tuple[str, ...]:
    """The columns that make an event unique, of those that are not `unknown` when it happens.

    Raises:
        NewProjectError: those given do not, or no few columns do and nobody can be asked.
    """
    profile.known(list(given), "--identity")
    possible = [name for name in profile.types if name not in unknown and profile.nulls[name] <= WHISKER]
    for name in given:
        if name not in possible:
            raise NewProjectError(
                f"--identity has '{name}', which is not known of every event from the start: choose from "
                f"{', '.join(possible)}."
            )
    names, copies = (tuple(given), _copies(profile, given)) if given else _smallest(profile, time, possible)
    alike = f"Rows can't be told apart: {copies:.0%} of them have the same {', '.join(names)} as another one"
    if given and copies > MOST_COPIES:
        raise NewProjectError(
            f"{alike}, and only one of those is accepted. Name columns that differ with --identity, or add one with a "
            "number a row."
        )
    found = f"{copies:.2%} of the rows are told by another one already and will be rejected" if copies else "unique"
    whole = "" if profile.is_all else " among the rows that were looked at"
    value = decide.settle(
        "--identity",
        "Which columns tell one event from another (separated by commas)?",
        ",".join(given),
        Proposal(",".join(names), f"{found}{whole}") if copies <= MOST_COPIES else Proposal("", alike),
    )
    chosen = tuple(name.strip() for name in value.split(","))
    return chosen if chosen == names else identity_of(profile, time, unknown, chosen, decide)


def _smallest(profile: Profile, time: str, possible: Sequence[str]) -> tuple[tuple[str, ...], float]:
    """One column that is unique, else the time and as few others as make it so."""
    single = [name for name in possible if profile.types[name] in ("int", "bigint", "string")]
    single = sorted(single, key=lambda name: (-is_id(name), _copies(profile, [name])))
    for name in single:
        if _copies(profile, [name]) <= (WHISKER if is_id(name) else 0):
            return (name,), _copies(profile, [name])
    chosen: tuple[str, ...] = (time,)
    copies = _copies(profile, chosen)
    for kinds in (("int", "bigint", "string", "date", "timestamp", "boolean"), ("float", "double")):
        others = [name for name in possible if profile.types[name] in kinds]
        while copies > 0 and len(chosen) < MOST_COLUMNS:
            rest = [name for name in others if name not in chosen]
            best = min(rest, key=lambda name: _copies(profile, [*chosen, name]), default="")
            if not best or (fewer := _copies(profile, [*chosen, best])) >= copies:
                break
            chosen, copies = (*chosen, best), fewer
    return chosen, copies


def _copies(profile: Profile, names: Sequence[str]) -> float:
    """The share of the rows that are called as an earlier one; of a sample, in which few meet, about that of all."""
    met = float(profile.frame.duplicated(list(names)).mean())
    return min(met * max(profile.total / len(profile), 1.0), 1.0)
