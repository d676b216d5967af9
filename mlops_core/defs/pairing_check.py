"""The check that predictions and events match one to one."""

import dagster as dg

from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.partitions import days_of_run
from mlops_core.project import Project


def pairing_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    events = project.events

    @dg.asset_check(
        asset=key_of(project, "predictions"),
        name=f"each_{events.noun}_is_predicted_once",
        blocking=True,
        required_resource_keys=needed(project, "step_launcher", "tables"),
        description=f"Each {events.noun} of the run's days has one prediction of the version that predicted last, none "
        "has two.",
    )
    def each_event_is_predicted_once(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from mlops_core.deployment.pairing import pairing

        days = days_of_run(context)
        within = f"day BETWEEN DATE'{days[0]}' AND DATE'{days[1]}'" if days else "true"
        read = resources_of(project, context).tables.read
        found = pairing(events, *(read(name).where(within) for name in (project.scoped("predictions"), events.name)))
        missing = found.missing if days else 0  # of all days, late ones are missing that no run was asked for
        return dg.AssetCheckResult(
            passed=not (found.doubled or missing),
            description=f"{found.doubled} predictions are there more than once, {missing} {events.nouns} have none: "
            f"run {project.named('batch_inference_job')} again for these days"
            if found.doubled or missing
            else None,
            metadata={"doubled": found.doubled, "missing": missing},
        )

    return [each_event_is_predicted_once]
