"""Finds ended Dagster runs that still have files staged, and tears them down."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import dagster as dg

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns
from mlops_core.adapters.step_launcher.teardown import TeardownReport
from mlops_core.adapters.step_launcher.volume_clock import volume_now_ms

logger = logging.getLogger(__name__)
WITHIN_S = 15.0  # after that, no more teardown is begun: one may take half a minute, and a tick of a sensor a whole
UNKNOWN_S = 86_400.0  # another Dagster instance may use the volume too, and a run of it may rest between two steps

TearDown = Callable[[dg.DagsterInstance, dg.DagsterRun], TeardownReport]


@dataclass
class SweepReport:
    """What was torn down, why the others were not, and the name of the last one that was tried."""

    torn_down: dict[str, TeardownReport] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    last: str = ""


def sweep(runs: DatabricksRuns, instance: dg.DagsterInstance, tear_down: TearDown, after: str) -> SweepReport:
    """Tear down each run that has ended, one after the other, beginning with the name that follows `after`."""
    names = sorted(runs.staged_runs())
    now_ms = cache(partial(volume_now_ms, runs))
    swept, deadline = SweepReport(last=after), time.monotonic() + WITHIN_S
    for name in (*(name for name in names if name > after), *(name for name in names if name <= after)):
        if time.monotonic() > deadline:
            break
        swept.last = name
        try:
            if (run := _ended(runs, instance, name, now_ms)) is not None:
                swept.torn_down[name] = tear_down(instance, run)
        except call_errors() as error:
            logger.warning("Run %s could not be torn down, the next tick tries again: %s", name, error)
            swept.failed[name] = str(error)
    return swept


def _ended(
    runs: DatabricksRuns, instance: dg.DagsterInstance, name: str, now_ms: Callable[[], int]
) -> dg.DagsterRun | None:
    """The run of this name when it has ended, or when this instance does not know it and nobody follows it."""
    run = instance.get_run_by_id(name)
    if run is not None:
        return run if run.is_finished else None
    touched = [entry.last_modified for entry in runs.workspace.entries(protocol.run_folder(runs.settings.volume, name))]
    known = [moment for moment in touched if moment]
    long_ago = bool(known) and now_ms() - max(known) > UNKNOWN_S * 1000
    return dg.DagsterRun(job_name="unknown", run_id=name) if long_ago else None
