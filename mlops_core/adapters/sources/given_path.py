"""Where rows of this machine are named: by the run, by the environment, or by databricks.yml."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_core.config import ENVIRONMENT_PREFIX, Target
from mlops_core.project import EventTable


@dataclass(frozen=True)
class GivenPath:
    """A path as it is written, and where.

    Args:
        setting: Where it is written, as sentences name it.
        base: What a relative path is relative to.
        otherwise: What to do for other rows than those of a path; empty where there are none.
    """

    written: str
    setting: str
    base: Path = Path()
    otherwise: str = ""

    def __str__(self) -> str:
        return f"{self.written} ({self.setting})"


def of_run(path: str) -> GivenPath:
    """What the run's config names."""
    return GivenPath(path, "'path' in the run's config")


def of_environment(events: EventTable, table: GivenPath | None = None) -> GivenPath | None:
    """What `<EVENTS>_PATH` names; `table` is what is read without it."""
    setting, path = events.path_variable, os.environ.get(events.path_variable)
    instead = f"read {table}" if table else "generate some" if events.sample else ""
    return GivenPath(path, setting, otherwise=f"unset it to {instead}" if instead else "") if path else None


def of_target(events: EventTable, target: Target) -> GivenPath | None:
    """What the target's `<events>_table` names, which is relative to the folder that the project's package lies in."""
    path, variable = target.sources[events.name].table, events.variable("table")
    override = f"{ENVIRONMENT_PREFIX}{variable}"
    setting = override if override in target.environment else f"{variable} in databricks.yml"
    instead = f"set {override}= (empty) to generate some" if events.sample else ""
    return GivenPath(path, setting, target.root, instead) if path else None
