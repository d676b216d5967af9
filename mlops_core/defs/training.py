"""The trained model: a new version in the registry, which holds the alias `candidate`."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from my_mlops_stacks.training.columns import LABEL, PICKUP
from pydantic import Field

from mlops_core.adapters.model_registry import ModelVersion, TrainingRecord
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import Target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.held_out import recorded_on
from mlops_core.defs.metadata import plot, png, readable
from mlops_core.defs.model_description import describe
from mlops_core.defs.partitions import last_partition
from mlops_core.defs.provenance import git_commit
from mlops_core.project import Project
from mlops_core.validation.verdict import FAILED, LEAK_TAG, PASSED, TRAINED_TAG, UNCHECKED
from my_mlops_stacks.events import TRIPS
from my_mlops_stacks.project import PROJECT

if TYPE_CHECKING:
    import lightgbm
    import pandas as pd

    from my_mlops_stacks.training.train import Hyperparameters


SCORING_PACKAGES = ("lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")

WITHOUT_FEATURES = f"{PROJECT.task.compared}_without_features"
OF_CONSTANT = f"{PROJECT.task.compared}_of_constant"
"""What the model is compared with: the metric of a model without looked-up features, and of one number for all."""

SAMPLED = 100
"""Training rows that the leakage check recomputes."""


def training_assets(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    workflow = target.model_workflow

    class TrainingConfig(BoundedConfig):
        holdout_days: int = Field(workflow.holdout_days, gt=0, description="Most recent days that are held out")
        training_days: int = Field(0, ge=0, description="Newest days before those to train on; 0 for all of them")
        num_boost_round: int = Field(workflow.num_boost_round, gt=0, description="Trees of the model")
        num_leaves: int = Field(workflow.num_leaves, gt=1, description="Leaves of a tree, at most")
        learning_rate: float = Field(workflow.learning_rate, gt=0, description="Weight of a tree")

    @dg.asset(
        group_name="training",
        owners=[target.owner],
        kinds={"lightgbm", "mlflow"},
        deps=[TRIPS.name, *(table.name for table in PROJECT.feature_tables)],
        io_manager_key="model_io_manager",
        required_resource_keys={"step_launcher", "tables", "feature_store", "model_registry"},
        code_version="1",
    )
    def fare_model(context: dg.AssetExecutionContext, config: TrainingConfig) -> ModelVersion:
        """Fare of a trip in USD, by LightGBM on the trip and the features that were known at its pickup.

        Trained on the trips whose fare was known before the most recent `holdout_days`, logged to MLflow with the
        look-ups that it needs, and registered. The held-out metrics are logged beside those of the mean fare and of a
        model without features.
        """
        from mlops_core.training.split import (
            held_out,
            holdout_start,
            known_before,
            labelled_days,
            require_enough,
            since,
        )
        from my_mlops_stacks.training.train import Hyperparameters, fit

        version, trips = _frozen_trips(context)
        provenance = {"trips_version": str(version), **_feature_versions(context), "git_commit": git_commit()}
        first, last = labelled_days(trips, target.first_day, last_partition(daily))
        start = holdout_start(first, last, config.holdout_days)
        if config.training_days:
            first = max(first, start - timedelta(days=config.training_days))
        past = since(known_before(trips, start), first)
        training_set = _training_set(context, past, exclude=[PICKUP])
        rows, unseen = _looked_up(context, past, held_out(trips, start, last), start)
        require_enough(len(rows), start)
        parameters = Hyperparameters(**config.model_dump(exclude={"holdout_days", "training_days"}))
        context.log.info(f"Fitting {len(rows)} trips before {start}; {len(unseen)} trips are held out")
        model = fit(rows, parameters)
        record = _record(model, rows, unseen, parameters)
        context.add_output_metadata(_seen(record, rows, start) | provenance)
        days = {"trained_from": str(first), "held_out_from": str(start), "held_out_until": str(last)}
        return _registered(context, model, training_set, record, days | provenance)

    return [fare_model]


def training_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(
        asset="fare_model",
        blocking=True,
        required_resource_keys={"step_launcher", "tables", "feature_store", "model_registry"},
        description=f"{SAMPLED} sampled training rows have the features that the project's own code makes of the trips "
        "that were known at their pickup.",
    )
    def features_are_known_at_the_pickup(
        context: dg.AssetCheckExecutionContext, fare_model: ModelVersion
    ) -> dg.AssetCheckResult:
        from mlops_core.features.leakage import leakage_violations
        from mlops_core.training.split import known_before, sampled, since

        recorded = recorded_on(fare_model)
        trips = context.resources.tables.read("trips", version=int(recorded["trips_version"]))
        past = known_before(trips, date.fromisoformat(recorded["held_out_from"]))
        if "trained_from" in fare_model.tags:
            past = since(past, date.fromisoformat(fare_model.tags["trained_from"]))
        looked_up = _training_set(context, sampled(past, SAMPLED)).load_df()
        found = leakage_violations(PROJECT, trips, looked_up)
        moved = _moved(fare_model.tags, _feature_versions(context))
        if not found or not moved:  # rows that differ for tables that moved prove nothing about the version
            _write_leak_check(context, fare_model, passed=not found)
        return dg.AssetCheckResult(
            passed=not found,
            description=_why(found, moved) if found else None,
            metadata={"differing_rows": len(found), "examples": dg.MetadataValue.text(str(found[:3]))},
        )

    return [features_are_known_at_the_pickup]


def _frozen_trips(context: dg.AssetExecutionContext) -> tuple[int, DataFrame]:
    """The trips as of one Delta version, and its number: later checks read these rows, whatever arrives meanwhile."""
    tables = context.resources.tables
    tables.read("trips")  # says what to do when there is no table yet
    version = tables.version("trips")
    return version, tables.read("trips", version)


def _feature_versions(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> dict[str, str]:
    """Tags that tell the newest version of each feature table, which is the one that look-ups read."""
    tables = context.resources.tables
    names = dict.fromkeys(lookup.table_name for lookup in PROJECT.lookups)
    return {f"{name}_version": str(tables.version(name)) for name in names if tables.exists(name)}


def _write_leak_check(context: dg.AssetCheckExecutionContext, version: ModelVersion, passed: bool) -> None:
    """A check blocks in its own run only, so its outcome is also written on the version."""
    registry = context.resources.model_registry
    with registry_answers(registry.tracking_uri):
        registry.tag(version, {LEAK_TAG: PASSED if passed else FAILED})


def _moved(trained_on: Mapping[str, str], newest: Mapping[str, str]) -> list[str]:
    """The feature tables that are no longer those of the training, with both versions."""
    return [
        f"{tag.removesuffix('_version')} from version {trained_on[tag]} to {version}"
        for tag, version in newest.items()
        if trained_on.get(tag, version) != version
    ]


def _why(found: list[dict[str, object]], moved: Sequence[str]) -> str:
    """What differing rows mean: a leak, unless the feature tables are no longer those of the training."""
    differ = f"{len(found)} of {SAMPLED} rows differ: "
    if not moved:
        return differ + "features know the future, or their tables are stale"
    return differ + (
        f"{' and '.join(moved)} moved since the training, so they may be made of other trips than the model: run "
        "model_training_job again. If it fails again, features know the future"
    )


def _training_set(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, trips: DataFrame, exclude: Sequence[str] = ()
) -> Any:
    from my_mlops_stacks.training.model_inputs import model_inputs

    return context.resources.feature_store.create_training_set(
        df=model_inputs(trips, LABEL), feature_lookups=list(PROJECT.lookups), label=LABEL, exclude_columns=exclude
    )


def _looked_up(
    context: dg.AssetExecutionContext, past: DataFrame, unseen: DataFrame, start: date
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """The rows to train on, less their time, and those held out since `start`: looked up together.

    A look-up opens every file of its tables, whatever rows it is for.
    """
    import pandas as pd

    from mlops_core.training.split import in_fixed_order

    together = _training_set(context, past.unionByName(unseen)).load_df()
    rows = in_fixed_order(together.select(*(name for name in together.columns if name != PICKUP), PICKUP)).toPandas()
    is_past = rows[PICKUP] < pd.Timestamp(start)
    return rows[is_past].drop(columns=PICKUP).reset_index(drop=True), rows[~is_past].reset_index(drop=True)


def _record(
    model: "lightgbm.Booster", rows: "pd.DataFrame", held_out: "pd.DataFrame", parameters: "Hyperparameters"
) -> TrainingRecord:
    """Measure the model, and what it must beat, on the held-out trips."""
    from mlops_core.training.baselines import constant_prediction, model_without_features, training_baseline
    from mlops_core.training.plots import importance_plot
    from mlops_core.validation.plots import predicted_against_actual, residuals_over_time
    from my_mlops_stacks.training.train import predict

    actual = held_out[LABEL].to_numpy()
    scored = held_out.assign(prediction=predict(model, held_out))
    beaten = {
        WITHOUT_FEATURES: model_without_features(rows, held_out, PROJECT.looked_up, parameters),
        OF_CONSTANT: constant_prediction(rows, held_out, PROJECT.task),
    }
    metrics = PROJECT.task.measure(actual, scored["prediction"].to_numpy()) | {
        **{name: PROJECT.task.measure(actual, predicted)[PROJECT.task.compared] for name, predicted in beaten.items()},
        "example_count": float(len(actual)),
        "looked_up_share": float(rows[list(PROJECT.looked_up)].notna().mean().min()),
    }
    figures = {
        "feature_importance": png(importance_plot(model)),
        "predicted_against_actual": png(predicted_against_actual(scored)),
        "residuals_over_time": png(residuals_over_time(scored)),
    }
    return TrainingRecord(parameters.model_dump(), metrics, figures, training_baseline(rows, model))


def _registered(
    context: dg.AssetExecutionContext,
    model: "lightgbm.Booster",
    training_set: Any,
    record: TrainingRecord,
    provenance: dict[str, str],
) -> ModelVersion:
    """Log the run and the model to MLflow, and register it as a new version."""
    from my_mlops_stacks.training.train import as_given, predict

    registry, store = context.resources.model_registry, context.resources.feature_store
    tags = {TRAINED_TAG: context.run.run_id, **provenance}
    example = as_given(record.baseline[model.feature_name()].head(3))
    with registry_answers(registry.tracking_uri):
        with registry.run(f"fare_model {context.run.run_id[:8]}", tags):
            registry.log(record)
            context.log.info("Logging the model to MLflow")
            info = store.log_model(
                model=model,
                artifact_path="model",
                training_set=training_set,
                registered_model_name=registry.model,
                **registry.description("lightgbm", example, predict(model, example)),
                pip_requirements=_model_requirements(),
            )
        version = registry.get(int(info.registered_model_version))
        registry.tag(version, {LEAK_TAG: UNCHECKED, **tags})
        describe(registry, version)
        return registry.get(version.version)


def _model_requirements() -> list[str]:
    """The pins of requirements.txt that scoring needs: MLflow checks each of them at every load."""
    pins = (PROJECT.folder / "requirements.txt").read_text().splitlines()
    return [pin for pin in pins if pin.split("==")[0] in SCORING_PACKAGES]


def _seen(record: TrainingRecord, rows: "pd.DataFrame", start: object) -> dict[str, dg.MetadataValue]:
    return {
        **{name: dg.FloatMetadataValue(readable(value)) for name, value in record.metrics.items()},
        "training_rows": dg.IntMetadataValue(len(rows)),
        "held_out_from": dg.TextMetadataValue(str(start)),
        **{name: plot(image) for name, image in record.figures.items()},
    }
