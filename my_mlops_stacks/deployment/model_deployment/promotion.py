"""Which aliases a promotion or a rollback moves, in which order, and what is written down about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"


AUTOMATIC = "automatic"

HEADLINE_METRICS = ("root_mean_squared_error", "mean_absolute_error", "r2_score")
"""Of the run that trained a version; beside each other in the history, they show what each promotion brought."""


@dataclass(frozen=True)
class Decision:
    """That a version becomes champion: who decided it, and why."""

    version: int
    by: str
    reason: str

    def entry(self, before: int | None, tags: Mapping[str, str], metrics: Mapping[str, float]) -> dict[str, object]:
        """One entry of the champion's history, which is that of its asset's materializations.

        Args:
            before: the version that was champion until now, None for the first one.
            tags: of the version; training wrote its commit and its Dagster run there.
            metrics: of the run that trained it, on its held-out rows.
        """
        measured = {name: metrics[name] for name in HEADLINE_METRICS if name in metrics}
        return {
            "version": self.version,
            "from_version": "none" if before is None else before,
            "decided_by": self.by,
            "reason": self.reason,
            "git_commit": tags.get("git_commit", "unknown"),
            "trained_in_dagster_run": tags.get("dagster_run_id", "unknown"),
        } | measured


class NotTheChallengerError(ValueError):
    """An approval of a version that is not, or no longer, the one that waits."""


def approved(asked: int | None, waiting: int) -> int:
    """The version that an approval is of: the one that waits, named so that nobody approves what they have not seen.

    Raises:
        NotTheChallengerError: another version waits.
    """
    if asked not in (None, waiting):
        raise NotTheChallengerError(
            f"Version {asked} was approved, but version {waiting} is the challenger: look at that one, and name it; "
            "to go back to an earlier version, launch rollback_job."
        )
    return waiting


def alias_moves(alias: str, holder: int | None, version: int) -> list[tuple[str, int]]:
    """Moves, as (alias, version), after which `version` holds `alias` that `holder` holds now; none when it does.

    The old champion becomes `previous_champion` before the alias `champion` moves: a crash between the two leaves the
    old champion in place, and doing it again completes it.
    """
    if holder == version:
        return []
    if alias == CHAMPION and holder is not None:
        return [(PREVIOUS_CHAMPION, holder), (CHAMPION, version)]
    return [(alias, version)]
