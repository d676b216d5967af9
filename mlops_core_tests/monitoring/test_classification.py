"""The days of a classification against scikit-learn and pandas: as a whole, in slices, and where labels say nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from mlops_core.monitoring.columns import profile_columns
from mlops_core_tests.flights.project import PROJECT
from mlops_core_tests.flights.task import LATE
from mlops_core_tests.monitoring.documented import DOCUMENTED


def classes(metric, rows: pd.DataFrame) -> dict:
    actual, alarm = rows["late"], (rows["prediction"] >= LATE.threshold).astype(float)
    of_one = {str(one): metric(actual, alarm, pos_label=one) for one in (0, 1)}
    return {"one_vs_all": of_one, "macro": metric(actual, alarm, average="macro")} | {
        "weighted": metric(actual, alarm, average="weighted")
    }


def truth(rows: pd.DataFrame) -> dict:
    """What scikit-learn says of labelled rows; what tasks have on top is held against it in their own tests."""
    actual, score = rows["late"].to_numpy(), rows["prediction"].to_numpy()
    alarm = (score >= LATE.threshold).astype(float)
    return {
        "accuracy_score": sk.accuracy_score(actual, alarm),
        "precision": classes(sk.precision_score, rows),
        "recall": classes(sk.recall_score, rows),
        "f1_score": classes(sk.f1_score, rows),
        "log_loss": sk.log_loss(actual, score),
        "brier_score": sk.brier_score_loss(actual, score),
        "roc_auc": sk.roc_auc_score(actual, score),
        "average_precision": sk.average_precision_score(actual, score),
        "calibration_error": LATE.measure(actual, score)["calibration_error"],
        "bias": np.mean(score - actual),
        "positive_rate": alarm.mean(),
        "base_rate": actual.mean(),
        "labelled_count": len(rows),
    }


def plain(value):
    """Maps are lists of pairs to Arrow."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {key: plain(inner) for key, inner in value}
    return {key: plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def assert_equals(found, expected, name: str) -> None:
    if isinstance(expected, dict):
        assert set(found) == set(expected), name
        for key, value in expected.items():
            assert_equals(found[key], value, f"{name}.{key}")
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), name


def test_every_day_is_scikit_learns(profile, predicted):
    days = profile[profile["slice_key"].isna() & (profile["column_name"] == ":table")].set_index("day")
    assert set(days.index) == set(predicted["day"])
    for day, rows in predicted.groupby("day"):
        found, labelled = days.loc[day], rows.dropna(subset="late")
        assert 0 < len(labelled) < len(rows)  # the cancelled never have a label
        for name, value in truth(labelled).items():
            assert_equals(plain(found[name]), value, name)
        assert found["count"] == len(rows)
        assert found["label_coverage"] == pytest.approx(len(labelled) / len(rows))
        alarm = (labelled["prediction"] >= LATE.threshold).astype(int)
        matrix = sk.confusion_matrix(labelled["late"], alarm)
        cells = {(int(cell["label"]), int(cell["prediction"])): cell["count"] for cell in found["confusion_matrix"]}
        assert cells == {(actual, said): matrix[actual, said] for actual in (0, 1) for said in (0, 1)}


@pytest.mark.parametrize(
    ("key", "slices"),
    [
        ("origin", lambda rows: rows["origin"]),
        ("departure_hour", lambda rows: rows["scheduled_departure"].dt.strftime("%H")),
        (
            "distance_band",
            lambda rows: pd.cut(
                rows["distance"],
                [0, 500, 1_000, 2_000, np.inf],
                right=False,
                labels=["0 to 500 mi", "500 to 1000 mi", "1000 to 2000 mi", "2000 mi or more"],
            ).astype(str),
        ),
    ],
)
def test_slices_are_scikit_learns(profile, predicted, key, slices):
    rows = profile[(profile["slice_key"] == key) & (profile["column_name"] == ":table")]
    found = rows.set_index(["day", "slice_value"])
    groups = dict(iter(predicted.groupby(["day", slices(predicted)])))
    assert set(found.index) == set(groups)
    for group, members in groups.items():
        labelled, row = members.dropna(subset="late"), found.loc[group]
        assert row["count"] == len(members)
        if labelled["late"].nunique() == 2:
            for name in ("roc_auc", "average_precision"):
                metric = sk.roc_auc_score if name == "roc_auc" else sk.average_precision_score
                assert row[name] == pytest.approx(metric(labelled["late"], labelled["prediction"])), (group, name)
            assert row["log_loss"] == pytest.approx(sk.log_loss(labelled["late"], labelled["prediction"]))


def test_the_columns_are_those_that_databricks_documents_for_a_classification():
    columns = profile_columns(PROJECT)
    theirs = {metric.name for metric in LATE.monitored if not columns[metric.name][1].endswith("; ours")}
    assert {name: columns[name][0] for name in theirs} == DOCUMENTED
    assert "root_mean_squared_error" not in columns
