"""The Jobs API, version 2.2: one-time runs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from itertools import count
from threading import RLock
from typing import Any

from databricks.sdk.service.jobs import (
    JobsAPI,
    ListRunsResponse,
    RunOutput,
    SubmitRunResponse,
)
from databricks.sdk.service.jobs import Run as RunInfo

from databricks_emulator import describe, outcome
from databricks_emulator.api import Call, invalid, route
from databricks_emulator.clusters import Clusters
from databricks_emulator.describe import View
from databricks_emulator.runs import Knobs, Launchpad, Run, RunLife
from databricks_emulator.settings import Settings
from databricks_emulator.storage import Storage
from databricks_emulator.submission import checked

BASE = "/api/2.2/jobs/runs"
LONGEST_PAGE = 25


class Jobs:
    def __init__(
        self, url: str, storage: Storage, settings: Settings, clusters: Clusters, launchpad: Launchpad
    ) -> None:
        self._view = View(url, settings)
        self._storage, self._settings = storage, settings
        self._clusters, self._launchpad = clusters, launchpad
        self._lock = RLock()
        self._ids = count(secrets.randbelow(10**12) + 10**12)
        self._by_token: dict[str, Run] = {}
        self._lives: list[RunLife] = []
        self.runs: list[Run] = []
        self.knobs = Knobs()

    @property
    def active(self) -> list[Run]:
        return [run for run in self.runs if run.is_active]

    def stop(self) -> None:
        """End every run, and wait until its process is gone."""
        self.knobs.hold_terminating.clear()
        for run in self.active:
            run.end_with(outcome.CANCELED)
        for life in self._lives:
            life.join()

    @route("POST", f"{BASE}/submit", JobsAPI.submit)
    def submit(self, call: Call) -> SubmitRunResponse:
        """Start a run, or give the one that was started with the same idempotency token."""
        token = call.get("idempotency_token")
        with self._lock:
            if token and token in self._by_token:
                return SubmitRunResponse(run_id=self._by_token[token].run_id)
            run = self._new_run(call.arguments)
            if token:
                self._by_token[token] = run
        return SubmitRunResponse(run_id=run.run_id)

    def _new_run(self, request: Mapping[str, Any]) -> Run:
        submission = checked(request, self._clusters, self._settings.dbfs_root)
        run = Run(next(self._ids), next(self._ids), next(self._ids), submission)
        life = RunLife(run, self._settings, self._clusters, self._launchpad, self.knobs)
        self.runs.append(run)
        self._lives.append(life)
        life.start()
        return run

    @route("GET", f"{BASE}/get", JobsAPI.get_run)
    def get_run(self, call: Call) -> RunInfo:
        run = self.known(call["run_id"])
        return (
            describe.run_info(run, self._view) if run.run_id == call["run_id"] else describe.task_info(run, self._view)
        )

    @route("GET", f"{BASE}/get-output", JobsAPI.get_run_output)
    def get_run_output(self, call: Call) -> RunOutput:
        run = self.known(call["run_id"])
        if run.run_id == call["run_id"]:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of "
                "each individual task run instead."
            )
        return describe.output(run, self._view, self._storage.runs / str(run.task_run_id))

    @route("POST", f"{BASE}/cancel", JobsAPI.cancel_run)
    def cancel_run(self, call: Call) -> None:
        """Asks for the end, and returns before it has come; a run that has ended stays as it is."""
        run = self.known(call["run_id"])
        if not self.knobs.ignore_cancel:
            run.end_with(outcome.CANCELED)

    @route("POST", f"{BASE}/delete", JobsAPI.delete_run)
    def delete_run(self, call: Call) -> None:
        run = self.known(call["run_id"])
        if run.is_active:
            raise invalid(f"Run {run.run_id} is active: cancel it before deleting it.")
        self.runs.remove(run)

    @route("GET", f"{BASE}/list", JobsAPI.list_runs)
    def list_runs(self, call: Call) -> ListRunsResponse:
        if call.get("active_only") and call.get("completed_only"):
            raise invalid("Only one of active_only and completed_only can be true.")
        size, start = call.get("limit") or 20, int(call.get("page_token") or 0)
        if not 0 < size <= LONGEST_PAGE:
            raise invalid(f"The limit must be between 1 and {LONGEST_PAGE}.")
        found = [run for run in reversed(self.runs) if _is_wanted(run, call)]
        more = start + size < len(found)
        infos = [
            describe.base_info(run, self._view, bool(call.get("expand_tasks"))) for run in found[start : start + size]
        ]
        return ListRunsResponse(runs=infos, has_more=more, next_page_token=str(start + size) if more else None)

    def known(self, run_id: int) -> Run:
        """The run with this id, or the one whose task has it."""
        for run in self.runs:
            if run_id in (run.run_id, run.task_run_id):
                return run
        raise invalid(f"Run {run_id} does not exist.")


def _is_wanted(run: Run, call: Call) -> bool:
    is_active = call.get("completed_only") is not True if run.is_active else call.get("active_only") is not True
    began = run.moments.asked * 1000
    after, before = call.get("start_time_from"), call.get("start_time_to")
    return is_active and (after is None or began >= after) and (before is None or began <= before)
