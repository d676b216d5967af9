"""The config of a promotion, and which version a promotion run is about."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_core.config import ModelTarget
from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.decided_by import name_field, require_approved_in, who_decides
from mlops_core.defs.names import op_of
from mlops_core.deployment.promotion import AUTOMATIC, CHAMPION
from mlops_core.project import Project


class Automatic(BoundedConfig):
    """The optional config of a promotion that needs no approval."""

    version: int | None = Field(None, description="The challenger; another one that waits is not promoted")
    approved_by: str = Field(AUTOMATIC, description="Your name")
    reason: str = Field("passed validation", pattern=NOT_BLANK, description="Why it may serve")


def approval(target: ModelTarget) -> type[BoundedConfig]:
    """The config of `promote_job`, and of every promotion where `promotion` is not automatic."""

    class Approval(BoundedConfig):
        version: int = Field(gt=0, description="The challenger that you looked at")
        approved_by: str = name_field(target)
        reason: str = Field(pattern=NOT_BLANK, description="Why it may serve")

    return Approval


def asked_of_a_person(project: Project, target: ModelTarget) -> dg.ConfigMapping:
    """The run config of `promote_job`, where `champion` requires an approval on every target."""
    usual = dg.Field(dg.Permissive(), is_required=False)
    champion = dg.Shape({"config": dg.Field(dg.Shape(approval(target).to_fields_dict()))})
    ops = dg.Permissive({op_of(project, CHAMPION): dg.Field(champion)})
    return dg.ConfigMapping(
        config_fn=lambda given: given,
        config_schema={"ops": dg.Field(ops), **dict.fromkeys(("execution", "loggers", "resources"), usual)},
    )


def approver(project: Project, run: dg.DagsterRun, target: ModelTarget) -> str:
    """Who lets the run's version become champion; a training that goes on to it asks nobody.

    Raises:
        Refused: the run's config names somebody else than who has signed in, nobody has who should, or the target wants
            the pipeline of promotions.
    """
    told = _config(project, run)
    if target.promotion == AUTOMATIC and not {"version", "approved_by"} & told.keys():
        return AUTOMATIC
    require_approved_in(run, target)
    return who_decides(run, told.get("approved_by", ""), target)


def require_approver(project: Project, run: dg.DagsterRun, target: ModelTarget) -> None:
    """Refuse a run that asks for a version, and may not promote it, before anything is scored."""
    if approved_version(project, run) is not None:
        approver(project, run, target)


def approved_version(project: Project, run: dg.DagsterRun) -> int | None:
    """The version that the run's config of `champion` names; None when it names none."""
    told = _config(project, run).get("version")
    return None if told is None else int(told)


def _config(project: Project, run: dg.DagsterRun) -> Mapping[str, Any]:
    config: Mapping[str, Any] = run.run_config
    told: Mapping[str, Any] = config.get("ops", {}).get(op_of(project, CHAMPION), {}).get("config", {})
    return told
