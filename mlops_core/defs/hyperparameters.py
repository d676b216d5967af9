"""How a training finds its hyperparameters: by a search, where its launch asks for one, and by early stopping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
from pydantic import Field

from mlops_core.adapters.model_version import TrainingRecord
from mlops_core.config import ModelTarget
from mlops_core.config.workflows import ALWAYS, RETRAINING
from mlops_core.defs.metadata import png
from mlops_core.defs.names import resources_of
from mlops_core.project import Project

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mlops_core.defs.training_rows import TrainingRows


@dataclass(frozen=True)
class Found:
    """The hyperparameters to fit with, and what the training keeps of the search that found them."""

    parameters: "BaseModel"
    metrics: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    run_id: str | None = None
    page: str | None = None

    def beside(self, record: TrainingRecord) -> TrainingRecord:
        """The record with metrics and pictures of the search."""
        return replace(record.measured(self.metrics), figures={**record.figures, **self.figures})

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        return {"search_run": dg.MetadataValue.url(self.page)} if self.page else {}


def search_fields(project: Project, target: ModelTarget) -> dict[str, Any]:
    """What a launch is asked about the search, as fields of its config; nothing where the project declares none."""
    stated, workflow = project.model.training.search, target.model_workflow
    if stated is None:
        return {}
    asked: list[tuple[str, type, Any, dict[str, Any]]] = [
        ("search", bool, workflow.search == ALWAYS, {"description": "Whether hyperparameters are searched first"}),
        (
            "search_trials",
            int,
            workflow.search_trials or stated.trials,
            {"gt": 0, "description": "Combinations that a search tries at most"},
        ),
        (
            "search_minutes",
            float,
            workflow.search_minutes or stated.minutes,
            {"gt": 0, "description": "After so many a search begins no further one"},
        ),
    ]
    return {name: (Annotated[kind, Field(**told)], default) for name, kind, default, told in asked}


def search_of_retraining(project: Project, target: ModelTarget) -> dict[str, bool]:
    """What a retraining asks of the search in its config."""
    is_asked = target.model_workflow.search == RETRAINING
    return {"search": True} if is_asked and project.model.training.search else {}


def found_parameters(
    project: Project, context: dg.AssetExecutionContext, config: Any, rows: "TrainingRows", parameters: "BaseModel"
) -> Found:
    """The best hyperparameters of a search on the rows to train on, or `parameters` where none is asked for."""
    stated = project.model.training.search
    if stated is None or not config.search:
        return Found(parameters)
    from mlops_core.adapters.search_runs import search_run
    from mlops_core.training import search
    from mlops_core.training.objective import objective_of
    from mlops_core.training.search_plots import search_figures
    from mlops_core.validation.rules import compared_metric

    stated = replace(stated, trials=config.search_trials, minutes=config.search_minutes)
    metric, registry = compared_metric(project.model), resources_of(project, context).model_registry
    objective = objective_of(project, rows.rows, rows.known, stated.folds, metric).usable(context.log)
    key = search.key_of(stated, objective, parameters, rows.known)
    about = {"space": dict(stated.space), "folds": len(objective.folds), "seed": stated.seed, "metric": metric.name}
    context.log.info(
        f"Searching {', '.join(stated.space)} on {len(objective.folds)} folds, at most {stated.trials} trials"
    )
    with search_run(
        registry,
        key,
        about,
        {"dagster_run_id": context.run.run_id},
        metric=metric.name,
        maximize=bool(metric.greater_is_better),
    ) as kept:
        best = search.run(kept.study, stated, objective, parameters, after_trial=kept.save, log=context.log)
        figures = {name: png(figure) for name, figure in search_figures(kept.study, metric.name).items()}
        kept.log_figures(figures)
        value = search.best_trial(kept.study).value or 0.0
        measured = {f"{metric.name}_of_search": value, "search_trials": float(len(kept.study.trials))}
        return Found(best, measured, figures, kept.run.info.run_id, registry.run_page(kept.run.info))


def stopped_parameters(
    project: Project, context: dg.AssetExecutionContext, rows: "TrainingRows", parameters: "BaseModel"
) -> "BaseModel":
    """The hyperparameters with the number of rounds that early stopping finds, where the project declares it."""
    stated = project.model.training.early_stopping
    if stated is None:
        return parameters
    from mlops_core.training.early_stopping import with_best_rounds
    from mlops_core.training.objective import objective_of
    from mlops_core.validation.rules import compared_metric

    objective = objective_of(project, rows.rows, rows.known, stated.folds, compared_metric(project.model))
    return with_best_rounds(objective, parameters, context.log)
