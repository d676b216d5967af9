"""The config of a promotion, and which version a promotion run is about."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_core.defs.config import NOT_BLANK, BoundedConfig
from mlops_core.defs.names import op_of
from mlops_core.deployment.promotion import AUTOMATIC, CHAMPION
from mlops_core.project import Project


class Approval(BoundedConfig):
    """The config of `promote_job`, and of every promotion with `promotion: approval`."""

    version: int = Field(gt=0, description="The challenger that you looked at")
    approved_by: str = Field(pattern=NOT_BLANK, description="Your name")
    reason: str = Field(pattern=NOT_BLANK, description="Why it may serve")


class Automatic(BoundedConfig):
    """The optional config of a promotion that needs no approval."""

    version: int | None = Field(None, description="The challenger; another one that waits is not promoted")
    approved_by: str = Field(AUTOMATIC, pattern=NOT_BLANK, description="Your name")
    reason: str = Field("passed validation", pattern=NOT_BLANK, description="Why it may serve")


def asked_of_a_person(project: Project) -> dg.ConfigMapping:
    """The run config of `promote_job`, where `champion` requires its `Approval` on every target."""
    usual = dg.Field(dg.Permissive(), is_required=False)
    champion = dg.Shape({"config": dg.Field(dg.Shape(Approval.to_fields_dict()))})
    ops = dg.Permissive({op_of(project, CHAMPION): dg.Field(champion)})
    return dg.ConfigMapping(
        config_fn=lambda given: given,
        config_schema={"ops": dg.Field(ops), **dict.fromkeys(("execution", "loggers", "resources"), usual)},
    )


def approved_version(project: Project, run: dg.DagsterRun) -> int | None:
    """The version that the run's config of `champion` names; None when it names none."""
    config: Mapping[str, Any] = run.run_config
    told = config.get("ops", {}).get(op_of(project, CHAMPION), {}).get("config", {}).get("version")
    return None if told is None else int(told)
