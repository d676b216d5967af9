"""Cleaning up a step on Databricks when its host stops following it before it has ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns, SubmitRefusedError
from mlops_core.adapters.step_launcher.run_handle import RunHandle, RunRequest


@dataclass(frozen=True)
class AttemptCleanup:
    """Ends an attempt, or with it everything of its Dagster run, as far as the workspace can be reached.

    `runs` has little patience. `handle` is None while the reply to the submit of a Databricks run has not come.
    """

    runs: DatabricksRuns
    log: logging.Logger
    request: RunRequest
    attempt: str
    handle: RunHandle | None

    def end(self, terminated: bool) -> None:
        """Everything when the Dagster run was `terminated`, else this step's attempt, as far as possible."""
        if terminated:
            self._end_run()
        else:
            self._end_attempt()

    def _end_run(self) -> None:
        """The Dagster run was terminated: cancel the Databricks run with every step in it."""
        try:
            self._cancel(self.handle or self.runs.submitted(self.request, self.attempt))
        except SubmitRefusedError:
            return  # nothing was started
        except call_errors() as error:
            self._say(error)
            self._remove_lease()

    def _end_attempt(self) -> None:
        """This step alone has failed here: other steps of its worker go on."""
        try:
            if self.request.compute.kind != "worker":
                self._cancel(self.handle or self.runs.submitted(self.request, self.attempt))
            elif self.handle is not None:
                self.log.warning("Cancelling this step on Databricks.")
                self.runs.workspace.put(protocol.cancel_file(self.attempt), b"")
        except SubmitRefusedError:
            return
        except call_errors() as error:
            self._say(error)

    def _cancel(self, handle: RunHandle) -> None:
        self.log.warning(f"Cancelling Databricks run {handle.run_id}.")
        self.runs.workspace.cancel(handle.run_id)

    def _say(self, error: Exception) -> None:
        self.log.error(
            f"Databricks could not be asked to cancel ({type(error).__name__}: {error}). What runs there ends when "
            f"it finds its lease removed, or not renewed for {self.runs.settings.timing.lease_s:.0f} s."
        )

    def _remove_lease(self) -> None:
        try:
            self.runs.workspace.remove(protocol.lease_file(self.request.folder))
        except call_errors() as error:
            self.log.warning(f"The lease could not be removed: {error}")
