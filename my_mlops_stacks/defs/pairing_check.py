"""The check that predictions and trips fit together, one to one."""

import dagster as dg

from my_mlops_stacks.defs.partitions import days_of_run


def pairing_checks() -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset="predictions",
        blocking=True,
        required_resource_keys={"step_launcher", "tables"},
        description="Each trip of the run's days has one prediction of the version that predicted last; none has two.",
    )
    def each_trip_is_predicted_once(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from my_mlops_stacks.deployment.batch_inference.quality import pairing

        days = days_of_run(context)
        within = f"day BETWEEN DATE'{days[0]}' AND DATE'{days[1]}'" if days else "true"
        found = pairing(*(context.resources.tables.read(name).where(within) for name in ("predictions", "trips")))
        missing = found.missing if days else 0  # of all days, late trips are missing that no run was asked for
        return dg.AssetCheckResult(
            passed=not (found.doubled or missing),
            description=f"{found.doubled} predictions are there more than once, {missing} trips have none: run "
            "batch_inference_job again for these days"
            if found.doubled or missing
            else None,
            metadata={"doubled": found.doubled, "missing": missing},
        )

    return [each_trip_is_predicted_once]
