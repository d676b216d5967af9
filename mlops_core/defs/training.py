"""The trained model: a new version in the registry, which holds the alias `candidate`."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
from pydantic import Field, create_model

from mlops_core.adapters.flavors import COMPARED, description, require_flavor
from mlops_core.adapters.model_version import ModelVersion, TrainingRecord
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import ModelTarget
from mlops_core.defs.config import BoundedConfig
from mlops_core.defs.fitting import fits_on_workers, fitted_by, require_workers
from mlops_core.defs.hyperparameters import found_parameters, search_fields, stopped_parameters
from mlops_core.defs.metadata import markdown_table, plot, readable
from mlops_core.defs.model_description import describe
from mlops_core.defs.names import key_of, keys_of, needed, resources_of
from mlops_core.defs.partitions import last_partition
from mlops_core.defs.provenance import git_commit
from mlops_core.defs.served_features import training_skew
from mlops_core.defs.training_record import record_of
from mlops_core.defs.training_rows import (
    feature_versions,
    frozen_events,
    looked_up,
    other_events,
    rows_for_workers,
    training_set,
)
from mlops_core.defs.version_threshold import decided
from mlops_core.project import DeclarationError, Project
from mlops_core.validation.verdict import UNCHECKED
from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    from pydantic import BaseModel

ALWAYS_NEEDED = "mlflow"
"""The packages of requirements.txt that scoring needs with any model."""

ROWS_SHOWN = 20
"""The first rows of a table stand in the metadata; the run of MLflow has all of them."""


class DaysConfig(BoundedConfig):
    """Which days a training takes; `training_config` adds the hyperparameters of a project, and its search."""

    holdout_days: int = Field(gt=0, description="Most recent days that are held out")
    training_days: int = Field(0, ge=0, description="Newest days before those to train on; 0 for all of them")


def training_assets(
    project: Project, target: ModelTarget, daily: dg.TimeWindowPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    events, model = project.events, project.model
    require_flavor(model.training.flavor)
    require_workers(project, target)
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
        from mlops_core.training.split import (
            held_out,
            holdout_start,
            known_before,
            labelled_days,
            since,
        )

        days_asked: DaysConfig = config
        version, known = frozen_events(project, context)
        first, last = labelled_days(events, known, target.first_day, last_partition(daily))
        start = holdout_start(events, first, last, days_asked.holdout_days)
        if days_asked.training_days:
            first = max(first, start - timedelta(days=days_asked.training_days))
        past = since(known_before(events, known, start), first)
        on_workers, as_served = fits_on_workers(project, context), target.model_workflow.features_as_served
        unseen_rows, taken = held_out(events, known, start, last), {"on_workers": on_workers, "as_served": as_served}
        found = looked_up(project, context, past, unseen_rows, start, **taken)
        rows, unseen = found.rows, found.unseen
        model.task.require_learnable(model.task.shape.labels(rows[events.label_column]))
        chosen = found_parameters(project, context, config, found, hyperparameters(project, config))
        parameters = stopped_parameters(project, context, found, chosen.parameters)
        context.log.info(found.told(events.nouns, start))
        store_as = training_set(project, context, past, exclude=[events.event_time])
        all_rows = rows_for_workers(project, context, past, first, start, as_served) if on_workers else None
        trained_model = fitted_by(project, found, all_rows, parameters)
        decision = decided(project, context, found, parameters)
        record = record_of(decision.project, trained_model, rows, unseen, parameters, fitted_rows=found.fitted)
        record = decision.beside(chosen.beside(record)).measured(training_skew(project, context, past, first, start))
        for subject, note in record.notes.items():
            context.log.info(f"{subject}: {note}")
        provenance = VersionRecord(
            git_commit=git_commit(target.root),
            training_share=found.training_share,
            served_share=found.served_share,
            tables={events.name: version, **other_events(project, context), **feature_versions(project, context)},
        )
        context.add_output_metadata(_seen(record, found.fitted, str(start)) | chosen.metadata | provenance.to_tags())
        of_run = replace(
            provenance,
            dagster_run_id=context.run.run_id,
            trained_from=first,
            held_out_from=start,
            held_out_until=last,
            search_run_id=chosen.run_id,
            decision_threshold=decision.threshold,
        )
        return _registered(project, context, record, trained_model, store_as, told=of_run)

    return [trained]


def training_config(project: Project, target: ModelTarget) -> type[DaysConfig]:
    """The run config of a training: days, search, and the hyperparameters with the target's values."""
    workflow, kind = target.model_workflow, project.model.training.hyperparameters
    defaults = kind(**workflow.hyperparameters)
    own: dict[str, Any] = {
        name: (Annotated[field.annotation, field], getattr(defaults, name)) for name, field in kind.model_fields.items()
    }
    held_out: Any = (Annotated[int, DaysConfig.model_fields["holdout_days"]], workflow.holdout_days)
    return create_model(
        "TrainingConfig", __base__=DaysConfig, holdout_days=held_out, **search_fields(project, target), **own
    )


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
    said = predictions(project.model, fitted, some)
    described = description(training, task, fitted, inputs, said, package=project.package)
    told = replace(told, answered_classes=task.shape.logged_classes(fitted))
    with registry_answers(registry.tracking_uri):
        with registry.run(f"{project.model.name} {context.run.run_id[:8]}", told.to_tags()):
            registry.log(record)
            context.log.info("Logging the model to MLflow")
            info = store.log_model(
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
            f"Training, packages: {', '.join(missing)} is not pinned in {file}: add a line {missing[0]}==<version>."
        )
    return [pin for name, pin in pins.items() if name in wanted]


def _seen(record: TrainingRecord, rows: int, start: str) -> dict[str, dg.MetadataValue]:
    return {
        **{name: dg.FloatMetadataValue(readable(value)) for name, value in record.metrics.items()},
        "training_rows": dg.IntMetadataValue(rows),
        "held_out_from": dg.TextMetadataValue(start),
        **{name: plot(image) for name, image in record.figures.items()},
        **{subject: dg.TextMetadataValue(note) for subject, note in record.notes.items()},
        **{
            f"{name}_table": dg.MarkdownMetadataValue(markdown_table(table.head(ROWS_SHOWN)))
            for name, table in record.tables.items()
        },
    }
