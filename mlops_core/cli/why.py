"""Why a row was predicted as it was: what each input added to the prediction, in the words of `explain`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.registry_errors import ModelNotFoundError
from mlops_core.defs.annotations import DataFrame
from mlops_core.project import BASE_VALUE, Project

if TYPE_CHECKING:
    import pandas as pd

Story = Iterator[tuple[str, str]]
"""(What, sentence)."""

TOLD = 10
"""Inputs that are told of, those that add or take most."""


def why(project: Project, registry: ModelRegistry, version: int, row: DataFrame) -> Story:
    """The base value and the contributions of the inputs to one row of predictions, largest first.

    Args:
        row: all columns of the table of predictions.
    """
    if project.model.training.contributions is None:
        yield "why", f"unknown: the training of {project.model.name} declares no contributions of its inputs"
        return
    from mlops_core.adapters.logged_model import OtherFlavorError, logged_model
    from mlops_core.training.contributions import contributions_of
    from mlops_core.training.model_answers import UnusableAnswerError
    from mlops_core.training.model_inputs import as_declared

    inputs = as_declared(project, row.toPandas())
    try:
        model = logged_model(registry, registry.get(version), project.model.training.flavor)
        added = contributions_of(project.model, model, inputs).iloc[0]
    except ModelNotFoundError:
        yield "why", "unknown: the model is not in the registry any more"
    except (KeyError, OtherFlavorError, UnusableAnswerError) as error:
        yield "why", f"unknown: the project's code of today can't explain this version: {error}"
    else:
        yield from _told(project, added, inputs.iloc[0])


def _told(project: Project, added: pd.Series, values: pd.Series) -> Story:
    from mlops_core.training.contributions import of_sum, unit_of

    unit = unit_of(project.model, project.events.label_unit)
    in_unit = f" {unit}" if unit else ""
    said = of_sum(project.model, added.sum())
    yield "why", f"{said}{in_unit}: {added[BASE_VALUE]:.4g}{in_unit} for any {project.events.noun}, and by its inputs"
    of_inputs = added.drop(BASE_VALUE)
    ordered = of_inputs.reindex(of_inputs.abs().sort_values(ascending=False, kind="stable").index)
    digits = max(0, 3 - int(f"{max(ordered.abs().max(), 1e-9):e}".split("e")[1]))
    for name, value in ordered.iloc[:TOLD].items():
        yield "", f"{value:+10.{digits}f}  {name} = {_shown(project, str(name), values)}"
    if len(rest := ordered.iloc[TOLD:]):
        yield "", f"{rest.sum():+10.{digits}f}  {len(rest)} more"


def _shown(project: Project, name: str, values: pd.Series) -> str:
    import pandas as pd

    value: Any = values.get(name)
    if pd.isna(value):
        return "unknown"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {project.units.get(name, '')}".rstrip()
