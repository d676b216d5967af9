"""The number of rounds by early stopping: LightGBM, XGBoost and scikit-learn, held against every number of rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from pydantic import BaseModel, Field
from sklearn.ensemble import GradientBoostingRegressor

from mlops_core.project import DeclarationError, EarlyStopping, Encoding, IntRange, Model, Search, Training
from mlops_core.tasks import BinaryClassification, Regression
from mlops_core.training import search
from mlops_core.training.early_stopping import with_best_rounds
from mlops_core.training.model_answers import UnusableAnswerError
from mlops_core.training.objective import Objective
from mlops_core_tests.training.lines import folded, rows

LOG = logging.getLogger("early stopping")
MOST = 40


class Rounds(BaseModel):
    rounds: int = Field(MOST, gt=0)
    depth: int = Field(4, gt=0)


def parts(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    return frame[["x"]], frame["y"]


def by_lightgbm(frame: pd.DataFrame, parameters: Rounds, later: pd.DataFrame | None = None) -> lightgbm.Booster:
    data = lightgbm.Dataset(*parts(frame))
    fixed = {"seed": 0, "deterministic": True, "num_threads": 1, "verbose": -1, "learning_rate": 0.3}
    stops: dict[str, Any] = {}
    if later is not None:
        stops["valid_sets"] = [lightgbm.Dataset(*parts(later), reference=data)]
        stops["callbacks"] = [lightgbm.early_stopping(MOST, verbose=False)]
    asked = fixed | {"max_depth": parameters.depth, "objective": "regression"}
    return lightgbm.train(asked, data, parameters.rounds, **stops)


def by_xgboost(frame: pd.DataFrame, parameters: Rounds, later: pd.DataFrame | None = None) -> xgboost.Booster:
    stops: dict[str, Any] = {}
    if later is not None:
        evals = [(xgboost.DMatrix(*parts(later)), "later")]
        stops = {"evals": evals, "early_stopping_rounds": MOST, "verbose_eval": False}
    fixed = {"seed": 0, "nthread": 1, "max_depth": parameters.depth}
    return xgboost.train(fixed, xgboost.DMatrix(*parts(frame)), parameters.rounds, **stops)


def by_sklearn(frame: pd.DataFrame, parameters: Rounds, later: pd.DataFrame | None = None) -> GradientBoostingRegressor:
    """It has no stopping by given rows: all rounds are fitted, and the best is looked up."""
    model = GradientBoostingRegressor(n_estimators=parameters.rounds, max_depth=parameters.depth, random_state=0)
    model.fit(frame[["x"]].to_numpy(), frame.y)
    if later is not None:
        errors = [np.mean((later.y - said) ** 2) for said in model.staged_predict(later[["x"]].to_numpy())]
        model.best_ = int(np.argmin(errors)) + 1
    return model


PREDICT: dict[str, Callable[[Any, pd.DataFrame], np.ndarray]] = {
    "lightgbm": lambda model, frame: np.asarray(model.predict(frame[["x"]])),
    "xgboost": lambda model, frame: model.predict(xgboost.DMatrix(frame[["x"]])),
    "sklearn": lambda model, frame: model.predict(frame[["x"]].to_numpy()),
}
FIT: dict[str, Callable[..., Any]] = {"lightgbm": by_lightgbm, "xgboost": by_xgboost, "sklearn": by_sklearn}
BEST: dict[str, Callable[[Any], int]] = {
    "lightgbm": lambda model: model.best_iteration,
    "xgboost": lambda model: model.best_iteration + 1,
    "sklearn": lambda model: model.best_,
}


def objective(library: str = "lightgbm", **stated: Any) -> Objective:
    training = Training(
        inputs=("x",),
        fit=FIT[library],
        predict=PREDICT[library],
        hyperparameters=Rounds,
        flavor=library,
        packages=(),
        **({"early_stopping": EarlyStopping("rounds", BEST[library])} | stated),
    )
    declared = Model("rounds", "y of x", task=Regression(), training=training)
    return Objective(declared, "y", Regression().metric("root_mean_squared_error"), rows(), folded(rows()))


@pytest.mark.parametrize("library", FIT)
def test_it_is_the_number_that_is_best_on_the_last_fold(library: str) -> None:
    found = with_best_rounds(objective(library), Rounds(), LOG)
    last, frame = folded(rows())[-1], rows()
    fit, later = frame.iloc[last.fit], frame.iloc[last.validate]
    errors = {}
    for number in range(1, MOST + 1):
        model = FIT[library](fit, Rounds(rounds=number))
        errors[number] = float(np.mean((later.y - PREDICT[library](model, later)) ** 2))
    best = min(errors, key=lambda number: errors[number])
    assert isinstance(found, Rounds)
    assert errors[found.rounds] == pytest.approx(errors[best], rel=1e-6)
    assert 1 < found.rounds < MOST
    assert found == with_best_rounds(objective(library), Rounds(), LOG)


def test_the_log_says_the_number_and_whether_more_may_be_better(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        found = with_best_rounds(objective(), Rounds(), LOG)
        with_best_rounds(objective(), Rounds(rounds=2), LOG)
    assert isinstance(found, Rounds)
    assert f"Of 40 rounds {found.rounds} are best on the fold that begins on 2016-01-10; all rows" in caplog.text
    assert "Of 2 rounds 2 are best on the fold that begins on 2016-01-10, which is all of them: more may" in caplog.text


def test_without_a_declaration_the_parameters_stay() -> None:
    assert with_best_rounds(objective(early_stopping=None), Rounds(rounds=7), LOG) == Rounds(rounds=7)


def test_a_trial_of_a_search_stops_by_the_rows_that_it_is_measured_on() -> None:
    import optuna

    study = optuna.create_study()
    stated, asked = Search({"depth": IntRange(1, 6)}, trials=2), objective()
    search.run(study, stated, asked, Rounds(), after_trial=lambda: None, log=LOG)
    values, frame = [], rows()
    for fold in folded(frame):
        fit, later = frame.iloc[fold.fit], frame.iloc[fold.validate]
        said = [PREDICT["lightgbm"](by_lightgbm(fit, Rounds(rounds=number)), later) for number in range(1, MOST + 1)]
        values.append(min(float(np.sqrt(np.mean((later.y - each) ** 2))) for each in said))
    assert study.trials[0].user_attrs["values"] == pytest.approx(values)


def test_a_fold_that_can_not_judge_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """Of labels that are all 0 no ROC AUC is known: the fold before the last one says how many rounds."""
    frame = rows().assign(y=((rows()["at"] < "2016-01-10") & (np.arange(len(rows())) % 3 > 0)).astype(int))
    asked = objective()
    declared = replace(asked.declared, task=BinaryClassification())
    of_ranks = replace(asked, declared=declared, metric=declared.task.metric("roc_auc"), rows=frame)
    with caplog.at_level(logging.INFO):
        with_best_rounds(of_ranks, Rounds(), LOG)
    assert "The fold that begins on 2016-01-10 is passed over" in caplog.text
    assert "best on the fold that begins on 2016-01-07" in caplog.text


@pytest.mark.parametrize("answer", [None, 0, MOST + 1, 2.5, True])
def test_what_is_no_number_of_rounds_is_refused(answer: object) -> None:
    stated = EarlyStopping("rounds", lambda _: answer)  # type: ignore[arg-type, return-value]
    with pytest.raises(UnusableAnswerError, match=f"rounds of EarlyStopping gives {answer}.* of at most 40 rounds"):
        with_best_rounds(objective(early_stopping=stated), Rounds(), LOG)


def test_later_rows_are_encoded_as_those_to_fit_are() -> None:
    seen: list[pd.DataFrame] = []

    def fit(frame: pd.DataFrame, parameters: Rounds, later: pd.DataFrame | None = None) -> lightgbm.Booster:
        seen.extend(each for each in (frame, later) if each is not None)
        return by_lightgbm(frame, parameters, later)

    asked = objective()
    frame = asked.rows[["at", "x"]].assign(kind=np.where(asked.rows.x > 2, "far", "near"), y=asked.rows.y)
    training = replace(asked.declared.training, fit=fit, inputs=("x", "kind"), encoding=Encoding(), flavor="pyfunc")
    encoded = replace(asked, rows=frame, declared=replace(asked.declared, training=training))
    found = with_best_rounds(encoded, Rounds(), LOG)
    assert isinstance(found, Rounds) and 1 < found.rounds < MOST
    fold, (first, later) = folded(frame)[-1], seen
    parts_seen = ((fold.fit, first), (fold.validate, later))
    codes = {pair for places, part in parts_seen for pair in zip(frame.kind.iloc[places], part.kind, strict=True)}
    assert later.kind.dtype == first.kind.dtype and len(codes) == 2 and len({code for _, code in codes}) == 2


@pytest.mark.parametrize(
    ("stated", "ones"),
    [({"weights": {1: 8.0}}, 8.0), ({"weights": {0: 0.5, 1: 4.0}}, 8.0), ({"sampling": {0: 0.125}}, 8.0)],
)
def test_later_rows_weigh_what_their_class_weighs_among_those_to_fit(stated: dict[str, Any], ones: float) -> None:
    seen: list[tuple[pd.DataFrame, np.ndarray]] = []

    def fit(
        frame: pd.DataFrame,
        parameters: Rounds,
        later: pd.DataFrame | None = None,
        weights: np.ndarray | None = None,
        later_weights: np.ndarray | None = None,
    ) -> lightgbm.Booster:
        assert later is not None and later_weights is not None
        seen.append((later, later_weights))
        return by_lightgbm(frame, parameters, later)

    asked, fold = objective(), folded(rows())[-1]
    training = replace(asked.declared.training, fit=fit, flavor="pyfunc", **stated)
    declared = replace(asked.declared, training=training, task=BinaryClassification())
    frame = asked.rows.assign(y=(asked.rows.y > 6).astype(int))
    with_best_rounds(replace(asked, rows=frame, declared=declared), Rounds(), LOG)
    ((later, found),) = seen
    pd.testing.assert_frame_equal(later, frame.iloc[fold.validate].reset_index(drop=True))
    of_ones, of_zeros = (np.unique(found[later.y == label]) for label in (1, 0))
    assert len(of_ones) == len(of_zeros) == 1
    assert of_ones[0] / of_zeros[0] == pytest.approx(ones, rel=0.3 if "sampling" in stated else 1e-9)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no parameter": (
        lambda: objective(early_stopping=EarlyStopping("trees", BEST["lightgbm"])),
        "EarlyStopping: there is no hyperparameter 'trees'; choose from rounds, depth.",
    ),
    "a parameter that is searched": (
        lambda: objective(search=Search({"rounds": IntRange(1, 9)})),
        "EarlyStopping finds the hyperparameter 'rounds', so no search can try it: leave it out of the space.",
    ),
    "a model for each segment": (
        lambda: replace(objective().declared, segments="x"),
        "Model 'rounds': early stopping finds one number of rounds, and segments have models of their own",
    ),
    "a fit without later": (
        lambda: replace(objective().declared.training, fit=lambda frame, parameters: None),
        "EarlyStopping: fit has no parameter 'later': add later=None",
    ),
    "a fit without weights of later rows": (
        lambda: replace(
            objective().declared,
            task=BinaryClassification(),
            training=replace(objective().declared.training, sampling={0: 0.5}),
        ),
        "parameter later_weights=None to fit, the weight of each row of `later`.",
    ),
    "no function": (lambda: EarlyStopping("rounds", 3), "EarlyStopping: rounds must be a function, not 3."),  # type: ignore[arg-type]
    "no folds": (lambda: EarlyStopping("rounds", int, 0), "EarlyStopping: folds is 0, and must be a whole number"),
    "a number": (lambda: objective(early_stopping=3), "Training, early_stopping must be an EarlyStopping, not 3."),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_one_sentence(mistake: str) -> None:
    declare, sentence = REFUSED[mistake]
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert sentence in str(refused.value)
