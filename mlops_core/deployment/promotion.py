"""Promotions and rollbacks: which aliases move, in which order, and what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlops_core.version_record import VersionRecord

CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"

AUTOMATIC, UNKNOWN = "automatic", "unknown"
TRAINED_IN = "trained_in_dagster_run"


@dataclass(frozen=True)
class Holder:
    """The version that holds an alias; it may have been deleted since."""

    version: int
    deleted: bool = False


@dataclass(frozen=True)
class Decision:
    """The decision that a version becomes champion: who made it, and why."""

    model: str
    version: int
    by: str
    reason: str

    def entry(self, before: Holder | None, record: VersionRecord, measured: Mapping[str, float]) -> dict[str, object]:
        """One entry of the champion's history, which is that of its asset's materializations.

        Args:
            before: who was champion until now, None for the first one.
            record: of the version; training wrote its commit and its Dagster run there.
            measured: the task's headline metrics on the held-out rows of its training; the history shows them side by
                side.
        """
        return {
            "model_name": self.model,
            "version": self.version,
            "from_version": followed(before),
            "decided_by": self.by,
            "reason": self.reason,
            "git_commit": record.git_commit or UNKNOWN,
            TRAINED_IN: record.dagster_run_id or UNKNOWN,
        } | dict(measured)


def followed(before: Holder | None) -> int | str:
    """The predecessor of a champion, as the history states it."""
    if before is None:
        return "none"
    return f"{before.version} (deleted)" if before.deleted else before.version


class NotShadowedError(ValueError):
    """The challenger has not passed shadow scoring beside the champion."""


def shadow_status(passed: bool, champion: int) -> str:
    """The outcome of shadow scoring beside the version `champion`, as it is recorded on the challenger."""
    return f"{'passed' if passed else 'failed'} against {champion}"


def require_shadowed(
    record: VersionRecord, version: int, champion: int | None, named: Callable[[str], str] = str
) -> None:
    """Refuse a version that was not shadow scored beside `champion`; the first champion needs none.

    `named` gives the name of a job.

    Raises:
        NotShadowedError: the check was not run beside this champion, or failed.
    """
    if champion in (None, version):
        return
    found = record.shadow_status or "missing"
    if found == shadow_status(False, champion):
        raise NotShadowedError(
            f"Version {version} may not follow champion {champion}: it has no prediction for some events that "
            f"{champion} predicted, as the check predicts_what_the_champion_predicted of 'challenger' says; no "
            "alias was moved."
        )
    if found != shadow_status(True, champion):
        raise NotShadowedError(
            f"Version {version} may not follow champion {champion}: its shadow_status is '{found}'; launch "
            f"{named('promote_job')}, which runs the check predicts_what_the_champion_predicted first; no alias was "
            "moved."
        )


class NotTheChallengerError(ValueError):
    """The approved version is not, or no longer, the challenger."""


def approved(asked: int | None, waiting: int, named: Callable[[str], str] = str) -> int:
    """The approved version: it is named explicitly, so that nobody approves a version that they have not seen.

    Raises:
        NotTheChallengerError: another version is the challenger.
    """
    if asked not in (None, waiting):
        raise NotTheChallengerError(
            f"Version {asked} was approved, but version {waiting} is the challenger: look at that one, and name it; "
            f"to go back to an earlier version, launch {named('rollback_job')}."
        )
    return waiting


def alias_moves(alias: str, holder: Holder | None, version: int) -> list[tuple[str, int]]:
    """The moves, as (alias, version), that give `alias` of `holder` to `version`; none when it has it already.

    The old champion becomes `previous_champion` before the alias `champion` moves: a crash between the two leaves the
    old champion in place, and doing it again completes it. A deleted champion gets no alias.
    """
    if holder == Holder(version):
        return []
    if alias == CHAMPION and holder is not None and not holder.deleted:
        return [(PREVIOUS_CHAMPION, holder.version), (CHAMPION, version)]
    return [(alias, version)]
