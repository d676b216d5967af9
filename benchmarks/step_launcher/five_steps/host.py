"""What differs between the Dagster host and the cluster: the launcher, and a note of when events arrive."""

import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

SETTINGS = "FIVE_STEPS_SETTINGS"
ARRIVALS = "FIVE_STEPS_ARRIVALS"


def step_launcher() -> dg.ResourceDefinition:
    """The launcher that the benchmark chose; the cluster has none."""
    if SETTINGS not in os.environ:
        return dg.ResourceDefinition.none_resource()
    _note_arrivals(Path(os.environ[ARRIVALS]))
    from mlops_core.adapters.step_launcher.launcher import step_launcher_resource
    from mlops_core.adapters.step_launcher.stock import stock_step_launcher

    chosen = pickle.loads(Path(os.environ[SETTINGS]).read_bytes())  # noqa: S301 - this benchmark wrote it
    return (stock_step_launcher if chosen["stock"] else step_launcher_resource)(chosen["settings"])


def _note_arrivals(folder: Path) -> None:
    """Write down when each event of a step is stored here: its own time is the cluster's."""
    stored = dg.DagsterInstance.handle_new_event

    def noted(instance: dg.DagsterInstance, event: dg.EventLogEntry, *arguments: Any, **named: Any) -> None:
        stored(instance, event, *arguments, **named)
        if event.step_key:
            kind = event.dagster_event.event_type_value if event.dagster_event else event.user_message.split()[0]
            with (folder / str(os.getpid())).open("a") as file:
                file.write(f"{event.step_key}\t{kind}\t{event.timestamp}\t{time.time()}\n")

    dg.DagsterInstance.handle_new_event = noted  # type: ignore[method-assign]


def arrivals(folder: Path) -> Iterator[tuple[str, str, float, float]]:
    """Step, kind, time of the event and time of its arrival, in seconds since the epoch."""
    for file in folder.iterdir():
        for line in file.read_text().splitlines():
            step, kind, happened, arrived = line.split("\t")
            yield step, kind, float(happened), float(arrived)
