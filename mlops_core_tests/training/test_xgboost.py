"""XGBoost in memory and on workers of Apache Spark: one declaration, the same gate, the same model but for noise."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

from mlops_core.adapters.flavors import description
from mlops_core.adapters.spark import ClusterSpark, NoWorkersError
from mlops_core.config import load_target
from mlops_core.defs.fitting import require_workers
from mlops_core.project import BASE_VALUE, DeclarationError, Encoding, Input, Training, XGBoost
from mlops_core.tasks import Regression, Task
from mlops_core.training.contributions import contributions_of
from mlops_core.training.model_answers import fitted, predictions
from mlops_core.validation.comparison import CANDIDATE, CHAMPION, difference
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.project import MODEL, PROJECT
from mlops_core_tests.training.workers import Hyperparameters, fitted_elsewhere, sampled

LABEL, TIME = FLIGHTS.label_column, FLIGHTS.event_time
TRAINER = XGBoost(FLIGHTS, objective="binary:logistic", workers=2)
TRAINING = Training(
    inputs=(
        "distance",
        Input("hour", "int", "Hour of the scheduled departure, 0 to 23", expression=f"hour({FLIGHTS.event_time})"),
    ),
    trainer=TRAINER,
    hyperparameters=Hyperparameters,
    packages=("numpy", "pandas"),
)
WORKED = replace(
    PROJECT, feature_tables=(), models=(replace(MODEL, training=TRAINING, lookups=(), not_watched=()),), prefix=""
)
SERVERLESS = {"kind": "worker", "serverless": True, "environment_version": "5"}


def made(count: int = 4_000) -> pd.DataFrame:
    """Rows in the order of time, with missing values, a boolean, and a label that follows from both."""
    random = np.random.default_rng(5)
    distance, is_far = random.gamma(2, 400, count), random.random(count) < 0.4
    at = pd.Timestamp("2013-02-01") + pd.to_timedelta(np.sort(random.integers(0, 14_400, count)), unit="min")
    late = random.random(count) < 1 / (1 + np.exp(1 - distance / 600 - is_far))
    distance = np.minimum(distance.round(-1), 2_000)  # 200 values: each has a bin of its own, on workers as in memory
    distance[random.random(count) < 0.1] = np.nan
    return pd.DataFrame({TIME: at, "distance": distance, "is_far": is_far, LABEL: late.astype(float)})


def test_in_memory_it_is_xgboost_with_the_same_parameters() -> None:
    rows, parameters = made(), Hyperparameters(num_boost_round=20)
    model = fitted(WORKED.model, rows, parameters)
    inputs = rows[["distance", "is_far"]].astype(float)
    truth = xgboost.XGBClassifier(n_estimators=20, max_depth=4, learning_rate=0.1, random_state=0)
    expected = truth.fit(inputs, rows[LABEL]).predict_proba(inputs)[:, 1]
    np.testing.assert_allclose(predictions(WORKED.model, model, rows), expected, rtol=1e-6)
    assert set(TRAINER.importance(model).index) == {"distance", "is_far"}


def test_with_an_encoding_it_takes_texts_and_answers_the_same_logged() -> None:
    """The label is the carrier's, whose levels are told apart as pandas' categories of XGBoost's own are."""
    rows = made(2_000)
    rows.insert(1, "carrier", np.random.default_rng(6).choice(["AA", "B6", "UA"], len(rows)).astype(object))
    rows[LABEL] = (rows["carrier"] == "B6").astype(float)
    training = replace(TRAINING, trainer=replace(TRAINER, workers=0), inputs=("carrier",), encoding=Encoding())
    model = replace(WORKED.model, training=training)
    composed = fitted(model, rows, Hyperparameters(num_boost_round=20))
    answers = predictions(model, composed, rows)
    inputs = rows[["carrier", "distance", "is_far"]].astype({"carrier": "category", "is_far": float})
    stated = {"n_estimators": 20, "max_depth": 4, "learning_rate": 0.1, "random_state": 0}
    truth = xgboost.XGBClassifier(enable_categorical=True, **stated)
    expected = truth.fit(inputs, rows[LABEL]).predict_proba(inputs)[:, 1]
    np.testing.assert_allclose(answers, expected, atol=1e-4)
    assert (answers[rows["carrier"] == "B6"] > 0.8).all() and (answers[rows["carrier"] != "B6"] < 0.2).all()
    some = rows[["carrier", "distance", "is_far"]].assign(carrier=rows["carrier"].replace("AA", "DL"))
    described = description(
        training, MODEL.task, composed, some, predictions(model, composed, some), package="mlops_core_tests"
    )
    assert described["flavor"].__name__ == "mlflow.pyfunc"


def test_the_logged_model_answers_the_same() -> None:
    rows = made(200)
    model = fitted(WORKED.model, rows, Hyperparameters(num_boost_round=3))
    inputs = rows[["distance", "is_far"]]
    described = description(TRAINING, MODEL.task, model, inputs, predictions(WORKED.model, model, rows))
    assert described["flavor"].__name__ == "mlflow.xgboost"


def test_its_contributions_add_up_to_what_it_predicts() -> None:
    rows = made(500)
    model = fitted(WORKED.model, rows, Hyperparameters(num_boost_round=5))
    told = contributions_of(WORKED.model, model, rows)
    margins = model.predict(xgboost.DMatrix(rows[["distance", "is_far"]].astype(float)), output_margin=True)
    assert list(told) == ["distance", "is_far", BASE_VALUE]
    np.testing.assert_allclose(told.sum(axis=1), margins, rtol=1e-4, atol=1e-5)


