"""The gate: blocking checks on the candidate, whose verdict stays on the version, and the alias `challenger`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.target import Target
from my_mlops_stacks.training.columns import LABEL
from my_mlops_stacks.validation.validation import THRESHOLDS
from my_mlops_stacks.validation.verdict import CHAMPION_RULE, DRY_RUN, SKIPPED, STATUS_TAG, rule_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from my_mlops_stacks.validation.verdict import Verdict


def validation_assets(target: Target) -> list[dg.AssetsDefinition]:
    @dg.asset(
        group_name="validation",
        owners=[target.owner],
        kinds={"mlflow"},
        io_manager_key="model_io_manager",
        output_required=False,
        code_version="1",
    )
    def challenger(context: dg.AssetExecutionContext, fare_model: ModelVersion) -> Iterator[dg.Output[ModelVersion]]:
        """The candidate that passed validation. A dry run validates and stops here: it never promotes."""
        from my_mlops_stacks.validation.verdict import require_promotable

        if fare_model.tags.get(STATUS_TAG) == DRY_RUN:
            context.log.warning(f"Version {fare_model.version} was validated in a dry run: no alias moves")
            return
        require_promotable(fare_model.tags, fare_model.version)
        yield dg.Output(fare_model)

    return [challenger]


def validation_checks(target: Target) -> list[dg.AssetChecksDefinition]:
    workflow = target.model_workflow

    class ValidationConfig(dg.Config):
        run_mode: str = Field(
            workflow.run_mode,
            pattern="^(enabled|dry_run|disabled)$",
            description="enabled: a failed rule blocks the aliases; dry_run: reports, never promotes; disabled: skips",
        )
        enable_baseline_comparison: bool = Field(
            workflow.enable_baseline_comparison, description="Whether the candidate must be as good as the champion"
        )

    specs = [dg.AssetCheckSpec(rule_name(metric), asset="fare_model", blocking=True) for metric in THRESHOLDS]
    specs.append(dg.AssetCheckSpec(CHAMPION_RULE, asset="fare_model", blocking=True))

    @dg.multi_asset_check(
        specs=specs, required_resource_keys={"step_launcher", "tables", "feature_store", "model_registry"}
    )
    def candidate_validation(
        context: dg.AssetCheckExecutionContext, config: ValidationConfig, fare_model: ModelVersion
    ) -> Iterator[dg.AssetCheckResult]:
        """Score the held-out trips with the candidate and the champion, judge, and write the verdict on the version."""
        from my_mlops_stacks.validation.verdict import judge_against_champion, judge_thresholds, status

        registry = context.resources.model_registry
        if config.run_mode == "disabled":
            context.log.warning(f"Validation is switched off: version {fare_model.version} may be promoted unjudged")
            registry.tag(fare_model, {STATUS_TAG: SKIPPED})
            yield from (_skipped(spec) for spec in specs)
            return
        held_out = _held_out(context, fare_model)
        measured = _measure(context, fare_model, held_out)
        champion = registry.find_alias("champion") if config.enable_baseline_comparison else None
        bound = _measure(context, champion, held_out) if champion else None
        verdicts = [*judge_thresholds(measured), judge_against_champion(measured, bound)]
        registry.tag(fare_model, {STATUS_TAG: status(verdicts, config.run_mode)})
        severity = dg.AssetCheckSeverity.WARN if config.run_mode == "dry_run" else dg.AssetCheckSeverity.ERROR
        yield from (_result(verdict, severity, fare_model, champion) for verdict in verdicts)

    return [candidate_validation]


def _held_out(context: dg.AssetCheckExecutionContext, candidate: ModelVersion) -> "DataFrame":
    """The very rows that the candidate's training held out: `trips` as of the Delta version that it recorded."""
    from datetime import date

    from my_mlops_stacks.training.model_inputs import model_inputs
    from my_mlops_stacks.training.split import since

    trips = context.resources.tables.read("trips", version=int(candidate.tags["trips_version"]))
    return model_inputs(since(trips, date.fromisoformat(candidate.tags["held_out_from"])), LABEL)


def _measure(context: dg.AssetCheckExecutionContext, version: ModelVersion, held_out: "DataFrame") -> dict[str, float]:
    """Metrics of a version on the held-out rows, with the features that its own look-ups find."""
    from my_mlops_stacks.validation.metrics import regression_metrics

    scored = context.resources.feature_store.score_batch(model_uri=version.uri, df=held_out)
    frame = scored.select(LABEL, "prediction").toPandas()
    return regression_metrics(frame[LABEL].to_numpy(), frame["prediction"].to_numpy())


def _result(
    verdict: "Verdict", severity: dg.AssetCheckSeverity, candidate: ModelVersion, champion: ModelVersion | None
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "value": verdict.value,
        "candidate_version": candidate.version,
        "champion_version": champion.version if champion else "none",
    }
    if verdict.bound is not None:
        metadata["bound"] = verdict.bound
    return dg.AssetCheckResult(
        passed=verdict.passed,
        check_name=verdict.rule,
        asset_key="fare_model",
        severity=severity,
        description=verdict.sentence,
        metadata=metadata,
    )


def _skipped(spec: dg.AssetCheckSpec) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=dg.AssetCheckSeverity.WARN,
        description="Not judged: run_mode is 'disabled'",
    )
