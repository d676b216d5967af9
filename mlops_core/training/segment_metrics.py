"""How the model of each segment does on the held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlops_core.project import Model
from mlops_core.training.composed import Composed

SEGMENT_TABLE = "segments"


def segment_metrics(
    declared: Model, model: Any, training: pd.DataFrame, held_out: pd.DataFrame, answers: np.ndarray
) -> pd.DataFrame | None:
    """The foremost metrics of each segment, the largest of the held-out rows first; None without segments.

    Args:
        training, held_out: rows whose last column is the label.
        answers: what the model says of the held-out ones.
    """
    if not isinstance(model, Composed) or not declared.by_segment:
        return None
    column, task = declared.by_segment.column, declared.task
    own, seen = {part.segment for part in model.segments}, training[column].value_counts()
    labels, rows = task.shape.labels(held_out.iloc[:, -1]), []
    for value, places in held_out.groupby(column, observed=True).indices.items():
        measured = task.headlines(task.measure(labels[places], answers[places]))
        about = {column: value, "has_own_model": value in own, "training_rows": int(seen.get(value, 0))}
        rows.append({**about, "held_out_rows": len(places), **measured})
    table = pd.DataFrame(rows, columns=None if rows else [column])
    return table.sort_values("held_out_rows", ascending=False, kind="stable") if rows else table
