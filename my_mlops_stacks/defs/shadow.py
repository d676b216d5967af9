"""Shadow scoring: before an alias moves, the challenger predicts what the champion predicted last."""

import dagster as dg

from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.defs.metadata import markdown_table, plot, png


def shadow_checks() -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset="challenger",
        blocking=True,
        required_resource_keys={"step_launcher", "tables", "feature_store", "model_registry"},
        description="The challenger has a prediction for each trip of the champion's newest days; and how both differ.",
    )
    def predicts_what_the_champion_predicted(
        context: dg.AssetCheckExecutionContext, challenger: ModelVersion
    ) -> dg.AssetCheckResult:
        from my_mlops_stacks.deployment.model_deployment.shadow import differences, differences_plot, newest_predictions

        tables, champion = context.resources.tables, context.resources.model_registry.find_alias("champion")
        if champion is None or not tables.exists("predictions"):
            return dg.AssetCheckResult(passed=True, description="No champion has predicted anything yet")
        rows = newest_predictions(tables.read("predictions"), champion.version)
        per_day = differences(context.resources.feature_store.score_batch(model_uri=challenger.uri, df=rows))
        if per_day.empty:
            return dg.AssetCheckResult(passed=True, description=f"Version {champion.version} has predicted nothing yet")
        missing, trips = int(per_day["missing"].sum()), int(per_day["trips"].sum())
        return dg.AssetCheckResult(
            passed=not missing,
            description=f"Version {challenger.version} has no prediction for {missing} of {trips} trips that version "
            f"{champion.version} predicted"
            if missing
            else None,
            metadata={
                "champion_version": str(champion.version),
                "challenger_version": str(challenger.version),
                "trips": trips,
                "missing": missing,
                "differences": dg.MarkdownMetadataValue(markdown_table(per_day)),
                "plot": plot(png(differences_plot(per_day))),
            },
        )

    return [predicts_what_the_champion_predicted]
