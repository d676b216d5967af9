"""Giving a version an alias: the only place that moves one, so that it can be done again after any crash."""

from __future__ import annotations

from my_mlops_stacks.adapters.model_registry import ModelRegistry, ModelVersion
from my_mlops_stacks.adapters.registry_errors import OvertakenError, registry_answers
from my_mlops_stacks.deployment.model_deployment.promotion import CHAMPION, PREVIOUS_CHAMPION, Holder, alias_moves

UNTIL_COMPLETED = "the alias may have moved or not (there is a champion all the same, and doing it again completes it)"


def give_alias(registry: ModelRegistry, alias: str, version: ModelVersion, over_deleted: bool = False) -> None:
    """Let `version` hold `alias`; the version that is champion until then becomes `previous_champion` first.

    Args:
        over_deleted: whether a champion that was deleted may be followed; any other alias may move on from one.

    Raises:
        DanglingAliasError: the champion was deleted: that is for a person to look at, who launches rollback_job.
        OvertakenError: another run gave the alias to another version at the same time, and that one holds it.
        RegistryUnavailableError: MLflow failed at one of the calls.
    """
    with registry_answers(registry.tracking_uri, UNTIL_COMPLETED):
        if alias == CHAMPION and not over_deleted:
            registry.find_alias(alias)
        for moved, number in alias_moves(alias, registry.holder(alias), version.version):
            registry.move_alias(moved, registry.get(number))
        now = registry.at_alias(alias)
    if now.version != version.version:
        raise OvertakenError(
            f"Version {now.version} was given the alias '{alias}' at the same time as version {version.version}, and "
            f"holds it: look which of the two is wanted, and launch the job again if it is version {version.version}."
        )


def champion_before(registry: ModelRegistry, version: int) -> Holder | None:
    """Who was champion before `version` is: the holder, or when `version` already is, the one before."""
    holder = registry.holder(CHAMPION)
    return registry.holder(PREVIOUS_CHAMPION) if holder == Holder(version) else holder
