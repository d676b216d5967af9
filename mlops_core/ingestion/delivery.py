"""A delivery: the jobs that make of changed days what a full recomputation would, one after another, each day once.

It moves on by what became of the runs that it asked for, which are found by keys of its own: whoever replays it asks
for no run again. A range of days that fails twice is halved, so that a bad day does not keep the others from being
built; the days of a failed range are left out of what comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from mlops_core.ingestion.day_ranges import ONE_DAY, DayRange, Ranges, fewer, ranges_of

MOST_RUNS = 16
"""Far ranges of days that a job of a delivery builds one by one: of more, the nearest are built in one run, for the
days between cost less than a run."""
MOST_FAILURES = 16
"""Failed runs of one job of a delivery; more of them are no matter of single days."""


def count(days: DayRange) -> int:
    return (days.last - days.first).days + 1


def days_in(ranges: Iterable[DayRange]) -> set[date]:
    """The days of all ranges."""
    return {days.first + number * ONE_DAY for days in ranges for number in range(count(days))}


def halves_of(days: DayRange) -> Ranges:
    """Two, or of a single day none."""
    middle = days.first + (count(days) - 1) // 2 * ONE_DAY
    return (DayRange(days.first, middle), DayRange(middle + ONE_DAY, days.last)) if count(days) > 1 else ()


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    run_id: str
    status: Literal["under way", "succeeded", "failed", "ended"]


@dataclass(frozen=True)
class Part:
    """A range of days that one run takes; `again` when such a run has failed before."""

    days: DayRange
    again: bool = False


@dataclass(frozen=True)
class Step:
    """A job of the delivery, whose turn comes when the job `after` has ended; the first part waiting is its run.

    `between` counts the days that are built only because they lie between others.
    """

    job: str
    after: str
    waiting: tuple[Part, ...]
    has_begun: bool = False
    failures: int = 0
    between: int = 0

    @classmethod
    def of(cls, job: str, after: str, ranges: Ranges) -> Step:
        built = fewer(ranges, MOST_RUNS)
        return cls(job, after, tuple(map(Part, built)), between=sum(map(len, built)) - sum(map(len, ranges)))

    @property
    def days(self) -> set[date]:
        return days_in(part.days for part in self.waiting)

    def only(self, days: set[date]) -> Step:
        """Without the waiting days that are not among `days`."""
        return replace(self, waiting=tuple(map(Part, ranges_of(self.days & days))))

    def settled(self, outcome: Outcome) -> tuple[Step, Ranges]:
        """The step after its run has ended, and the days that it gives up."""
        part, rest = self.waiting[0], self.waiting[1:]
        if outcome.status == "succeeded":
            return replace(self, waiting=rest), ()
        step = replace(self, failures=self.failures + 1)
        if outcome.status == "ended":  # by a person
            return replace(step, waiting=rest), (part.days,)
        if step.failures >= MOST_FAILURES:
            return replace(step, waiting=()), tuple(each.days for each in self.waiting)
        if not part.again:
            return replace(step, waiting=(replace(part, again=True), *rest)), ()
        if halves := halves_of(part.days):
            return replace(step, waiting=(*(Part(half, again=True) for half in halves), *rest)), ()
        return replace(step, waiting=rest), (part.days,)


@dataclass(frozen=True)
class Task:
    """A run to be asked for, or waited for."""

    job: str
    days: DayRange
    key: str


@dataclass(frozen=True)
class Loss:
    """Days that a job of a delivery gave up, after the run `run`."""

    look: str
    job: str
    days: DayRange
    run: str
    is_told: bool = False


@dataclass(frozen=True)
class Delivery:
    """What the look `look` found at `version`, for `reason`; `steps` in an order in which each follows its `after`.

    `since` is when the look had seen it, in seconds since 1970: a run that was started later takes it in too. 0 where
    no look is the reason.
    """

    look: str
    version: str
    reason: str
    steps: tuple[Step, ...] = field(default_factory=tuple)
    since: float = 0.0

    @property
    def why(self) -> str:
        """What a run of it is for, and that it builds more than that, if it does."""
        between = max((step.between for step in self.steps), default=0)
        return f"with {between} days that lie between: {self.reason}" if between else self.reason

    @property
    def is_over(self) -> bool:
        return not any(step.waiting for step in self.steps)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The runs whose turn it is: one of each job that has begun."""
        return tuple(self._task(step) for step in self._due if step.has_begun)

    def moved(
        self, outcome_of: Callable[[Task], Outcome | None], possible: Callable[[str, set[date]], set[date]]
    ) -> tuple[Delivery, tuple[Loss, ...]]:
        """The delivery as far as it has come, and what it gave up on the way.

        Args:
            outcome_of: What became of a run, None when nothing was started.
            possible: Job and days -> those that it can make; asked when the job's turn comes.
        """
        delivery, losses = self, list[Loss]()
        while True:
            begun = [step for step in delivery._due if not step.has_begun]
            for step in begun:
                kept = replace(step.only(possible(step.job, step.days)), has_begun=True)
                delivery = delivery._with(kept, ())
            ended = [
                (step, found)
                for step in delivery._due
                if step.has_begun and (found := outcome_of(delivery._task(step))) and found.status != "under way"
            ]
            for step, outcome in ended:
                settled, given_up = step.settled(outcome)
                delivery = delivery._with(settled, given_up)
                losses += [Loss(self.look, step.job, days, outcome.run_id) for days in given_up]
            if not begun and not ended:
                return delivery, tuple(losses)

    @property
    def _due(self) -> list[Step]:
        """The steps that have something to do, and nothing to wait for."""
        busy = {step.job for step in self.steps if step.waiting}
        return [step for step in self.steps if step.waiting and not self._waits(step, busy)]

    def _waits(self, step: Step, busy: set[str]) -> bool:
        return step.after in busy or any(self._waits(each, busy) for each in self.steps if each.job == step.after)

    def _task(self, step: Step) -> Task:
        part = step.waiting[0]
        return Task(step.job, part.days, f"{self.look} {step.job} {part.days}{', again' * part.again}")

    def _with(self, changed: Step, given_up: Ranges) -> Delivery:
        """The delivery with a step in its new state, and without the days that it gave up in those that follow it."""
        lost, following = days_in(given_up), {changed.job}
        for step in self.steps:
            following |= {step.job} if step.after in following else set()
        left_out = {step.job: step.only(step.days - lost) for step in self.steps if lost and step.job in following}
        known = {step.job: step for step in self.steps} | left_out | {changed.job: changed}
        return replace(self, steps=tuple(known.values()))
