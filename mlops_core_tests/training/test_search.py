"""A search of hyperparameters: which trials it makes, of what value, and what it does with those that fail."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import FrozenTrial, TrialState

from mlops_core.project import Choice, EarlyStopping, IntRange, Search
from mlops_core.tasks import BinaryClassification, Decision
from mlops_core.training import search
from mlops_core.training.folds import TooFewFoldsError, folds
from mlops_core.training.objective import Objective
from mlops_core_tests.training.lines import BROKEN, SEARCH, SPACE, Line, folded, objective, rows

LOG = logging.getLogger("search")


def new_study() -> optuna.Study:
    return optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=5))


def searched(
    stated: Search = SEARCH, study: optuna.Study | None = None, of: Objective | None = None, start: Line | None = None
) -> tuple[Line, optuna.Study]:
    study, of = study or new_study(), of or objective()
    best = search.run(study, stated, of, start or Line(), after_trial=lambda: None, log=LOG)
    assert isinstance(best, Line)
    return best, study


def by_hand(parameters: Line, frame: pd.DataFrame) -> list[float]:
    """RMSE of each fold."""
    parts = (frame.iloc[fold.validate] for fold in folded(frame))
    return [float(np.sqrt(np.mean((part.y - parameters.slope * part.x**parameters.power) ** 2))) for part in parts]


def outcomes(study: optuna.Study) -> list[tuple[Any, ...]]:
    return [(trial.state, trial.params, trial.value, trial.user_attrs) for trial in study.trials]


def of_state(study: optuna.Study, state: TrialState) -> list[FrozenTrial]:
    return [trial for trial in study.trials if trial.state == state]


def test_a_trial_is_worth_the_mean_of_its_folds_and_the_best_is_taken() -> None:
    best, study = searched()
    ended = of_state(study, TrialState.COMPLETE)
    assert len(study.trials) == 25 and len(ended) > 5
    for trial in ended:
        values = by_hand(Line(**trial.params), rows())
        assert trial.user_attrs["values"] == pytest.approx(values)
        assert trial.value == pytest.approx(np.mean(values))
    assert best == Line(**min(ended, key=lambda trial: float(np.mean(by_hand(Line(**trial.params), rows())))).params)
    assert abs(best.slope - 3) < 1 and best.power == 1


def test_the_first_trial_is_what_would_be_fitted_without_a_search() -> None:
    assert searched(start=Line(slope=4.0, power=2))[1].trials[0].params == {"slope": 4.0, "power": 2}
    assert searched(start=Line(slope=11.0))[1].trials[0].params["slope"] <= 10  # which the space does not hold


def test_a_worse_trial_is_given_up_before_its_last_fold() -> None:
    _, study = searched()
    pruned = of_state(study, TrialState.PRUNED)
    assert pruned and all(len(trial.user_attrs["values"]) < 3 for trial in pruned)
    first = pruned[0]
    done = len(first.user_attrs["values"])
    before = [
        trial.user_attrs["values"] for trial in study.trials[: first.number] if trial.state == TrialState.COMPLETE
    ]
    median = np.median([np.mean(values[:done]) for values in before])
    assert np.mean(first.user_attrs["values"]) > median


def test_a_metric_that_is_better_when_greater_is_maximized() -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    best, _ = searched(study=study, of=objective(metric="r2_score"))
    assert abs(best.slope - 3) < 1 and best.power == 1


def test_the_same_seed_tries_the_same_and_another_one_other_things() -> None:
    first, again, other = (searched(replace(SEARCH, seed=seed))[1] for seed in (7, 7, 8))
    assert outcomes(first) == outcomes(again)
    assert [trial.params for trial in first.trials[1:]] != [trial.params for trial in other.trials[1:]]


@pytest.mark.parametrize("stops", [(1,), (4, 11), (20,)])
def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(stops: tuple[int, ...]) -> None:
    study = new_study()
    for trials in stops:
        searched(replace(SEARCH, trials=trials), study)
    assert len(study.trials) == stops[-1]
    assert outcomes(searched(study=study)[1]) == outcomes(searched()[1])


def test_a_finished_search_is_not_done_again() -> None:
    best, study = searched()
    fitted = []
    counting = objective(fit=lambda rows, parameters: fitted.append(parameters))
    assert searched(study=study, of=counting)[0] == best
    assert not fitted


def test_a_failing_trial_is_recorded_and_passed_over() -> None:
    best, study = searched(BROKEN)
    failed = of_state(study, TrialState.FAIL)
    assert failed and len(study.trials) == 25
    assert not best.broken
    assert all("no memory" in trial.user_attrs["reason"] for trial in failed)


def test_hyperparameters_that_do_not_go_together_are_a_failed_trial() -> None:
    _, study = searched(replace(SEARCH, trials=60, seed=3))
    failed = of_state(study, TrialState.FAIL)
    assert failed and all(trial.params["slope"] > 8 and trial.params["power"] == 3 for trial in failed)
    assert all("so steep a cube" in trial.user_attrs["reason"] for trial in failed)


def test_a_model_of_nan_is_a_failed_trial_and_if_all_are_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    nothing = objective(predict=lambda model, rows: np.full(len(rows), np.nan))
    with caplog.at_level(logging.INFO), pytest.raises(search.SearchFailedError) as refused:
        searched(replace(SEARCH, trials=3), of=nothing)
    said = (
        "All 3 trials of the search failed, the last because predict of training gives 300 that are no finite numbers"
    )
    assert str(refused.value).startswith(said.replace("300", str(len(folded(rows())[0].validate))))
    assert sum("none succeeded so far" in record.message for record in caplog.records) == 3


def test_no_trial_begins_after_the_minutes_but_the_first(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _, study = searched(replace(SEARCH, minutes=1e-9))
    assert len(study.trials) == 1
    assert "The search ends after 1 of 25 trials: its 1e-09 minutes are over" in caplog.text


def test_the_log_says_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _, study = searched(replace(SEARCH, trials=2))
    told = [record.message for record in caplog.records if record.name == LOG.name]
    assert len(told) == 2
    best = min((trial.value or 0.0, trial.number + 1) for trial in study.trials)
    assert told[1].startswith("Trial 2 of 2, slope ")
    assert f"best so far {best[0]:.5g} of trial {best[1]}; " in told[1]
    assert told[1].endswith("minutes left")


def fit_until(rows: pd.DataFrame, parameters: Line, later: pd.DataFrame | None = None) -> Line:
    return parameters


def a_key(stated: Search = SEARCH, of: Objective | None = None, start: Line | None = None) -> str:
    of = of or objective()
    return search.key_of(stated, of, start or Line(), of.rows["at"])


def test_a_search_goes_on_with_the_trials_of_the_same_rows_and_question() -> None:
    assert a_key() == a_key(replace(SEARCH, trials=5, minutes=1)) == a_key(start=Line(slope=2))
    slope_only = replace(SEARCH, space={"slope": SPACE["slope"]})
    others = [
        a_key(slope_only, objective(early_stopping=EarlyStopping("power", int), fit=fit_until, search=slope_only)),
        a_key(slope_only),
        a_key(replace(SEARCH, seed=1)),
        a_key(replace(SEARCH, folds=2)),
        a_key(replace(SEARCH, space={"power": IntRange(1, 3)})),
        a_key(replace(SEARCH, space={"power": IntRange(1, 3)}), start=Line(slope=2)),
        a_key(of=objective(metric="mean_absolute_error")),
        a_key(of=objective(BinaryClassification(), "log_loss")),
        a_key(of=objective(BinaryClassification(0.3), "log_loss")),
        a_key(of=objective(BinaryClassification(decision=Decision(1, 2)), "log_loss")),
        a_key(of=objective(BinaryClassification(decision=Decision(1, 3)), "log_loss")),
        a_key(of=objective(frame=rows(slope=3.1))),
        a_key(of=objective(frame=rows()[1:])),
        a_key(of=objective(fit=np.sum)),
        a_key(of=replace(objective(), declared=replace(objective().declared, name="another_model"))),
    ]
    assert len({a_key(), *others}) == len(others) + 1


def alarms(positive: pd.Series) -> pd.DataFrame:
    frame = rows()
    return frame.assign(y=positive.reindex(frame.index, fill_value=False).astype(int))


def test_another_process_asks_for_the_same_search() -> None:
    """Hashes of texts, and where objects lie, differ from one to the other."""
    code = "from mlops_core_tests.training.test_search import a_key; print(a_key())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == a_key()


def test_a_fold_that_tells_nothing_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """Positives before the last quarter only: the last fold has no ROC AUC, but a log loss."""
    frame = alarms(rows()["at"] < "2016-01-10")
    frame.loc[::7, "y"] = 0
    task, first = BinaryClassification(), rows()["at"] < "2016-01-10"
    ranked = objective(task, "roc_auc", frame.assign(y=frame.y.where(first, 0)))
    assert [str(fold.start.date()) for fold in ranked.usable(LOG).folds] == ["2016-01-04", "2016-01-07"]
    assert "begins on 2016-01-10 is passed over: its 360 labels are all 0, which determines no roc_auc" in caplog.text
    assert len(replace(ranked, metric=task.metric("log_loss")).usable(LOG).folds) == 3


def test_a_fold_of_few_rows_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """The labels of the first three days came late, so there is nothing to fit before the first fold begins."""
    asked, frame = objective(), rows()
    known = frame["at"].where(frame["at"] >= "2016-01-04", pd.Timestamp("2016-01-06"))
    asked = replace(asked, folds=folds(frame["at"], known, 3))
    assert [len(fold.fit) for fold in asked.folds] == [0, 720, 1_080]
    assert [fold.start for fold in asked.usable(LOG).folds] == [fold.start for fold in asked.folds[1:]]
    assert "2016-01-04 is passed over: it has 0 rows to fit and 360 to validate with, and needs 50" in caplog.text


def test_folds_that_are_all_short_are_refused() -> None:
    few = rows().iloc[:: len(rows()) // 100]
    with pytest.raises(TooFewFoldsError, match=r"last one, it has 69 rows to fit and 34 to .* ask for fewer folds"):
        objective(frame=few).usable(LOG)


def test_folds_without_anything_to_learn_are_refused() -> None:
    late = objective(BinaryClassification(), "roc_auc", alarms(rows()["at"] > "2016-01-12 12:00"))
    with pytest.raises(
        TooFewFoldsError, match="of the last one, All 1,080 labels to train on are 0.* ask for fewer folds"
    ):
        late.usable(LOG)


def test_values_are_chosen_as_they_are_written() -> None:
    space = search.distributions({"a": Choice(("x", "y")), "b": IntRange(1, 8, log=True)})
    assert space == {
        "a": optuna.distributions.CategoricalDistribution(("x", "y")),
        "b": optuna.distributions.IntDistribution(1, 8, log=True),
    }
