"""Giving a version an alias: the only place that moves one, so that it can be done again after any crash."""

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
    """Let `version` hold `alias`; the version that is champion until then becomes `previous_champion` first.

    Registries cannot compare and set in one call, so the holder is looked at last before each move. On this machine a
    lock makes that one act; on a server, two moves in the moment between look and call still both succeed.

    Args:
        may_move: called before each move; raises when none may be made any more.
        from_version: for the alias champion, whom the history says that `version` follows, as `followed` puts it.
        over_deleted: whether a champion that was deleted may be followed; any other alias may move on from one.

    Raises:
        DanglingAliasError: the champion was deleted: that is for a person to look at, who launches rollback_job.
        OvertakenError: another run gave the alias to another version in the meantime, and that one holds it.
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
