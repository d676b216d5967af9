"""Verdicts, and whether they let a version hold an alias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STATUS_TAG = "validation_status"
PASSED, FAILED, DRY_RUN, SKIPPED = "passed", "failed", "dry_run", "skipped"
CHAMPION_RULE = "candidate_beats_champion"


class NotValidatedError(ValueError):
    """A version without a verdict that lets it hold an alias."""


@dataclass(frozen=True)
class Verdict:
    """One rule's outcome: `value` against `bound`, both in the metric's unit."""

    rule: str
    passed: bool
    value: float
    bound: float | None
    sentence: str


def status(verdicts: Sequence[Verdict], run_mode: str) -> str:
    """What is written on the version: `passed` alone lets it be promoted, and a dry run never says that."""
    if run_mode == "dry_run":
        return DRY_RUN
    return PASSED if all(verdict.passed for verdict in verdicts) else FAILED


def require_promotable(tags: Mapping[str, str], version: int) -> None:
    """Refuse a version whose recorded verdict does not let it hold an alias; `skipped` (validation off) does.

    Raises:
        NotValidatedError: the version failed, was only tried in a dry run, or was never validated.
    """
    found = tags.get(STATUS_TAG)
    if found in (PASSED, SKIPPED):
        return
    reason = f"its {STATUS_TAG} is '{found}'" if found else "it was never validated"
    raise NotValidatedError(
        f"Version {version} may not be promoted: {reason}; run the checks of 'fare_model' with run_mode 'enabled'."
    )
