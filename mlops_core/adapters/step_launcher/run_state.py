"""The state of a Databricks run, from the words of the Jobs API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
NOT_STARTED = frozenset({"PENDING", "QUEUED", "BLOCKED", "WAITING_FOR_RETRY"})


@dataclass(frozen=True)
class RunState:
    """The state of a Databricks run; `code` and `cause` are the termination code and type of Jobs 2.2, when known."""

    life_cycle: str
    result: str
    message: str
    url: str
    code: str = ""
    cause: str = ""
    task_run_id: int | None = None
    started_ms: int = 0
    ended_ms: int = 0

    @classmethod
    def of(cls, run: dict[str, Any]) -> RunState:
        """What `runs/get` answered."""
        state, task = run.get("state", {}), (run.get("tasks") or [{}])[0]
        details = run.get("status", {}).get("termination_details", {})
        return cls(
            life_cycle=state.get("life_cycle_state", "PENDING"),
            result=state.get("result_state", ""),
            message=state.get("state_message", ""),
            url=run.get("run_page_url", ""),
            code=details.get("code", ""),
            cause=details.get("type", ""),
            task_run_id=task.get("run_id"),
            started_ms=run.get("start_time") or 0,
            ended_ms=run.get("end_time") or 0,
        )

    @property
    def pending(self) -> bool:
        return self.life_cycle in NOT_STARTED

    @property
    def ended(self) -> bool:
        return self.life_cycle in ENDED

    @property
    def task_ended(self) -> bool:
        """Whether the process is over: TERMINATING means that only the cluster is still being cleaned up."""
        return self.ended or self.life_cycle == "TERMINATING"


FORGOTTEN = RunState("TERMINATED", "", "Databricks has deleted this run.", "")
