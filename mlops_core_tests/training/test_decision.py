"""The threshold of a training: chosen on what came after the rows that a model was fitted on."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from mlops_core.tasks import BinaryClassification, Decision
from mlops_core.training.folds import TooFewFoldsError
from mlops_core.training.objective import Objective
from mlops_core.training.threshold_choice import choose
from mlops_core_tests.training.lines import Line, folded, objective, rows

COSTS = Decision(false_alarm=1, miss=3)
LOG = logging.getLogger("decision")


def ones(positive: np.ndarray) -> pd.DataFrame:
    """Probabilities `x` that grow to 0.9, and labels."""
    frame = rows()
    return frame.assign(x=0.9 * frame.x / frame.x.max(), y=positive.astype(int))


def asked(frame: pd.DataFrame) -> Objective:
    return objective(BinaryClassification(decision=COSTS), "log_loss", frame)


def likely() -> pd.DataFrame:
    """Half as many ones as the probabilities say: they are too high."""
    frame = ones(np.zeros(len(rows())))
    return frame.assign(y=(np.random.default_rng(1).random(len(frame)) < frame.x / 2).astype(int))


def test_it_is_the_cheapest_on_all_folds_together() -> None:
    frame = likely()
    chosen = choose(COSTS, asked(frame), Line(slope=1.0), LOG)
    later = pd.concat([frame.iloc[fold.validate] for fold in folded(frame)])

    def mean(threshold: float) -> float:
        false, missed = (later.x >= threshold) & (later.y == 0), (later.x < threshold) & (later.y == 1)
        return (false.sum() + 3 * missed.sum()) / len(later)

    least = min(mean(each) for each in [*later.x, 1.0])
    assert mean(chosen.threshold) == pytest.approx(least) == pytest.approx(chosen.mean_cost)
    assert least < mean(COSTS.break_even) == pytest.approx(chosen.of_break_even)
    assert chosen.threshold > COSTS.break_even  # alarms at a probability that is half as likely are too many
    assert chosen.of_always == pytest.approx(1 - later.y.mean())
    assert chosen.of_never == pytest.approx(3 * later.y.mean())


def test_the_log_tells_what_it_saves(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        chosen = choose(COSTS, asked(likely()), Line(slope=1.0), LOG)
    assert f"A probability of {chosen.threshold:g} or more is an alarm: on the folds a row costs" in caplog.text
    assert "from 0.25 on" in caplog.text


def test_a_fold_without_a_one_counts_with_the_others() -> None:
    frame = likely()
    first = folded(frame)[0].validate
    frame.loc[first, "y"] = 0
    chosen = choose(COSTS, asked(frame), Line(slope=1.0), LOG)
    later = pd.concat([frame.iloc[fold.validate] for fold in folded(frame)])
    assert len(later) == sum(len(fold.validate) for fold in folded(frame))
    assert chosen.of_never == pytest.approx(3 * later.y.mean())


def test_folds_without_any_one_leave_the_break_even(caplog: pytest.LogCaptureFixture) -> None:
    early = (rows()["at"] < "2016-01-02").to_numpy() & (np.arange(len(rows())) % 2 == 0)
    chosen = choose(COSTS, asked(ones(early)), Line(slope=1.0), LOG)
    assert chosen.threshold == COSTS.break_even == 0.25
    assert "The 1,080 labels of the folds are all 0, which chooses no threshold: it is 0.25" in caplog.text


def test_nothing_but_zeros_is_refused() -> None:
    with pytest.raises(TooFewFoldsError, match="All 1,080 labels to train on are 0"):
        choose(COSTS, asked(ones(np.zeros(len(rows())))), Line(slope=1.0), LOG)