def test_a_logarithm_has_no_contributions_to_what_is_predicted() -> None:
    assert replace(TRAINING, trainer=replace(TRAINER, objective="reg:gamma")).contributions is None


def test_in_memory_it_takes_the_categories_of_an_encoding_and_weights() -> None:
    """Beside the estimator of XGBoost on the same categories and weights."""
    trainer = replace(TRAINER, workers=0)
    wrapped = replace(TRAINING, encoding=Encoding(), weights={1: 3.0}, trainer=trainer)
    declared = replace(WORKED.model, training=wrapped)
    rows = made().assign(carrier=lambda each: np.where(each.is_far, "AA", np.where(each.index % 3, "UA", "DL")))
    rows = rows[[TIME, "distance", "carrier", LABEL]]
    model = fitted(declared, rows, Hyperparameters(num_boost_round=20))
    inputs = rows[["distance"]].assign(carrier=pd.Categorical(rows.carrier, ["AA", "DL", "UA", "(rare)"]))
    stated = {"n_estimators": 20, "max_depth": 4, "learning_rate": 0.1, "random_state": 0}
    truth = xgboost.XGBClassifier(**stated, enable_categorical=True)
    heavy = truth.fit(inputs, rows[LABEL], sample_weight=1 + 2 * rows[LABEL]).predict_proba(inputs)[:, 1]
    expected = heavy / 3 / (heavy / 3 + 1 - heavy)  # corrected, for a row of class 1 counted three times
    np.testing.assert_allclose(predictions(declared, model, rows), expected, rtol=1e-5)
    assert np.isfinite(contributions_of(declared, model, rows)).all(axis=None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"objective": "multi:softprob"}, "objective must be of a number or a probability, .* not 'multi:softprob'"),
        ({"objective": None}, "objective must be of a number or a probability"),
        ({"workers": -1}, "workers must be a number of tasks, or 0 to fit in memory, not -1"),
        ({"workers": 1.5}, "workers must be a number of tasks"),
        ({"workers": True}, "workers must be a number of tasks"),
    ],
)
def test_a_trainer_that_fits_nothing_is_refused(change: dict, sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        replace(TRAINER, **change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": Regression()}, "the objective 'binary:logistic' is none of a Regression"),
        ({"training": replace(TRAINING, inputs=("distance", "carrier"))}, "'carrier' is a string, and XGBoost takes"),
        (
            {"training": replace(TRAINING, encoding=Encoding())},
            "2 workers fit one model of the rows as they are; leave encoding",
        ),
    ],
)
def test_a_trainer_of_another_problem_is_refused(change: dict, sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        replace(WORKED, models=(replace(WORKED.model, **change),))


def test_a_training_without_fit_and_trainer_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Training needs fit, predict and flavor, or a trainer that has them"):
        Training(inputs=("distance",), hyperparameters=Hyperparameters, packages=())


def test_serverless_compute_has_no_workers_that_fit_together() -> None:
    target = load_target(PROJECT, "dev", environ={}).model_copy(update={"compute": SERVERLESS})
    with pytest.raises(DeclarationError, match="2 workers can't fit together on the serverless compute of .* 'dev'"):
        require_workers(WORKED, target)
    alone = replace(WORKED.model, training=replace(TRAINING, trainer=replace(TRAINER, workers=0)))
    require_workers(replace(WORKED, models=(alone,)), target)
    require_workers(WORKED, load_target(PROJECT, "local", environ={}))


def test_a_session_of_spark_connect_has_none_either(tables) -> None:
    assert not tables.spark.has_workers()
    cluster = ClusterSpark()
    cluster.__dict__["spark_session"] = tables.spark.spark_session  # Spark Connect, as serverless compute has it
    with pytest.raises(NoWorkersError, match="speaks Spark Connect only .* access mode Dedicated"):
        cluster.has_workers()


def is_noise(task: Task, rows: pd.DataFrame, ours: np.ndarray, theirs: np.ndarray) -> None:
    """The interval of the paired difference holds zero."""
    given = rows.assign(**{CANDIDATE: ours, CHAMPION: theirs})
    value, low, high = difference(task, task.metric(task.compared), given, label=LABEL, event_time=TIME)
    assert low <= 0 <= high, (value, low, high)


needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")


@pytest.mark.slow
@needs_java
def test_two_workers_of_apache_spark_fit_what_memory_fits(tmp_path: Path, shared_spark) -> None:
    rows = made(20_000)
    past, later = rows[:15_000], rows[15_000:]
    past.astype({TIME: "datetime64[us]"}).to_parquet(tmp_path / "rows")  # Spark reads no nanoseconds
    told = fitted_elsewhere(tmp_path, TRAINER, Hyperparameters())
    assert told["executors"] == 2
    assert told["sampled"] == sampled(shared_spark, 150)
    there, here = xgboost.Booster(model_file=str(tmp_path / "model.json")), TRAINER.fit(past, Hyperparameters())
    ours, theirs = (TRAINER.predict(model, later) for model in (there, here))
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    is_noise(MODEL.task, later, ours, theirs)


def test_another_trainer_fits_in_its_own_way() -> None:
    other = replace(TRAINER, fixed={"max_bin": 16})
    assert replace(TRAINING, trainer=other).fit == other.fit != TRAINING.fit
