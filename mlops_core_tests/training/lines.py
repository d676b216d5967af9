"""A model whose metric on any rows is known by hand: `y` is predicted as `slope` times `x`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlops_core.project import Choice, FloatRange, IntRange, Model, Search, Training
from mlops_core.tasks import Regression, Task
from mlops_core.training.folds import Fold, folds
from mlops_core.training.objective import Objective

DAYS, AN_HOUR = 12, 5


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = Field(5.0, ge=0)
    power: int = Field(1, ge=1, le=3)
    broken: bool = False

    @model_validator(mode="after")
    def _not_both(self) -> Line:
        if self.slope > 8 and self.power == 3:
            raise ValueError("so steep a cube")
        return self


def fit(rows: pd.DataFrame, parameters: Line) -> Line:
    if parameters.broken:
        raise RuntimeError("no memory")
    return parameters


def predict(model: Line, rows: pd.DataFrame) -> np.ndarray:
    return model.slope * rows.x.to_numpy() ** model.power


SPACE = {"slope": FloatRange(0, 10), "power": IntRange(1, 3)}
SEARCH = Search(SPACE, trials=25, folds=3)
TRAINING = Training(
    inputs=("x",), fit=fit, predict=predict, hyperparameters=Line, flavor="sklearn", packages=(), search=SEARCH
)
BROKEN = Search({"slope": FloatRange(0, 10), "broken": Choice((True, False))}, trials=25)


def rows(slope: float = 3.0) -> pd.DataFrame:
    """Sixty rows a day; the later, the larger `x`."""
    times = pd.Series(pd.date_range("2016-01-01", periods=DAYS * 24, freq="h").repeat(AN_HOUR)).reset_index(drop=True)
    random = np.random.default_rng(0)
    x = 1 + np.arange(len(times)) / len(times) + random.random(len(times))
    return pd.DataFrame({"at": times, "x": x, "y": slope * x + random.normal(size=len(times))})


def folded(frame: pd.DataFrame, count: int = 3) -> list[Fold]:
    return folds(frame["at"], frame["at"], count)


def objective(task: Task | None = None, metric: str = "", frame: pd.DataFrame | None = None, **of: Any) -> Objective:
    """Of the line above; `of` replaces what its training declares."""
    from dataclasses import replace

    task, frame = task or Regression(), rows() if frame is None else frame
    declared = Model("line", "y of x", task=task, training=replace(TRAINING, **of))
    return Objective(declared, "y", task.metric(metric or task.compared), frame, folded(frame))
