"""The run queue of a deployed Dagster, which writes on each run who launched it."""

from __future__ import annotations

from urllib.parse import unquote

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.storage.tags import BACKFILL_ID_TAG

from mlops_core.adapters.webserver.sign_in import USER_HEADER
from mlops_core.defs.decided_by import APPROVED_IN, USER


class SignedInRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue, where `USER` and `APPROVED_IN` of a run are what the webserver knows of who launched it.

    What a client asks for as their values is replaced, of a re-execution too, which is by whoever re-executes. A run of
    a backfill is nobody's, for its tags are a client's and the daemon submits it. An automatic retry keeps the name of
    the run that it repeats; other runs without a request are those of schedules, of sensors and of who is in a pod.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        run, user = context.dagster_run, context.get_request_header(USER_HEADER)
        if run.status == dg.DagsterRunStatus.NOT_STARTED and (user is not None or BACKFILL_ID_TAG in run.tags):
            known = {USER: unquote(user or ""), APPROVED_IN: ""}
            changed = {name: value for name, value in known.items() if run.tags.get(name, "") != value}
            if changed:
                self._instance.add_run_tags(run.run_id, changed)
        return super().submit_run(context)
