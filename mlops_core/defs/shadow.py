"""Shadow scoring: before an alias moves, the challenger predicts what the champion predicted last."""

from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.adapters.shadow_scoring import shadow_scores
from mlops_core.config import ModelTarget
from mlops_core.defs.approval import approved_version, require_approver
from mlops_core.defs.metadata import markdown_table, plot, png
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.refusals import one_sentence
from mlops_core.deployment.promotion import CHAMPION, approved, shadow_status
from mlops_core.project import Project
from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    import pandas as pd


def shadow_checks(project: Project, target: ModelTarget) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset=key_of(project, "challenger"),
        blocking=True,
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        description=f"The challenger has a prediction for each {project.events.noun} of the champion's newest days; "
        "and how both differ.",
    )
    def predicts_what_the_champion_predicted(
        context: dg.AssetCheckExecutionContext, challenger: ModelVersion
    ) -> dg.AssetCheckResult:
        """The outcome is written on the version, where `champion` looks, in other runs too; what blocks is its step."""
        registry = resources_of(project, context).model_registry
        with registry_answers(registry.tracking_uri), one_sentence():
            require_approver(project, context.run, target)
            approved(approved_version(project, context.run), challenger.version, project.named)
            champion = registry.find_alias(CHAMPION)
            if champion is None:
                return dg.AssetCheckResult(passed=True, description="There is no champion yet")
            if champion.version == challenger.version:
                return dg.AssetCheckResult(passed=True, description="It is the champion itself")
            result = _compared(project, context, champion, challenger)
            told = VersionRecord(shadow_status=shadow_status(result.passed, champion.version))
            registry.write(challenger, told)
            return result

    return [predicts_what_the_champion_predicted]


def _compared(
    project: Project, context: dg.AssetCheckExecutionContext, champion: ModelVersion, challenger: ModelVersion
) -> dg.AssetCheckResult:
    from mlops_core.deployment.shadow import differences

    scored = shadow_scores(
        project,
        resources_of(project, context).tables,
        resources_of(project, context).feature_store,
        champion,
        challenger,
    )
    if scored is None:
        return dg.AssetCheckResult(passed=True, description=f"Version {champion.version} has predicted nothing yet")
    per_day = differences(scored, project.model.task.shape)
    missing, asked, nouns = int(per_day["missing"].sum()), int(per_day["events"].sum()), project.events.nouns
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,  # a challenger that is refused is a normal outcome: `champion` does it
        description=f"Version {challenger.version} has no prediction for {missing} of {asked} {nouns} that version "
        f"{champion.version} predicted"
        if missing
        else None,
        metadata={
            "champion_version": str(champion.version),
            "challenger_version": str(challenger.version),
            nouns: asked,
            "missing": missing,
            **_shown(project, per_day),
        },
    )


def _shown(project: Project, per_day: "pd.DataFrame") -> dict[str, dg.MetadataValue]:
    from mlops_core.deployment.shadow import differences_plot

    if per_day.empty:  # the events that the champion predicted are not in the table any more
        return {}
    return {
        "differences": dg.MarkdownMetadataValue(markdown_table(per_day)),
        "plot": plot(png(differences_plot(per_day, project.events.label_unit))),
    }
