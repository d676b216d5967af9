"""When a violation triggers a retraining, and when to give up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import date

from mlops_core.outside_json import cursor_of_kind

RETRAIN, WAIT, GIVE_UP, FINE = "retrain", "wait", "give up", "fine"


@dataclass(frozen=True)
class Judgement:
    """One evaluation of the violation check: its id, what it found, and its newest judged day."""

    evaluation: str
    passed: bool
    day: str | None


@dataclass(frozen=True)
class History:
    """The retrainings requested during a violation.

    `seen` is the last evaluation that was handled, `retrainings` the number of requests, `last_day` the newest judged
    day of the last one and `asked` its run key, `fine_since` the first judged day of the passes since the last failure,
    `told` the last news that was sent, and `told_run` the last unsuccessful run that was reported.
    """

    seen: str = ""
    retrainings: int = 0
    last_day: str = ""
    gave_up: bool = False
    fine_since: str = ""
    told: str = ""
    asked: str = ""
    told_run: str = ""

    @property
    def news(self) -> str:
        """The news to report; empty when nothing is wrong."""
        if not self.retrainings:
            return ""
        return f"{'given up after' if self.gave_up else 'retraining'} {self.retrainings} on {self.last_day}"

    @classmethod
    def read(cls, cursor: str | None) -> History:
        return cursor_of_kind(cls, cursor) if cursor else cls()

    def written(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class RetrainingRule:
    """At most `max_retrainings` while a violation lasts, each `cooldown_days` of judged days after the one before.

    A violation is over once the check has passed on `recovery_days` days in a row: one good day among bad ones starts
    no new count.
    """

    cooldown_days: int
    max_retrainings: int
    recovery_days: int

    def decide(self, judged: Judgement, history: History) -> tuple[str, History]:
        """The decision about an evaluation, and the history after it; each evaluation is handled once."""
        if judged.passed:
            return FINE, self._after_a_pass(judged, history)
        if history.seen == judged.evaluation:
            return WAIT, history
        history = replace(history, seen=judged.evaluation, fine_since="")
        if history.retrainings and self._cools_down(judged, history):
            return WAIT, history
        if history.retrainings >= self.max_retrainings:
            return GIVE_UP, replace(history, gave_up=True)
        retrainings = history.retrainings + 1
        return RETRAIN, replace(history, retrainings=retrainings, last_day=judged.day or "", asked=judged.evaluation)

    def _after_a_pass(self, judged: Judgement, history: History) -> History:
        history = replace(history, seen=judged.evaluation)
        if judged.day is None:  # not judged, so not a pass
            return history
        since = history.fine_since or judged.day
        is_over = _days_between(since, judged.day) + 1 >= self.recovery_days
        return History(judged.evaluation) if is_over else replace(history, fine_since=since)

    def _cools_down(self, judged: Judgement, history: History) -> bool:
        """Whether the last retraining is too recent to have had an effect; days are the data's, not the clock's."""
        if not judged.day or not history.last_day:
            return False
        return _days_between(history.last_day, judged.day) < max(self.cooldown_days, 1)


def _days_between(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days
