"""The metrics of a classification among several classes, from sums over rows and from the order of the probabilities.

The sums of a class have its place in the order of the declaration in their names. Means over classes are those of
scikit-learn: of the classes that the labels or the predictions have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mlops_core.tasks.metric import Metric, PairMetric, SumMetric, Sums
from mlops_core.tasks.sums import SMALLEST, quiet, ratio

if TYPE_CHECKING:
    import numpy as np

LABELS, PREDICTED, HITS = "labels_{}", "predicted_{}", "hits_{}"
"""Sums of a class: its labels, the predictions of it, and those of them that are right."""


def metrics(slugs: Mapping[str, str]) -> tuple[Metric, ...]:
    """All of them; `slugs` says how a metric's name has a class, in the order of the declaration, and its title."""
    count = len(slugs)
    means = (("f1_macro", "F1", _f1), ("precision_macro", "precision", _precision), ("recall_macro", "recall", _recall))
    return (
        SumMetric("log_loss", "Log loss", greater_is_better=False, of_sums=ratio("log_loss", "rows")),
        SumMetric("accuracy_score", "Accuracy", greater_is_better=True, of_sums=ratio("hits", "rows")),
        *(
            SumMetric(name, f"Mean {title} of the classes", greater_is_better=True, of_sums=_mean(count, of_class))
            for name, title, of_class in means
        ),
        SumMetric(
            "balanced_accuracy_score", "Balanced accuracy", greater_is_better=True, of_sums=_mean(count, _known_recall)
        ),
        PairMetric("roc_auc_macro", "Mean ROC AUC of the classes", greater_is_better=True, of_pairs=_roc_auc),
        SumMetric("brier_score", "Brier score", greater_is_better=False, of_sums=ratio("squared", "rows")),
        *(metric for place, (slug, title) in enumerate(slugs.items()) for metric in _of_class(place, slug, title)),
    )


def summed(count: int) -> dict[str, str]:
    """What a row adds to the sums, in SQL over `actual`, the place of its class, and the probabilities `predicted`."""
    likeliest = "(array_position(predicted, array_max(predicted)) - 1)"
    is_of, is_predicted = (
        [f"CAST({place} = {each} AS double)" for each in range(count)] for place in ("actual", likeliest)
    )
    distance = (f"power(get(predicted, {place}) - {is_of[place]}, 2)" for place in range(count))
    sums = {
        "rows": "1D",
        "log_loss": f"-ln(least(greatest(get(predicted, CAST(actual AS int)), {SMALLEST!r}D), 1D))",
        "squared": " + ".join(distance),
        "hits": f"CAST(actual = {likeliest} AS double)",
    }
    for place in range(count):
        sums |= {LABELS.format(place): is_of[place], PREDICTED.format(place): is_predicted[place]}
        sums[HITS.format(place)] = f"{is_of[place]} * {is_predicted[place]}"
    return sums


def _of_class(place: int, slug: str, title: str) -> tuple[Metric, ...]:
    labels, predicted, hits = (name.format(place) for name in (LABELS, PREDICTED, HITS))
    return (
        SumMetric(f"precision_{slug}", f"Precision of {title}", greater_is_better=True, of_sums=ratio(hits, predicted)),
        SumMetric(f"recall_{slug}", f"Recall of {title}", greater_is_better=True, of_sums=ratio(hits, labels)),
        SumMetric(f"f1_{slug}", f"F1 of {title}", greater_is_better=True, of_sums=partial(_f1_of, place)),
    )


@quiet
def _f1(labels: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> np.ndarray:
    return 2 * hits / (labels + predicted)


@quiet
def _precision(labels: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Of a class that is never predicted it is 0, as scikit-learn has it."""
    return _or_zero(hits / predicted, labels)


@quiet
def _recall(labels: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> np.ndarray:
    return _or_zero(hits / labels, predicted)


@quiet
def _known_recall(labels: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> np.ndarray:  # noqa: ARG001
    return hits / labels


def _or_zero(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where(np.isnan(values) & (others > 0), 0.0, values)


def _f1_of(place: int, sums: Sums) -> np.ndarray:
    return _f1(*(sums[name.format(place)] for name in (LABELS, PREDICTED, HITS)))


def _mean(count: int, of_class: Callable[..., np.ndarray]) -> Callable[[Sums], np.ndarray]:
    def of_sums(sums: Sums) -> np.ndarray:
        import numpy as np

        parts = (np.stack([sums[name.format(each)] for each in range(count)]) for name in (LABELS, PREDICTED, HITS))
        return mean_of_known(of_class(*parts))

    return of_sums


@quiet
def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is no NaN; NaN where all of it is."""
    import numpy as np

    return np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0)


def _roc_auc(actual: np.ndarray, predicted: np.ndarray, cluster: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """That of each class against all others, of the classes that some rows are of and some are not."""
    import numpy as np

    from mlops_core.tasks.ranks import roc_auc_of_clusters

    each = (
        roc_auc_of_clusters(actual == place, predicted[:, place], cluster, drawn) for place in range(predicted.shape[1])
    )
    return mean_of_known(np.stack(list(each)))
