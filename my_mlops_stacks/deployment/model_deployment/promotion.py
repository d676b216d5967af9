"""Which aliases a promotion moves, and in which order."""

from __future__ import annotations

CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"


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
