"""The trained model: a new version in the registry, which holds the alias `candidate`."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
from pydantic import Field, create_model

from mlops_core.adapters.flavors import COMPARED, description, require_flavor
from mlops_core.adapters.model_version import ModelVersion, TrainingRecord
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import Target
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.metadata import plot, readable
from mlops_core.defs.model_description import describe
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.partitions import last_partition
from mlops_core.defs.provenance import git_commit
from mlops_core.defs.training_record import record_of
from mlops_core.defs.training_rows import feature_versions, frozen_events, looked_up, other_events, training_set
from mlops_core.project import DeclarationError, Project
from mlops_core.validation.verdict import UNCHECKED
from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

ALWAYS_NEEDED = "mlflow"
"""The packages of requirements.txt that scoring needs with any model."""


class DaysConfig(BoundedConfig):
    """Which days a training takes; `training_config` adds the hyperparameters of a project."""

    holdout_days: int = Field(gt=0, description="Most recent days that are held out")
    training_days: int = Field(0, ge=0, description="Newest days before those to train on; 0 for all of them")


def training_assets(
    project: Project, target: Target, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    events, model = project.events, project.model
    require_flavor(model.training.flavor)
    model_requirements(project)  # says what is missing
    TrainingConfig = training_config(project, target)  # noqa: N806 - a class

    @dg.asset(
        key=key_of(project, model.name),
        group_name=project.named("training"),
        owners=[target.owner],
        kinds={model.training.flavor, "mlflow"},
        deps=keys_of(project, events.name, *(table.name for table in project.feature_tables)),
        io_manager_key=project.named("model_io_manager"),
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        code_version="1",
        description=f"{model.meaning}\n\nTrained on the {events.nouns} whose label was known before the most recent "
        "`holdout_days`, logged to MLflow with the look-ups that it needs, and registered. The held-out metrics are "
        "logged beside those of the best constant and of a model without looked-up features.",
    )
    def trained(context: dg.AssetExecutionContext, config: TrainingConfig) -> ModelVersion:  # type: ignore[valid-type]
        from mlops_core.training.model_answers import fitted
        from mlops_core.training.split import (
            held_out,
            holdout_start,
            known_before,
            labelled_days,
            require_enough,
            since,
        )

        days_asked: DaysConfig = config
        version, known = frozen_events(project, context)
        first, last = labelled_days(events, known, target.first_day, last_partition(daily))
        start = holdout_start(events, first, last, days_asked.holdout_days)
        if days_asked.training_days:
            first = max(first, start - timedelta(days=days_asked.training_days))
        past = since(known_before(events, known, start), first)
        rows, unseen = looked_up(project, context, past, held_out(events, known, start, last), start)
        require_enough(events, len(rows), start)
        model.task.require_learnable(model.task.shape.labels(rows[events.label_column]))
        parameters = hyperparameters(project, config)
        context.log.info(f"Fitting {len(rows)} {events.nouns} before {start}; {len(unseen)} are held out")
        trained_model = fitted(model.training, rows, parameters)
        record = record_of(project, trained_model, rows, unseen, parameters)
        provenance = VersionRecord(
            git_commit=git_commit(target.root),
            tables={events.name: version, **other_events(project, context), **feature_versions(project, context)},
        )
        context.add_output_metadata(_seen(record, rows, str(start)) | provenance.to_tags())
        of_run = replace(
            provenance,
            dagster_run_id=context.run.run_id,
            trained_from=first,
            held_out_from=start,
            held_out_until=last,
        )
        store_as = training_set(project, context, past, exclude=[events.event_time])
        return _registered(project, context, record, trained_model, store_as, told=of_run)

    return [trained]


def training_config(project: Project, target: Target) -> type[DaysConfig]:
    """The run config of a training: the number of days, and the hyperparameters with the target's values."""
    workflow, kind = target.model_workflow, project.model.training.hyperparameters
    defaults = kind(**workflow.hyperparameters)
    own: dict[str, Any] = {
        name: (Annotated[field.annotation, field], getattr(defaults, name)) for name, field in kind.model_fields.items()
    }
    held_out: Any = (Annotated[int, DaysConfig.model_fields["holdout_days"]], workflow.holdout_days)
    return create_model("TrainingConfig", __base__=DaysConfig, holdout_days=held_out, **own)


def hyperparameters(project: Project, config: BoundedConfig) -> "BaseModel":
    """Those of the project's model that a config of `training_config` has."""
    kind = project.model.training.hyperparameters
    return kind(**{name: getattr(config, name) for name in kind.model_fields})


def _registered(
    project: Project,
    context: dg.AssetExecutionContext,
    record: TrainingRecord,
    fitted: Any,
    training_set: Any,
    *,
    told: VersionRecord,
) -> ModelVersion:
    """Log the run and the model to MLflow, and register it as a new version."""
    from mlops_core.training.model_answers import predictions

    registry, store = resources_of(project, context).model_registry, resources_of(project, context).feature_store
    events, training = project.events, project.model.training
    task, some = project.model.task, record.baseline.drop(columns="prediction").head(COMPARED)
    inputs = some.drop(columns=[events.event_time, events.label_column])
    described = description(training, task, fitted, inputs, predictions(project.model, fitted, some))
    told = replace(told, answered_classes=task.shape.logged_classes(fitted))
    with registry_answers(registry.tracking_uri):
        with registry.run(f"{project.model.name} {context.run.run_id[:8]}", told.to_tags()):
            registry.log(record)
            context.log.info("Logging the model to MLflow")
            info = store.log_model(
                model=fitted,
                artifact_path="model",
                training_set=training_set,
                registered_model_name=registry.model,
                **described,
                pip_requirements=model_requirements(project),
            )
        version = registry.get(int(info.registered_model_version))
        registry.write(version, replace(told, leak_check=UNCHECKED))
        describe(project, registry, version)
        return registry.get(version.version)


def model_requirements(project: Project) -> list[str]:
    """The pins of requirements.txt that scoring needs: MLflow checks each of them at every load.

    Raises:
        DeclarationError: one of them isn't pinned.
    """
    file = project.folder / "requirements.txt"
    pins = {pin.split("==")[0].strip(): pin for pin in file.read_text().splitlines() if "==" in pin}
    wanted = (*project.model.training.packages, ALWAYS_NEEDED)
    if missing := [name for name in project.model.training.packages if name not in pins]:
        raise DeclarationError(
            f"Training, packages: {', '.join(missing)} is not pinned in {file}: add a line such as {missing[0]}==1.0."
        )
    return [pin for name, pin in pins.items() if name in wanted]


def _seen(record: TrainingRecord, rows: "pd.DataFrame", start: str) -> dict[str, dg.MetadataValue]:
    return {
        **{name: dg.FloatMetadataValue(readable(value)) for name, value in record.metrics.items()},
        "training_rows": dg.IntMetadataValue(len(rows)),
        "held_out_from": dg.TextMetadataValue(start),
        **{name: plot(image) for name, image in record.figures.items()},
    }
