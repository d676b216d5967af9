"""Several classes: what may be declared, and what labels, probabilities and logged models become of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from mlops_core.tasks import MulticlassClassification
from mlops_core.tasks.class_names import as_text
from mlops_core.tasks.classes import UnknownClassError
from mlops_core.tasks.task import UnusableRowsError

BANDS = MulticlassClassification(classes=("early", "on time", "late"))
STARS = MulticlassClassification(classes=(5, 1, 3))


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ("abc", "classes must be a tuple, such as .'a', 'b', 'c'., not 'abc'"),
        ((), "0 classes are too few"),
        (("a", "b"), "2 classes are too few: of two, predict one by a BinaryClassification"),
        (("a", "b", 1), "texts or whole numbers, and all the same, not .'a', 'b', 1."),
        ((1.0, 2.0, 3.0), "texts or whole numbers"),
        ((True, False, True), "texts or whole numbers"),
        (("a", "b", "c", "b"), "classes has 'b' twice"),
        ((1, 2, 2**60), "a whole number up to 2 to the power of 53"),
        (tuple(map(str, range(5_000))), r"5,000 classes are more than 100, .* put rare ones together by computed_by"),
    ],
)
def test_what_are_no_classes_is_a_sentence(classes, sentence):
    with pytest.raises(ValueError, match=f"MulticlassClassification: .*{sentence}"):
        MulticlassClassification(classes=classes)


def test_a_list_of_classes_is_the_same_declaration():
    assert MulticlassClassification(classes=["early", "on time", "late"]) == BANDS
    assert hash(MulticlassClassification(classes=["early", "on time", "late"])) == hash(BANDS)


@pytest.mark.parametrize(
    ("classes", "slugs"),
    [
        (("early", "on time", "late"), ["early", "on_time", "late"]),
        (("+", "-", "="), ["class_0", "class_1", "class_2"]),
        (("a b", "a_b", "A-B"), ["a_b", "class_1", "class_2"]),
        ((-1, 0, 1), ["1", "0", "class_2"]),
        (("macro", "score", "class_0"), ["class_0", "class_1", "class_2"]),
    ],
)
def test_every_metric_of_a_class_has_a_name_of_its_own_that_a_check_can_have(classes, slugs):
    task = MulticlassClassification(classes=classes)
    assert list(task.slugs) == slugs
    for metrics in (task.metrics, task.monitored):
        names = [metric.name for metric in metrics]
        assert len(set(names)) == len(names)
        assert all(name.isascii() and name.replace("_", "a").isalnum() for name in names)


def test_labels_are_places_in_the_order_of_the_declaration():
    labels = BANDS.shape.labels(pd.Series(["late", None, "early", "on time"]))
    np.testing.assert_array_equal(labels, [2, np.nan, 0, 1])
    np.testing.assert_array_equal(STARS.shape.labels(pd.Series([1, 3, 5], dtype="int32")), [1, 2, 0])
    np.testing.assert_array_equal(STARS.shape.labels(pd.Series([1.0, np.nan, 5.0])), [1, np.nan, 0])


def test_a_label_of_no_declared_class_is_a_sentence():
    with pytest.raises(
        UnusableRowsError, match="2 of 4 labels are 'diverted', and the classes of the task are 'early'"
    ):
        BANDS.shape.labels(pd.Series(["late", "diverted", "diverted", None]))
    with pytest.raises(UnusableRowsError, match="3 of 3 labels are '1', '2', '3', and the classes of the task are"):
        STARS.shape.labels(pd.Series(["1", "2", "3"]))


@pytest.mark.parametrize(
    ("labels", "answers", "sentence"),
    [
        ([], np.empty((0, 3)), "There are no rows"),
        ([0, np.nan], [[1, 0, 0], [0, 1, 0]], "1 of 2 labels are no finite numbers"),
        ([0, 1], [[1, 0, 0], [np.nan, np.nan, 1]], "1 of 2 predictions are no finite numbers"),
        ([0, 1], [[1, 0, 0], [0.5, 0.6, -0.1]], "Of 2 predictions, 1 are no probabilities from 0 to 1"),
        ([0, 1], [[0.5, 0.2, 0.2], [0, 0.5, 0.5]], "Of 2 predictions, 1 do not sum to 1 over the classes"),
        (
            [0, 1],
            [[0.5, 0.5], [1, 0]],
            r"of the shape \(2, 2\), none is a probability a row of each class",
        ),
        ([0, 3], [[1, 0, 0], [0, 1, 0]], "the place of its class, 0 to 2, not as 3"),
    ],
)
def test_what_measures_nothing_is_a_sentence(labels, answers, sentence):
    with pytest.raises(UnusableRowsError, match=sentence):
        BANDS.measure(np.array(labels, float), np.array(answers, float))


def test_labels_of_one_class_teach_nothing():
    with pytest.raises(UnusableRowsError, match="All 3 labels to train on are 'late', and a model needs two classes"):
        BANDS.require_learnable(np.full(3, 2.0))
    BANDS.require_learnable(np.array([0.0, 2.0]))


def test_single_precision_is_precise_enough():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 100).astype("float32")
    assert BANDS.measure(np.zeros(100), probabilities.astype(float))["log_loss"] > 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30
    )
)
def test_few_rows_and_missing_classes_are_scikit_learns(rows):
    actual = np.array([row[0] for row in rows], float)
    counts = np.array([row[1:] for row in rows], float) + np.array([1e-9, 0, 0])
    answers = counts / counts.sum(axis=1, keepdims=True)
    said, found = answers.argmax(axis=1), BANDS.measure(actual, answers)
    for name, metric in {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}.items():
        expected = metric(actual, said, average="macro", zero_division=0)
        assert found[f"{name}_macro"] == pytest.approx(expected, abs=1e-12), name
    assert found["log_loss"] == pytest.approx(sk.log_loss(actual, answers, labels=range(3)))
    known = [each for each in range(3) if 0 < (actual == each).sum() < len(actual)]
    areas = [sk.roc_auc_score(actual == each, answers[:, each]) for each in known]
    assert found["roc_auc_macro"] == pytest.approx(np.mean(areas) if areas else np.nan, nan_ok=True)


def test_a_class_of_the_hold_out_that_training_never_had_costs_what_scikit_learn_says():
    answers = np.array([[0.6, 0.4, 0.0], [0.2, 0.8, 0.0]])
    found = BANDS.measure(np.array([0.0, 2.0]), answers)
    assert found["log_loss"] == pytest.approx(sk.log_loss([0, 2], answers, labels=[0, 1, 2]))
    assert (found["recall_late"], found["accuracy_score"]) == (0, 0.5)
    assert np.isnan(found["precision_late"])


def test_the_constant_is_the_share_of_each_class():
    assert BANDS.constant(np.array([0.0, 0, 1, 2])).tolist() == [0.5, 0.25, 0.25]
    assert BANDS.constant(np.array([2.0, 2])).tolist() == [0, 0, 1]


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    """A model that never saw the class "on time", and has its classes in another order."""
    x = np.linspace(0, 1, 40).reshape(-1, 1)
    return LogisticRegression().fit(x, np.where(x[:, 0] > 0.5, "late", "early"))


def test_a_class_that_training_never_had_has_the_probability_0(model):
    x = np.array([[0.1], [0.9]])
    answers = BANDS.shape.of_predict(model, model.predict_proba(x))
    expected = pd.DataFrame(model.predict_proba(x), columns=model.classes_).reindex(columns=BANDS.classes, fill_value=0)
    np.testing.assert_array_equal(answers, expected)
    assert BANDS.shape.predictions(answers).tolist() == model.predict(x).tolist()
    assert BANDS.shape.logged_classes(model) == ("early", "late")
    np.testing.assert_array_equal(BANDS.shape.of_logged(model, model.predict_proba(x)), answers)


def test_numbers_of_classes_are_known_whatever_numpy_makes_of_them():
    x = np.linspace(0, 1, 60).reshape(-1, 1)
    model = LogisticRegression().fit(x, np.repeat([1, 3, 5], 20).astype("int32"))
    assert STARS.shape.logged_classes(model) == (1, 3, 5)
    assert STARS.shape.of_predict(model, np.array([[0.1, 0.2, 0.7]])).tolist() == [[0.7, 0.1, 0.2]]


def test_a_model_may_be_fitted_on_the_places_of_classes():
    x = np.linspace(0, 1, 40).reshape(-1, 1)
    model = LogisticRegression().fit(x, np.where(x[:, 0] > 0.5, 2, 0))
    assert BANDS.shape.logged_classes(model) == ("early", "late")
    assert BANDS.shape.logged_classes("a model without classes_") == BANDS.classes


def test_a_model_of_other_classes_is_refused():
    x = np.linspace(0, 1, 40).reshape(-1, 1)
    model = LogisticRegression().fit(x, np.where(x[:, 0] > 0.5, "late", "diverted"))
    with pytest.raises(UnknownClassError, match="knows the class 'diverted', and the classes of the task are 'early'"):
        BANDS.shape.of_predict(model, model.predict_proba(x))


AWKWARD = MulticlassClassification(classes=("it's", "a\\b", "{x}", "größer", 'say "no"', ":y", "%s"))


@pytest.mark.parametrize("task", [BANDS, STARS, AWKWARD])
def test_a_table_has_the_class_and_every_probability_by_its_name(shared_spark, task):
    answers = np.random.default_rng(0).dirichlet(np.ones(len(task.classes)), 20)
    logged = tuple(sorted(task.classes, key=str))
    as_logged = pd.DataFrame(answers, columns=list(task.classes))[list(logged)]
    rows = shared_spark.createDataFrame([(each.tolist(),) for each in as_logged.to_numpy()], "prediction array<double>")
    given_ = rows.selectExpr(f"{task.shape.from_logged(logged)} AS prediction")
    made = given_.selectExpr(*(f"CAST({each.sql} AS {each.type}) AS {each.name}" for each in task.outputs))
    found = made.selectExpr("*", f"{task.shape.answer} AS answer").toPandas()
    assert found["prediction"].tolist() == task.shape.predictions(answers).tolist()
    assert found["predicted_probability"].tolist() == answers.max(axis=1).tolist()
    np.testing.assert_array_equal(task.shape.answers(found["answer"]), answers)
    assert dict(found["class_probabilities"][0]) == dict(zip(map(str, task.classes), answers[0], strict=True))


def test_an_answer_that_is_none_has_no_class(shared_spark):
    answers = [([0.2, float("nan"), 0.8],), ([0.2, None, 0.8],), ([0.4, 0.6],), (None,), ([0.3, 0.3, 0.4],)]
    rows = shared_spark.createDataFrame(answers, "prediction array<double>")
    given_ = rows.selectExpr(f"{BANDS.shape.from_logged(BANDS.classes)} AS prediction")
    made = given_.selectExpr(*(f"{each.sql} AS {each.name}" for each in BANDS.outputs))
    found = made.selectExpr("*", f"{BANDS.shape.answer} AS answer").toPandas()
    assert found["prediction"].tolist() == [None, None, None, None, "late"]
    assert np.isfinite(BANDS.shape.answers(found["answer"])).all(axis=1).tolist() == [False, False, False, False, True]


def test_of_equals_the_first_that_is_declared_is_predicted(shared_spark):
    rows = shared_spark.createDataFrame([([0.2, 0.4, 0.4],)], "prediction array<double>")
    (row,) = rows.selectExpr(f"{BANDS.outputs[0].sql} AS prediction").collect()
    assert row["prediction"] == "on time" == BANDS.shape.predictions(np.array([[0.2, 0.4, 0.4]])).item()


def test_a_version_of_other_classes_is_read_by_their_names_or_refused():
    assert BANDS.shape.from_logged(("late", "early")) == (
        "CASE WHEN size(prediction) = 2 THEN array(get(prediction, 1), 0D, get(prediction, 0)) END"
    )
    with pytest.raises(UnknownClassError, match="The model knows the class 'diverted'"):
        BANDS.shape.from_logged(("early", "diverted"))
    with pytest.raises(UnknownClassError, match="Its tag answered_classes is missing"):
        BANDS.shape.from_logged(None)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_the_text_of_a_class_is_quoted(text):
    quoted = as_text(text)
    assert quoted[1:-1].replace("\\\\", "").replace("\\'", "").count("'") == 0
