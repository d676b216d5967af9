"""Days of several classes against scikit-learn: as a whole, in slices, of texts and numbers, of undeclared labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sklearn import metrics as sk

from mlops_core.monitoring.bins import bins_of
from mlops_core.monitoring.columns import profile_columns
from mlops_core.monitoring.judged_windows import as_numbers, windows_of
from mlops_core.monitoring.labels import with_labels
from mlops_core.monitoring.profile import profile_metrics
from mlops_core.project import Column, Project
from mlops_core.tasks import MulticlassClassification
from mlops_core_tests.flights.bands import BAND, BANDED, BANDS, OF_DELAY
from mlops_core_tests.flights.sample import FIRST, LAST
from mlops_core_tests.monitoring.documented import DOCUMENTED
from mlops_core_tests.monitoring.test_classification import assert_equals, plain

NOW = datetime(2013, 3, 2, tzinfo=UTC)
QUOTED = MulticlassClassification(classes=("it's {early}", 'on "time"', "a\\late", "never"))
NUMBERED = MulticlassClassification(classes=(3, 1, 2, 9))


def declared(task: MulticlassClassification) -> Project:
    """The project with the bands called as the classes of the task."""
    label = Column("band", "string" if task.shape.is_text else "int", "Band of the delay")
    columns = (*(each for each in BANDED.columns if each.name != "band"), label)
    events = replace(BANDED, columns=columns)
    tables = tuple(replace(table, events=events) for table in BANDS.feature_tables)
    return replace(BANDS, events=events, feature_tables=tables, models=(replace(BANDS.model, task=task),))


def as_events(flight_events: DataFrame, task: MulticlassClassification) -> DataFrame:
    place = F.expr(f"array_position(array('early', 'on time', 'late', 'a day late'), {OF_DELAY})").cast("int") - 1
    names = F.array(*map(F.lit, task.classes))
    kind = "string" if task.shape.is_text else "int"
    return flight_events.withColumn("band", F.get(names, place).cast(kind))


def as_predictions(predictions: DataFrame, task: MulticlassClassification) -> DataFrame:
    """Probabilities with two digits, so that many are tied; the last class is never likely."""
    one, two = "(abs(hash(flight_id)) % 50 / 100.0D)", "(abs(hash(flight_id, 1)) % 50 / 100.0D)"
    answers = predictions.drop("prediction").withColumn(
        "prediction", F.expr(f"array({one}, {two}, round(1 - {one} - {two}, 2), 0D)")
    )
    return answers.withColumns({each.name: F.expr(each.sql).cast(each.type) for each in task.outputs})


@pytest.fixture(scope="module", params=[BAND, QUOTED, NUMBERED], ids=["text", "awkward text", "numbers"])
def task(request: pytest.FixtureRequest) -> MulticlassClassification:
    return request.param


@pytest.fixture(scope="module")
def made(task, predictions: DataFrame, flight_events: DataFrame) -> tuple[Project, DataFrame, DataFrame, DataFrame]:
    project, events = declared(task), as_events(flight_events, task)
    rows = as_predictions(predictions, task)
    labelled = with_labels(rows, events, project, FIRST, LAST)
    return project, rows, events, profile_metrics(rows, labelled, project)


@pytest.fixture(scope="module")
def scored(made, task) -> pd.DataFrame:
    """Predictions and labels for pandas, classes by their places."""
    _, rows, events, _ = made
    known = events.where("landed_at IS NOT NULL").select("flight_id", "band").toPandas()
    frame = rows.toPandas().merge(known, "left", "flight_id")
    places = {name: place for place, name in enumerate(task.classes)}
    assert frame["band"].nunique() == 3
    return frame.assign(actual=frame["band"].map(places), said=frame["prediction"].map(places))


def truth(rows: pd.DataFrame, task: MulticlassClassification) -> dict:
    """What scikit-learn says of labelled rows; by class only where there is one."""
    actual, said, names = rows["actual"].astype(int), rows["said"], list(map(str, task.classes))
    answers = np.array([[dict(each)[name] for name in names] for each in rows["class_probabilities"]])
    there = sorted({*actual, *said})
    scores = {"precision": sk.precision_score, "recall": sk.recall_score, "f1_score": sk.f1_score}
    cells = pd.crosstab(said, actual).stack()
    areas = [sk.roc_auc_score(actual == each, answers[:, each]) for each in sorted(set(actual))]
    return {
        "accuracy_score": sk.accuracy_score(actual, said),
        **{name: by_class(metric, actual, said, there, names) for name, metric in scores.items()},
        "log_loss": sk.log_loss(actual, answers, labels=range(len(names))),
        "brier_score": ((answers - np.eye(len(names))[actual]) ** 2).sum(axis=1).mean(),
        "roc_auc": np.mean(areas),
        "confusion_matrix": {(names[p], names[a]): count for (p, a), count in cells.items() if count},
        "predicted_shares": {names[each]: (said == each).mean() for each in there},
        "label_shares": {names[each]: (actual == each).mean() for each in there},
    }


def by_class(metric, actual, said, there, names) -> dict:
    values = metric(actual, said, labels=there, average=None, zero_division=np.nan)
    found = {names[each]: None if np.isnan(value) else value for each, value in zip(there, values, strict=True)}
    return {"one_vs_all": found} | {
        mean: metric(actual, said, average=mean, zero_division=0) for mean in ("macro", "weighted")
    }


def assert_is_true(found: pd.Series, rows: pd.DataFrame, task: MulticlassClassification) -> None:
    labelled = rows.dropna(subset="actual")
    for name, value in truth(labelled, task).items():
        if name == "confusion_matrix":
            cells = {(cell["prediction"], cell["label"]): cell["count"] for cell in found[name]}
            assert cells == value
        else:
            assert_equals(plain(found[name]), value, name)
    assert found["labelled_count"] == len(labelled)


def test_every_day_and_every_slice_is_scikit_learns(made, scored, task):
    profile = made[3].toPandas()
    tables = profile[profile["column_name"] == ":table"]
    days = tables[tables["slice_key"].isna()].set_index("day")
    assert set(days.index) == set(scored["day"])
    for day, rows in scored.groupby("day"):
        assert 0 < rows["actual"].notna().sum() < len(rows)  # the cancelled never have a label
        assert_is_true(days.loc[day], rows, task)
    slices = tables[tables["slice_key"] == "origin"].set_index(["day", "slice_value"])
    groups = dict(iter(scored.groupby(["day", "origin"])))
    assert set(slices.index) == set(groups)
    for group, rows in groups.items():
        assert_is_true(slices.loc[group], rows, task)


def test_prediction_and_label_are_described_as_categories(made, scored, task):
    profile = made[3].toPandas()
    for name, present in (("prediction", scored["said"]), ("band", scored["actual"])):
        rows = profile[(profile["column_name"] == name) & profile["slice_key"].isna()].set_index("day")
        assert set(rows["data_type"]) == {"string" if task.shape.is_text else "bigint"}
        nulls = present.isna().groupby(scored["day"]).sum()
        assert rows["num_nulls"].to_dict() == nulls.to_dict()
        assert rows["quantiles"].isna().all()


def test_a_day_is_judged_by_the_number_of_a_class(made, task):
    profile = made[3]
    slug, name = next(iter(task.slugs.items()))
    days = profile.toPandas().query("slice_key.isna() and column_name == ':table'").set_index("day")
    expected = {day: dict(row["one_vs_all"])[name] for day, row in days["recall"].items()}
    windows = windows_of(profile, task.monitor_metric(f"recall_{slug}"), NOW)
    assert {window.day: window.value for window in windows} == expected
    numbers = as_numbers(profile, task).toPandas().query("slice_key.isna() and column_name == ':table'")
    assert numbers.set_index("day")[f"recall_{slug}"].to_dict() == expected
    assert numbers["recall"].tolist() == [row["macro"] for row in days["recall"]]
    last = list(task.slugs)[-1]
    assert all(window.value is None for window in windows_of(profile, task.monitor_metric(f"recall_{last}"), NOW))


def test_a_label_that_is_not_declared_counts_as_wrong_and_shows(made, task, predictions):
    project, rows, events, _ = made
    other = F.lit("diverted" if task.shape.is_text else 77)
    odd = events.withColumn("band", F.when(F.col("flight_id") % 7 == 0, other).otherwise(F.col("band")))
    labelled = with_labels(rows, odd, project, FIRST, FIRST)
    whole = profile_metrics(rows.where(F.col("day") == F.lit(FIRST)), labelled, project)
    (row,) = whole.where("column_name = ':table' AND slice_key IS NULL").toPandas().to_dict("records")
    shares = dict(row["label_shares"])
    assert 0.05 < shares["undeclared"] < 0.3
    assert {cell["label"] for cell in row["confusion_matrix"]} > {"undeclared"}
    assert row["log_loss"] > shares["undeclared"] * 36  # of the smallest probability


def test_days_without_labels_are_described_and_not_judged(made, task):
    project, rows, events, _ = made
    unlabelled = events.withColumn("band", F.lit(None).cast(events.schema["band"].dataType))
    profile = profile_metrics(rows, with_labels(rows, unlabelled, project, FIRST, LAST), project).toPandas()
    days = profile[(profile["column_name"] == ":table") & profile["slice_key"].isna()]
    assert set(days["labelled_count"]) == {0} and days["count"].gt(0).all()
    for metric in (each for each in task.monitored if each.is_column):
        assert days[metric.name].isna().all(), metric.name


def test_each_declared_class_has_a_bin_however_rare(task):
    project = declared(task)
    baseline = pd.DataFrame({"prediction": [task.classes[0]] * 99 + [task.classes[1]], "band": [task.classes[2]] * 100})
    prediction, label = bins_of(baseline, project)
    assert prediction.edges == label.edges == task.classes
    assert prediction.baseline.by_bin.tolist() == [99, 1, 0, 0, 0, 0]  # of the classes, of others, of nulls
    assert (label.is_label, prediction.is_label) == (True, False)


def test_the_columns_are_those_that_databricks_documents_for_a_classification():
    columns = profile_columns(BANDS)
    stored = {metric.name for metric in BAND.monitored if metric.is_column}
    theirs = {name for name in stored if not columns[name][1].endswith("; ours")}
    assert {name: columns[name][0] for name in theirs} == DOCUMENTED
