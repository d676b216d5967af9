"""Fewer rows of a class, and heavier ones; and how probabilities become those of all rows again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlops_core.project import Model
from mlops_core.tasks.task import UnusableRowsError

HASHES = 2.0**64


def sampled(declared: Model, rows: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
    """Which of the training rows are fitted: a share of each class, by a hash of time and inputs.

    A row is taken or not whatever other rows there are, so folds and later trainings take the same ones. Of rows with
    the same time and inputs each has a hash of its own, by their order: together they would be all or nothing.

    Args:
        labels: Of each row, the place of its class.

    Raises:
        UnusableRowsError: none of a class is left.
    """
    task, training = declared.task, declared.training
    shares = np.array([training.sampling.get(label, 1.0) for label in task.label_classes])
    names = {rows.columns[0], *(each if isinstance(each, str) else each.name for each in training.inputs)}
    kept = _hashes(rows[[name for name in rows if name in names]]) / HASHES < shares[labels]
    for place, label in enumerate(task.label_classes):
        is_of = labels == place
        if is_of.any() and not kept[is_of].any():
            raise UnusableRowsError(
                f"Training, sampling: none of the {int(is_of.sum())} training rows of {label!r} is left: keep a larger "
                f"share than {shares[place]:g} of them."
            )
    return kept


def _hashes(rows: pd.DataFrame) -> np.ndarray:
    hashed = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    place = pd.Series(hashed).groupby(hashed).cumcount().to_numpy(np.uint64)
    return np.where(place > 0, pd.util.hash_array(hashed + place), hashed)


def class_weights(declared: Model, labels: np.ndarray) -> np.ndarray:
    """The weight of each class, among these rows."""
    from sklearn.utils.class_weight import compute_class_weight

    task, weights = declared.task, declared.training.weights
    if not isinstance(weights, str):
        return np.array([weights.get(label, 1.0) for label in task.label_classes])
    found, present = np.ones(len(task.label_classes)), np.unique(labels)
    found[present] = compute_class_weight("balanced", classes=present, y=labels)
    return found


def shares_kept(labels: np.ndarray, kept: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class that is fitted; 1 for a class without rows."""
    rows, fitted = (np.bincount(each, minlength=classes) for each in (labels, labels[kept]))
    return np.divide(fitted, rows, out=np.ones(classes), where=rows > 0)


def corrected(answers: np.ndarray, factors: Sequence[float]) -> np.ndarray:
    """Probabilities of a model that saw each class so many times as heavy as it is, as those of all rows.

    Its odds are too large by the ratio of the factors: each probability is divided by the factor of its class, and all
    are scaled to a sum of 1 (Elkan, The Foundations of Cost-Sensitive Learning, 2001, theorem 2).

    Args:
        answers: The probability of the label 1, or of each class.

    Raises:
        ValueError: some are no probabilities.
    """
    outside = int(((answers < 0) | (answers > 1)).sum())
    if outside:
        raise ValueError(f"{outside} of {answers.size} answers are no probabilities from 0 to 1")
    of_classes = answers if answers.ndim > 1 else np.column_stack([1 - answers, answers])
    weighed = of_classes / np.asarray(factors)
    scaled = weighed / weighed.sum(axis=1, keepdims=True)
    return scaled if answers.ndim > 1 else scaled[:, 1]
