"""The decision threshold of a version, as part of its training: where the task declares what mistakes cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.model_version import TrainingRecord
from mlops_core.project import Project
from mlops_core.tasks import BinaryClassification

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mlops_core.defs.training_rows import TrainingRows


@dataclass(frozen=True)
class Decided:
    """The project as it judges the version, whose threshold its training chose; None where none is."""

    project: Project
    threshold: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def beside(self, record: TrainingRecord) -> TrainingRecord:
        """The record with what the threshold costs on the folds."""
        return record.measured(self.metrics)


def decided(
    project: Project, context: dg.AssetExecutionContext, found: "TrainingRows", parameters: "BaseModel"
) -> Decided:
    """Choose the threshold for a model with these parameters, on folds of the rows to train on."""
    task = project.model.task
    if not isinstance(task, BinaryClassification) or task.decision is None:
        return Decided(project)
    from mlops_core.tasks.binary_metrics import LOG_LOSS
    from mlops_core.training.objective import objective_of
    from mlops_core.training.threshold_choice import choose

    # A fold without positives judges a threshold too: the log loss is known of any fold.
    objective = objective_of(project, found.rows, found.known, task.decision.folds, LOG_LOSS)
    chosen = choose(task.decision, objective, parameters, context.log)
    measured = {"decision_threshold": chosen.threshold, "mean_cost_on_folds": chosen.mean_cost}
    model = replace(project.model, task=task.at(chosen.threshold))
    return Decided(replace(project, models=(model,)), chosen.threshold, measured)
