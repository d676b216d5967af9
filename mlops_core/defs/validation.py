"""The gate: checks that judge the candidate, whose verdict stays on the version, and the alias `challenger`.

A rule that fails is a warning: that a candidate is refused is a normal outcome, and the champion serves on. The checks
block all the same, so that `challenger` waits for the verdict.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import ModelTarget
from mlops_core.defs.candidate_validation import Validated, skip, validate
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.metadata import readable
from mlops_core.defs.names import key_of, needed, op_of, resources_of
from mlops_core.defs.refusals import one_sentence, tell_refusal
from mlops_core.project import Project
from mlops_core.validation.baseline_rules import baseline_rules
from mlops_core.validation.rules import compared_metric, rules
from mlops_core.validation.verdict import CHAMPION_RULE, refusal, require_promotable

if TYPE_CHECKING:
    from mlops_core.validation.verdict import Verdict


def validation_assets(project: Project, target: ModelTarget) -> list[dg.AssetsDefinition]:
    candidate = {"candidate": dg.AssetIn(key_of(project, project.model.name))}

    @dg.asset(
        key=key_of(project, "challenger"),
        ins=candidate,
        group_name=project.named("validation"),
        owners=[target.owner],
        kinds={"mlflow"},
        io_manager_key=project.named("model_io_manager"),
        output_required=False,
        code_version="1",
    )
    def challenger(context: dg.AssetExecutionContext, candidate: ModelVersion) -> Iterator[dg.Output[ModelVersion]]:
        """The candidate that passed validation; one that did not, or was judged in a dry run, is refused."""
        if why := refusal(candidate.record, candidate.version, context.run_id):
            return tell_refusal(context, candidate, why)
        with one_sentence():
            require_promotable(candidate.record, candidate.version)
        yield dg.Output(candidate)

    return [challenger]


def validation_checks(project: Project, target: ModelTarget) -> list[dg.AssetChecksDefinition]:
    workflow = target.model_workflow

    class ValidationConfig(BoundedConfig):
        run_mode: str = Field(
            workflow.run_mode,
            pattern="^(enabled|dry_run|disabled)$",
            description="enabled: a failed rule refuses it; dry_run: reports, never promotes; disabled: skips",
        )
        enable_baseline_comparison: bool = Field(
            workflow.enable_baseline_comparison, description="Whether the candidate must be as good as the champion"
        )

    specs, trained = _specs(project), key_of(project, project.model.name)

    @dg.multi_asset_check(
        specs=specs,
        name=op_of(project, "candidate_validation"),
        ins={"candidate": dg.AssetIn(trained)},
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        description=f"Score the held-out {project.events.nouns} with the candidate and the champion, judge, and write "
        "the verdict on the version.",
    )
    def candidate_validation(
        context: dg.AssetCheckExecutionContext, config: ValidationConfig, candidate: ModelVersion
    ) -> Iterator[dg.AssetCheckResult]:
        with registry_answers(resources_of(project, context).model_registry.tracking_uri):
            if config.run_mode == "disabled":
                skip(project, context, candidate)
                results = [_skipped(spec) for spec in specs]
            else:
                asked = {"compared": config.enable_baseline_comparison, "as_served": workflow.features_as_served}
                validated = validate(project, context, candidate, config.run_mode, **asked)
                results = [_result(trained, verdict, validated) for verdict in validated.verdicts]
        yield from results

    return [candidate_validation]


def _specs(project: Project) -> list[dg.AssetCheckSpec]:
    """One check for each rule, in the order of the verdicts."""
    compared = compared_metric(project.model)
    sentences = (
        {rule.name: rule.sentence for rule in rules(project)}
        | baseline_rules(project)
        | {
            CHAMPION_RULE: f"The candidate is at least as good as the champion in {compared.name} "
            f"({'greater' if compared.greater_is_better else 'lower'} is better) on the same held-out "
            f"{project.events.nouns}; has the report.",
        }
    )
    return [
        dg.AssetCheckSpec(name, asset=key_of(project, project.model.name), blocking=True, description=sentence)
        for name, sentence in sentences.items()
    ]


def _result(asset: dg.AssetKey, verdict: "Verdict", validated: Validated) -> dg.AssetCheckResult:
    """The outcome of one rule; that of the comparison carries the report."""
    report = validated.report if verdict.rule == CHAMPION_RULE else {}
    return dg.AssetCheckResult(
        passed=verdict.passed,
        check_name=verdict.rule,
        asset_key=asset,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.sentence,
        metadata={"value": readable(verdict.value), "bound": verdict.limit, **validated.metadata, **report},
    )


def _skipped(spec: dg.AssetCheckSpec) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=dg.AssetCheckSeverity.WARN,
        description="Not judged: run_mode is 'disabled'",
    )
