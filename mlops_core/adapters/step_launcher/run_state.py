"""The state of a Databricks run, from the words of the Jobs API.

Jobs 2.2 tells it as `status`; its older form `state` is deprecated, and read for what `status` does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
NOT_STARTED = frozenset({"PENDING", "QUEUED", "BLOCKED", "WAITING", "WAITING_FOR_RETRY"})
KNOWN = ENDED | NOT_STARTED | {"RUNNING", "TERMINATING"}
RESULTS = {  # of termination codes; each other one is a failure
    "SUCCESS": "SUCCESS",
    "SUCCESS_WITH_FAILURES": "SUCCESS",
    "USER_CANCELED": "CANCELED",
}
ENDED_BY_DATABRICKS = "CANCELED"  # a code: as Databricks does after timeout_seconds, for example


@dataclass(frozen=True)
class RunState:
    """The state of a Databricks run; `code` and `cause` are its termination code and type, `seconds` its duration.

    A life cycle that is unknown here is neither pending nor ended, unless the run has an end time.
    """

    life_cycle: str
    result: str
    message: str
    url: str
    code: str = ""
    cause: str = ""
    task_run_id: int | None = None
    seconds: float = 0.0
    has_end: bool = False

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> RunState:
        """What `runs/get` answered."""
        status, state, task = run.get("status") or {}, run.get("state") or {}, (run.get("tasks") or [{}])[0]
        details, queue = status.get("termination_details") or {}, status.get("queue_details") or {}
        code = details.get("code") or ""
        return cls(
            life_cycle=status.get("state") or state.get("life_cycle_state") or "UNKNOWN",
            result=_result(code, state.get("result_state") or ""),
            message=details.get("message") or queue.get("message") or state.get("state_message") or "",
            url=run.get("run_page_url") or "",
            code=code,
            cause=details.get("type") or "",
            task_run_id=task.get("run_id"),
            seconds=_seconds(run, task),
            has_end=bool(run.get("end_time")),
        )

    @property
    def pending(self) -> bool:
        return self.life_cycle in NOT_STARTED

    @property
    def ended(self) -> bool:
        return self.life_cycle in ENDED or (self.life_cycle not in KNOWN and self.has_end)

    @property
    def task_ended(self) -> bool:
        """Whether no more is begun: TERMINATING means that the process is being ended, or the cluster cleaned up."""
        return self.ended or self.life_cycle == "TERMINATING"


def _result(code: str, in_state: str) -> str:
    """The result by the termination code, and by `state` where that is missing or says less."""
    if not code:
        return in_state
    if code == ENDED_BY_DATABRICKS:
        return in_state or "TIMEDOUT"
    return RESULTS.get(code, "FAILED")


def _seconds(run: Mapping[str, Any], task: Mapping[str, Any]) -> float:
    """How long a run took by Databricks' own clock; so far, while its end time is missing."""
    if run.get("start_time") and run.get("end_time"):
        return max(0.0, (run["end_time"] - run["start_time"]) / 1000)
    return sum(task.get(f"{phase}_duration") or 0 for phase in ("setup", "execution", "cleanup")) / 1000


FORGOTTEN = RunState("TERMINATED", "", "Databricks has deleted this run.", "")
