"""The columns of the profile metrics that a classification among several classes has, in SQL over its predictions.

Means over classes are of those that the day's labels or predictions have, as scikit-learn takes them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from mlops_core.tasks.class_names import as_text
from mlops_core.tasks.classes import Classes
from mlops_core.tasks.monitor_metric import CLASSES, MonitorMetric, Over
from mlops_core.tasks.shape import Label

MOST_DRAWN = 12
"""So many classes are drawn, the first that are declared."""
SHARES = "map<string,double>"

_SMALLEST = f"{sys.float_info.epsilon!r}D"
_LOSS = f"-ln(CASE WHEN likelihood < {_SMALLEST} THEN {_SMALLEST} WHEN likelihood > 1 THEN 1D ELSE likelihood END)"
_SQUARED = "aggregate(class_probabilities, 0D, (sum, each) -> sum + each * each) - 2 * likelihood + 1"
PRECISION, RECALL = "hits / nullif(predictions, 0)", "hits / nullif(labels, 0)"
F1 = "2 * hits / (predictions + labels)"


def monitored(slugs: Mapping[str, str], shape: Classes) -> tuple[MonitorMetric, ...]:
    """Each metric; of `slugs` are the names of those of a class."""
    return (
        _metric("accuracy_score", "Accuracy", "Share of the classes that are right", "sum(hits) / sum(labels)"),
        MonitorMetric(
            "confusion_matrix",
            "Confusion matrix",
            "Labelled predictions by predicted and actual class, where there are some",
            "sort_array(collect_list(struct(prediction, label, count)))",
            greater_is_better=None,
            of="cells",
            type="array<struct<prediction:string,label:string,count:bigint>>",
        ),
        _by_class("precision", "Precision", "Share of those predicted to be of a class that are", PRECISION),
        _by_class("recall", "Recall", "Share of a class that is predicted to be of it", RECALL),
        _by_class("f1_score", "F1", "Harmonic mean of precision and recall", F1, is_shown=False),
        _ours(
            "log_loss",
            "Log loss",
            "Mean negative log-likelihood of the label",
            f"avg({_LOSS})",
            of="rows",
            is_shown=True,
        ),
        _ours(
            "brier_score",
            "Brier score",
            "Mean squared distance of the probabilities and the class, 0 to 2",
            f"avg({_SQUARED})",
        ),
        _ours(
            "roc_auc",
            "ROC AUC",
            "Mean over the classes of the area under the ROC curve of each against all others",
            "sum(negatives * (hits - positives / 2)) / nullif(sum(positives) * sum(negatives), 0)",
            is_better=True,
            of="scores",
            is_shown=True,
        ),
        _shares("predicted_shares", "Share of the predictions of each class", "predictions"),
        _shares("label_shares", "Share of the labels of each class", "labels"),
        *(metric for slug, each in zip(slugs, shape.classes, strict=True) for metric in _of_class(slug, each)),
    )


def _metric(name: str, title: str, meaning: str, sql: str) -> MonitorMetric:
    return MonitorMetric(name, title, meaning, sql, greater_is_better=True, of="classes", number=name, is_shown=True)


def _ours(
    name: str, title: str, meaning: str, sql: str, *, of: Over = "rows", is_better: bool = False, is_shown: bool = False
) -> MonitorMetric:
    return MonitorMetric(
        name, title, meaning, sql, greater_is_better=is_better, of=of, number=name, is_shown=is_shown, is_ours=True
    )


def _by_class(name: str, title: str, meaning: str, value: str, *, is_shown: bool = True) -> MonitorMetric:
    """A metric of each class against all others, judged by its mean; in means, one that is undetermined is 0."""
    weighted = f"sum(coalesce({value}, 0) * labels) / nullif(sum(labels), 0)"
    sql = f"named_struct('one_vs_all', {_map(value)}, 'macro', avg(coalesce({value}, 0)), 'weighted', {weighted})"
    return MonitorMetric(
        name,
        f"Mean {title.lower() if title != 'F1' else title} of the classes",
        meaning,
        sql,
        greater_is_better=True,
        of="classes",
        type=CLASSES,
        number=f"{name}.macro",
        drawn_with="classes",
        is_shown=is_shown,
    )


def _shares(name: str, meaning: str, count: str) -> MonitorMetric:
    sql = _map(f"{count} / everything")
    return MonitorMetric(name, meaning, meaning, sql, greater_is_better=None, of="classes", type=SHARES, is_ours=True)


def _map(value: str) -> str:
    return f"map_from_entries(sort_array(collect_list(struct(class, {value}))))"


def _of_class(slug: str, title: Label) -> Iterator[MonitorMetric]:
    """What of the columns above is of one class: a day can be judged by it."""
    for name, about in (("precision", "Precision"), ("recall", "Recall"), ("f1_score", "F1")):
        yield MonitorMetric(
            f"{name.removesuffix('_score')}_{slug}",
            f"{about} of {title}",
            f"{about} of {title}",
            "",
            greater_is_better=True,
            number=f"{name}.one_vs_all[{as_text(title)}]",
            drawn_with=f"class {slug}",
        )
    for name, about in (("predicted_share", "Predicted share"), ("label_share", "Share of labels")):
        yield MonitorMetric(
            f"{name}_{slug}",
            f"{about}: {title}",
            f"{about}: {title}",
            "",
            greater_is_better=None,
            number=f"{name}s[{as_text(title)}]",
            drawn_with=f"share {slug}",
        )
