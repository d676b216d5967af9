"""What a delivery asks for, in which order, and what becomes of it when its runs fail, end, or are forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_core.ingestion.day_ranges import DayRange, ranges_of
from mlops_core.ingestion.delivery import MOST_FAILURES, Delivery, Loss, Outcome, Step, Task, count

FEATURES, PREDICTIONS, MONITORING = "features", "predictions", "monitoring"
AFTER = {FEATURES: "", PREDICTIONS: FEATURES, MONITORING: PREDICTIONS}


def day(number: int) -> date:
    return date(2016, 1, 1) + timedelta(days=number - 1)


def on(number: int) -> DayRange:
    return DayRange(day(number), day(number))


def delivery(**numbers: list[int]) -> Delivery:
    steps = tuple(Step.of(job, AFTER[job], ranges_of(map(day, numbers.get(job, [])))) for job in AFTER)
    return Delivery("look", "7", "why", steps)


class Runs:
    """What became of runs by their keys; everything is possible, and nothing was started, unless it is said."""

    def __init__(self, succeeds: Callable[[Task], str] | None = None) -> None:
        self.became: dict[str, Outcome] = {}
        self.asked: list[Task] = []
        self.succeeds = succeeds

    def outcome(self, task: Task) -> Outcome | None:
        return self.became.get(task.key)

    def become(self, task: Task, status: str) -> None:
        self.became[task.key] = Outcome(f"run {len(self.became)}", status)

    def moved(self, found: Delivery) -> tuple[Delivery, tuple[Loss, ...]]:
        return found.moved(self.outcome, lambda _, days: days)

    def to_the_end(self, found: Delivery, status: Callable[[Task], str] = lambda _: "succeeded") -> list[Loss]:
        """Ask and end run after run until nothing is left; returns what was given up."""
        losses: list[Loss] = []
        while True:
            found, given_up = self.moved(found)
            losses += given_up
            if found.is_over:
                return losses
            assert found.tasks
            for task in found.tasks:
                self.asked.append(task)
                self.become(task, status(task))


def built(runs: Runs, job: str) -> list[str]:
    return [str(task.days) for task in runs.asked if task.job == job and runs.became[task.key].status == "succeeded"]


def test_each_job_begins_when_the_one_before_has_ended_and_ranges_go_one_after_another():
    runs, found = Runs(), delivery(features=[1, 2, 5], predictions=[2, 5], monitoring=[2])
    assert runs.to_the_end(found) == []
    assert [(task.job, str(task.days)) for task in runs.asked] == [
        (FEATURES, "2016-01-01 to 2016-01-02"),
        (FEATURES, "2016-01-05"),
        (PREDICTIONS, "2016-01-02"),
        (PREDICTIONS, "2016-01-05"),
        (MONITORING, "2016-01-02"),
    ]


def test_a_run_under_way_is_waited_for_and_asked_for_by_the_same_key_until_it_is_there():
    runs, (found, _) = Runs(), Runs().moved(delivery(features=[1]))
    (task,) = found.tasks
    assert runs.moved(found) == (found, ())
    runs.become(task, "under way")
    assert runs.moved(found) == (found, ())
    runs.become(task, "succeeded")
    assert runs.moved(found)[0].is_over


def test_a_stage_with_nothing_to_do_keeps_nobody_waiting():
    runs = Runs()
    runs.to_the_end(delivery(monitoring=[3]))
    assert [(task.job, str(task.days)) for task in runs.asked] == [(MONITORING, "2016-01-03")]


def test_a_failed_run_is_asked_for_again_under_another_key():
    runs, tries = Runs(), []

    def once(task: Task) -> str:
        tries.append(task.key)
        return "failed" if len(tries) == 1 else "succeeded"

    assert runs.to_the_end(delivery(features=[1, 2]), once) == []
    assert tries == ["look features 2016-01-01 to 2016-01-02", "look features 2016-01-01 to 2016-01-02, again"]


def test_a_bad_day_is_given_up_alone_and_left_out_of_what_follows():
    runs, bad = Runs(), day(4)

    def fails_with_it(task: Task) -> str:
        return "failed" if task.job == FEATURES and task.days.first <= bad <= task.days.last else "succeeded"

    numbers = [1, 2, 3, 4, 5, 6]
    (loss,) = runs.to_the_end(delivery(features=numbers, predictions=numbers, monitoring=numbers), fails_with_it)
    assert (loss.job, loss.days, loss.look) == (FEATURES, DayRange(bad, bad), "look")
    assert built(runs, PREDICTIONS) == ["2016-01-01 to 2016-01-03", "2016-01-05 to 2016-01-06"]
    assert built(runs, MONITORING) == ["2016-01-01 to 2016-01-03", "2016-01-05 to 2016-01-06"]


def test_where_every_run_fails_it_stops_soon_and_nothing_follows():
    runs = Runs()
    numbers = list(range(1, 1_000))
    losses = runs.to_the_end(delivery(features=numbers, predictions=numbers), lambda _: "failed")
    assert len(runs.asked) == MOST_FAILURES
    assert {task.job for task in runs.asked} == {FEATURES}
    lost = [each.days for each in losses]
    assert sum(map(count, lost)) == len(numbers) and {each.run for each in losses} >= {"run 15"}


def test_what_a_person_ended_is_not_asked_for_again():
    runs = Runs()
    (loss,) = runs.to_the_end(delivery(features=[1, 2], predictions=[1, 2]), lambda _: "ended")
    assert len(runs.asked) == 1 and str(loss.days) == "2016-01-01 to 2016-01-02"


def test_of_two_models_one_that_fails_does_not_keep_the_other():
    steps = (
        *(Step.of("a", "", [on(1)]), Step.of("predict_x", "a", [on(1)]), Step.of("predict_y", "a", [on(1)])),
        *(Step.of("watch_x", "predict_x", [on(1)]), Step.of("watch_y", "predict_y", [on(1)])),
    )
    runs = Runs()
    losses = runs.to_the_end(
        Delivery("look", "7", "why", steps), lambda task: "failed" if task.job == "predict_x" else "succeeded"
    )
    assert [loss.job for loss in losses] == ["predict_x"]
    assert {task.job for task in runs.asked} == {"a", "predict_x", "predict_y", "watch_y"}


def test_a_job_is_asked_for_what_it_can_make_when_its_turn_comes():
    runs, possible = Runs(), {PREDICTIONS: {day(2)}}
    found, _ = delivery(features=[1, 2], predictions=[1, 2]).moved(
        runs.outcome, lambda job, days: days & possible.get(job, days)
    )
    (task,) = found.tasks
    runs.become(task, "succeeded")
    possible[PREDICTIONS] = {day(1)}  # meanwhile another champion
    found, _ = found.moved(runs.outcome, lambda job, days: days & possible.get(job, days))
    assert [(task.job, str(task.days)) for task in found.tasks] == [(PREDICTIONS, "2016-01-01")]


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.sets(st.integers(1, 25), min_size=1),
    bad=st.sets(st.integers(1, 25), max_size=2),
    forgets=st.integers(0, 6),
)
def test_whatever_fails_and_is_forgotten_each_good_day_is_built_once(numbers, bad, forgets):
    """Replayed from its start, as after a cursor that was lost, a delivery asks for no run that has succeeded."""
    wanted, bad_days = sorted(numbers), set(map(day, bad))
    runs, first = Runs(), delivery(features=wanted, predictions=wanted)

    def status(task: Task) -> str:
        has_bad = any(task.days.first <= each <= task.days.last for each in bad_days)
        return "failed" if task.job == FEATURES and has_bad else "succeeded"

    for _ in range(forgets):
        found, _ = runs.moved(first)
        for task in found.tasks:
            runs.asked.append(task)
            runs.become(task, status(task))
    runs.to_the_end(first, status)
    for job in (FEATURES, PREDICTIONS):
        made = [task for task in runs.asked if task.job == job and status(task) == "succeeded"]
        days = [task.days.first + timedelta(days=n) for task in made for n in range(count(task.days))]
        assert sorted(days) == [day(number) for number in wanted if day(number) not in bad_days]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_halves_are_the_whole(count):
    whole = DayRange(day(1), day(count))
    (step,) = delivery(features=list(range(1, count + 1))).steps[:1]
    again, _ = step.settled(Outcome("r", "failed"))
    settled, given_up = again.settled(Outcome("r", "failed"))
    left = {day(number) for number in range(1, count + 1)}
    assert settled.days == (left if count > 1 else set())
    assert given_up == ((whole,) if count == 1 else ())


def test_a_correction_of_a_years_scattered_days_is_few_runs_that_say_so() -> None:
    weekly = delivery(features=[*range(1, 365, 7)])
    (step, *_) = weekly.steps
    assert (len(step.waiting), step.between) == (44, 48)  # of 52 days: 8 gaps of six days are not more than these
    assert weekly.why == "with 48 days that lie between: why"
    every_third_day = delivery(features=[*range(1, 365, 3)])
    assert len(every_third_day.steps[0].waiting) == 61
    assert delivery(features=[*range(1, 61, 4)]).why == "why"
