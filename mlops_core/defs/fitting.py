"""Where a model is fitted: in memory, or by the workers of the platform's Spark."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.spark import ON_WORKERS
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.config import Target
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import resources_of
from mlops_core.defs.training_rows import TrainingRows
from mlops_core.project import DeclarationError, Project

if TYPE_CHECKING:
    from pydantic import BaseModel


def require_workers(project: Project, target: Target) -> None:
    """Refuse a trainer whose workers the target's compute does not have; a laptop fits in memory.

    Raises:
        DeclarationError: names the fix.
    """
    trainer = project.model.training.trainer
    if trainer is None or not trainer.workers or target.platform == "local":
        return
    if Compute().overridden(target.compute).on_serverless:
        raise DeclarationError(
            f"Model '{project.model.name}': {trainer.workers} workers can't fit together on the serverless compute of "
            f"the target '{target.name}': {ON_WORKERS}."
        )


def fits_on_workers(project: Project, context: dg.AssetExecutionContext) -> bool:
    """Whether the model is fitted by workers.

    Raises:
        NoWorkersError: the cluster has none that fit together.
    """
    trainer = project.model.training.trainer
    if trainer is None or not trainer.workers:
        return False
    if resources_of(project, context).tables.spark.has_workers():
        context.log.info(f"{trainer.workers} workers of Spark fit the model together")
        return True
    context.log.info("This Spark has no workers of its own: the model is fitted in memory")
    return False


def fitted_by(project: Project, found: TrainingRows, on_workers: DataFrame | None, parameters: "BaseModel") -> Any:
    """The model of the rows in memory, or of all of them where Spark has them.

    Raises:
        UnusableAnswerError: there is none.
    """
    from mlops_core.training.model_answers import UnusableAnswerError, fitted

    trainer = project.model.training.trainer
    if on_workers is None or trainer is None:
        return fitted(project.model, found.rows, parameters)
    try:
        return trainer.fit_on_workers(on_workers, parameters)
    except Exception as error:  # Spark, its workers and XGBoost may raise anything
        raise UnusableAnswerError(
            f"{trainer.workers} workers of Spark could not fit the model together: {error!r}. They need as many task "
            "slots at once, and xgboost in requirements.txt."
        ) from error
