"""Moving an alias to a version: the only place that does, and safe to repeat after any crash."""

from __future__ import annotations

from collections.abc import Callable

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import OvertakenError, registry_answers
from mlops_core.deployment.promotion import (
    CHAMPION,
    PREVIOUS_CHAMPION,
    Holder,
    alias_moves,
    followed,
)

CANDIDATE = "candidate"
UNTIL_COMPLETED = "the alias may have moved or not (there is a champion all the same, and doing it again completes it)"


def give_alias(
    registry: ModelRegistry,
    alias: str,
    version: ModelVersion,
    *,
    may_move: Callable[[], object],
    from_version: object = None,
    over_deleted: bool = False,
) -> None:
    """Move `alias` to `version`; the current champion becomes `previous_champion` first.

    Registries have no compare-and-set, so the holder is read immediately before each move. On this machine a lock makes
    that atomic; on a server, two moves within the gap between read and write still both succeed.

    Args:
        may_move: called before each move; raises when moves are no longer allowed.
        from_version: for the alias champion, whom the history says that `version` follows, as `followed` puts it.
        over_deleted: whether a deleted champion may be replaced; other aliases always move on from a deleted version.

    Raises:
        DanglingAliasError: the champion was deleted; a person has to look at it and launch rollback_job.
        OvertakenError: another run has moved the alias to another version in the meantime.
        RegistryUnavailableError: MLflow failed at one of the calls.
    """

    def last_look() -> None:
        may_move()
        if alias == CHAMPION:
            _require_followed(registry, version, from_version)

    with registry_answers(registry.tracking_uri, UNTIL_COMPLETED), registry.moving_alone():
        if alias == CHAMPION and not over_deleted:
            registry.find_alias(alias)
        for moved, number in alias_moves(alias, registry.holder(alias), version.version):
            registry.move_alias(moved, registry.get(number), last_look)
        now = registry.at_alias(alias)
    if now.version != version.version and alias != CANDIDATE:  # a run carries its candidate, whoever comes after it
        raise OvertakenError(
            f"Version {now.version} was given the alias '{alias}' at the same time as version {version.version}, and "
            f"holds it: look which of the two is wanted, and launch the job again if it is version {version.version}."
        )


def champion_before(registry: ModelRegistry, version: int) -> Holder | None:
    """Who was champion before `version` is: the holder, or when `version` already is, the one before."""
    holder = registry.holder(CHAMPION)
    return registry.holder(PREVIOUS_CHAMPION) if holder == Holder(version) else holder


def _require_followed(registry: ModelRegistry, version: ModelVersion, from_version: object) -> None:
    """Refuse to follow another champion than the one that `version` was compared with and the history will name."""
    found = followed(champion_before(registry, version.version))
    if found != from_version:
        raise OvertakenError(
            f"Version {found} became champion while version {version.version} was about to follow {from_version}: "
            f"re-execute the run from the failed step, which looks at it beside version {found}."
        )
