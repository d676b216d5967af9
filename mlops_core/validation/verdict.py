"""Verdicts, and whether they let a version hold an alias."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_core.version_record import VersionRecord

LEAK_CHECK = "features_are_known_in_time"
UNCHECKED, NO_RULE = "unchecked", "none"

PASSED, FAILED, DRY_RUN, SKIPPED = "passed", "failed", "dry_run", "skipped"
JUDGING = "judging"
"""Written before a validation starts: one that crashes leaves the version without a verdict."""

VERDICTS = (PASSED, FAILED, SKIPPED)

NO_CHAMPION, UNCOMPARED = "none", "nobody: enable_baseline_comparison was off"
ITSELF = "nobody: it was the champion itself"
CHAMPION_RULE = "candidate_beats_champion"


def in_unit(value: float, unit: str) -> str:
    """The number for people, such as '3.46 EUR'."""
    return f"{value:.4g} {unit}".rstrip()


class NotValidatedError(ValueError):
    """The version's verdict does not allow it to hold an alias."""


@dataclass(frozen=True)
class Verdict:
    """One rule's outcome: `value` against `bound`, both in `unit`."""

    rule: str
    passed: bool
    value: float
    bound: float | None
    sentence: str
    unit: str = ""

    @property
    def limit(self) -> str:
        """The bound for people."""
        return "none" if self.bound is None else in_unit(self.bound, self.unit)


def status(verdicts: Sequence[Verdict], run_mode: str) -> str:
    """The status recorded on the version: only `passed` allows a promotion, and a dry run never records it."""
    if run_mode == "dry_run":
        return DRY_RUN
    return PASSED if all(verdict.passed for verdict in verdicts) else FAILED


def failed_rules(verdicts: Sequence[Verdict]) -> str:
    """The `failed_rules` of a version's record, `NO_RULE` when it failed none."""
    return "; ".join(f"{found.rule}: {found.sentence}" for found in verdicts if not found.passed) or NO_RULE


def refusal(record: VersionRecord, version: int, dagster_run: str) -> str | None:
    """Why validation refuses a version its alias in `dagster_run`, as intended; None when it does not."""
    found = record.validation_status
    because = f" ({record.failed_rules})" if record.failed_rules not in (None, NO_RULE) else ""
    if found == DRY_RUN or record.dry_run_in_dagster_run == dagster_run:
        return f"Version {version} was judged in a dry run, which promotes nothing{because}; no alias was moved."
    if found == FAILED and record.leak_check == PASSED:
        return f"Version {version} is refused, for it did not pass validation{because}; no alias was moved."
    return None


def against(champion: int | None, compared: bool, candidate: int) -> str:
    """What a validation of version `candidate` writes as `validated_against`."""
    if not compared:
        return UNCOMPARED
    if champion == candidate:
        return ITSELF
    return NO_CHAMPION if champion is None else str(champion)


def require_promotable(
    record: VersionRecord, version: int, accepted: Sequence[str] = (PASSED, SKIPPED), was_champion: bool = False
) -> None:
    """Refuse a version whose recorded verdict does not let it hold an alias; `skipped` (validation off) does.

    Args:
        was_champion: whether it has been champion before; such a version may return without a leak check.

    Raises:
        NotValidatedError: the version failed, was only tried in a dry run, was never validated, or not to the end; or
            its features may know the future, for the check failed, was not run, or the version was made by hand.
    """
    leak_check = record.leak_check
    if leak_check != PASSED and not (leak_check is None and was_champion):
        told = f"'{leak_check}'" if leak_check else "missing"
        raise NotValidatedError(
            f"Version {version} may not be promoted: its leak_check is {told}; give it the alias candidate, run the "
            f"model's check {LEAK_CHECK}, and train again where it fails; no alias was moved."
        )
    found = record.validation_status
    if found in accepted:
        return
    reason = f"its validation_status is '{found}'" if found else "it was never validated"
    raise NotValidatedError(
        f"Version {version} may not be promoted: {reason}; give it the alias candidate and launch judge_job "
        "with run_mode 'enabled'; no alias was moved."
    )


def require_judged_against(
    record: VersionRecord, version: int, champion: int | None, is_held: bool = True, named: Callable[[str], str] = str
) -> None:
    """Refuse a version that was compared with another one than `champion`: the holder, or the last one (not `is_held`).

    Exempt are versions whose comparison was switched off, `skipped` ones among them. `named` gives the name of a job.

    Raises:
        NotValidatedError: another version has become champion since.
    """
    found = record.validated_against or "nobody"
    is_free = record.validation_status == SKIPPED or found == UNCOMPARED
    if is_free or champion in (None, version) or found == str(champion):
        return
    fact, fix = (
        (f"{champion} is champion", f"{_judged_again(record, named)}, which judges it against {champion}")
        if is_held
        else (
            f"{champion}, the last champion, lost the alias",
            f"launch {named('rollback_job')} with a version that may serve",
        )
    )
    raise NotValidatedError(f"Version {version} was judged against {found}, but {fact}: {fix}; no alias was moved.")


def _judged_again(record: VersionRecord, named: Callable[[str], str]) -> str:
    """How to get a version judged again: through the run that trained it here, which carries the version."""
    if record.dagster_run_id is None or record.copied_from:
        return f"give it the alias candidate and launch {named('judge_job')}"
    return f"re-execute the run {record.dagster_run_id} from the step candidate_validation on"


def as_copied(record: VersionRecord, origin: str, copied_by: str) -> VersionRecord:
    """The record of a copy: what the version is, and as a note what it was judged to be; runs are those of `origin`.

    A verdict, aliases, and the versions of tables are those of an environment. Whoever may write tags there could write
    them.
    """
    there = "/" not in (search := record.search_run_id or "")
    return VersionRecord(
        leak_check=UNCHECKED,
        dagster_run_id=record.dagster_run_id,
        git_commit=record.git_commit,
        trained_from=record.trained_from,
        held_out_from=record.held_out_from,
        training_share=record.training_share,
        answered_classes=record.answered_classes,
        decision_threshold=record.decision_threshold,
        search_run_id=(f"{origin}/{search}" if there else search) if search else None,
        copied_by=copied_by,
        judged_there=f"{record.validation_status} against {record.validated_against or 'nobody'}",
    )
