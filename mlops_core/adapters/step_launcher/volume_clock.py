"""The volume's own time: what is old there is told by the clock that dated it, which need not be this host's."""

from __future__ import annotations

import uuid

from mlops_core.adapters.step_launcher.databricks_runs import DatabricksRuns


def volume_now_ms(runs: DatabricksRuns) -> int:
    """When a file that is written on the staging volume now was modified, in milliseconds since 1970; 0 if unknown."""
    folder = f"{runs.settings.volume}/code"  # where a clean-up takes what is left of this
    probe = f"clock-{uuid.uuid4().hex}"
    runs.workspace.put(f"{folder}/{probe}", b"")
    try:
        return max((one.last_modified or 0 for one in runs.workspace.entries(folder) if one.name == probe), default=0)
    finally:
        runs.workspace.remove(f"{folder}/{probe}")
