"""Nobody is told how well a version predicts the days that it was trained on."""

from __future__ import annotations

from datetime import date

import pytest

from mlops_core.deployment.unseen import TrainedOnError, require_unseen
from mlops_core.version_record import VersionRecord
from my_mlops_stacks_tests.deployment.acts import promoted, reason, rolled_back, run
from my_mlops_stacks_tests.gate import HELD_OUT_FROM, LAST_DAY, Constant

TAGS = {"trained_from": "2016-02-01", "held_out_from": "2016-02-15"}


@pytest.mark.parametrize(
    ("first", "last"), [("2016-02-01", "2016-02-01"), ("2016-02-14", "2016-02-20"), ("2016-01-01", "2016-03-01")]
)
def test_a_day_of_the_training_is_refused_with_the_days_that_may_be_asked(first, last):
    with pytest.raises(TrainedOnError, match="trained on the days from 2016-02-01 to 2016-02-14") as error:
        require_unseen(3, VersionRecord.from_tags(TAGS), date.fromisoformat(first), date.fromisoformat(last))
    assert str(error.value).startswith("Version 3 ") and "ask for days from 2016-02-15 on" in str(error.value)


@pytest.mark.parametrize("day", ["2016-01-31", "2016-02-15"])
def test_days_before_and_after_the_training_are_not(day):
    require_unseen(3, VersionRecord.from_tags(TAGS), date.fromisoformat(day), date.fromisoformat(day))


def test_without_its_first_day_all_before_the_hold_out_is_of_the_training():
    with pytest.raises(TrainedOnError, match="the days up to 2016-02-14, so it would look better on 2001-01-01"):
        require_unseen(3, VersionRecord(held_out_from=date(2016, 2, 15)), date(2001, 1, 1), date(2001, 1, 1))


def test_a_version_that_does_not_say_predicts_every_day():
    require_unseen(3, VersionRecord(), date(2001, 1, 1), date(2030, 1, 1))


def test_batch_inference_and_a_rollback_that_scores_again_refuse_and_change_nothing(gate):
    good = promoted(gate, Constant(12.0), trained_from="2016-02-26")
    text = reason(run(gate, "batch_inference_job", ("2016-02-27", LAST_DAY)))
    assert f"Version {good.version} was trained on the days from 2016-02-26 to 2016-02-27" in text
    assert run(gate, "batch_inference_job", (HELD_OUT_FROM, LAST_DAY)).success
    bad = promoted(gate, Constant(99.0))
    refused = rolled_back(gate, good, rescore_from="2016-02-27")
    assert f"ask for days from {HELD_OUT_FROM} on" in reason(refused)
    assert gate.aliases()["champion"] == bad.version
    assert rolled_back(gate, good, rescore_from=HELD_OUT_FROM).success
