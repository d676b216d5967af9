"""Runs the sample project on an emulated workspace, as tests and child processes of tests do."""

from __future__ import annotations

import os
import pickle
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository

from databricks_emulator import Emulator
from databricks_emulator.storage import visible_children
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher
from mlops_core.adapters.step_launcher.settings import LauncherSettings, Timing

HERE = Path(__file__).parent
VOLUME = "/Volumes/staging/my_mlops_stacks/staging"
CLUSTER = {"spark_version": "18.0.x-scala2.13", "node_type_id": "Standard_D4ds_v5", "num_workers": 1}
FAST = Timing(
    poll_s=0.5,
    pending_poll_s=0.2,
    silence_s=1.0,
    outage_s=20.0,
    credentials_s=4.0,
    ending_grace_s=2.0,
    cancel_grace_s=6.0,
    lease_s=60.0,
    call_timeout_s=5.0,
)


@dataclass
class Workbench:
    """One workspace, one Dagster instance, and the settings by which the sample project's launcher is made."""

    emulator: Emulator
    instance: dg.DagsterInstance
    settings_file: Path
    settings: LauncherSettings
    shared_clusters: list[str] = field(default_factory=list)  # that a test started, and that outlive its runs

    def configure(self, **changes: Any) -> LauncherSettings:
        """Change settings for the runs that start from now on."""
        self.settings = replace(self.settings, **changes)
        self.settings_file.write_bytes(pickle.dumps(self.settings))
        return self.settings

    def compute(self, **changes: Any) -> None:
        self.configure(compute=replace(self.settings.compute, **changes))

    def timing(self, **changes: Any) -> None:
        self.configure(timing=replace(self.settings.timing, **changes))

    @property
    def launcher(self) -> UnityCatalogStepLauncher:
        return UnityCatalogStepLauncher(self.settings)

    def materialize(self, *assets: str, tags: dict[str, str] | None = None) -> dg.JobExecutionResult:
        """Run assets (or, with `asset:check`, checks) of the sample project in this process."""
        return materialize(self.instance, *assets, tags=tags)

    def notes(self, asset: str) -> list[str]:
        """What the asset noted: one text a write."""
        return notes(self.emulator, asset)

    def texts(self, result: dg.JobExecutionResult) -> str:
        """Everything that the run's log says."""
        return "\n".join(
            f"{entry.user_message} {entry.message} {entry.dagster_event}"
            for entry in self.instance.all_logs(result.run_id)
        )

    def left_staged(self) -> list[str]:
        """Everything that runs staged and that is still there."""
        return [
            path for path in self.emulator.staged() if path.startswith(f"{VOLUME}/runs/") and path != f"{VOLUME}/runs/"
        ]


def make_settings(**changes: Any) -> LauncherSettings:
    compute = Compute(new_cluster=CLUSTER, idle_s=20.0, parallel_steps=4)
    given: dict[str, Any] = {
        "volume": VOLUME,
        "compute": compute,
        "packages": (HERE / "sample_project",),
        "requirements": tuple(f"{name}=={version(name)}" for name in ("mlflow", "tenacity")),
        "environment": {"SAMPLE_NOTES": f"{VOLUME}/notes"},
        "imports": ("colorsys",),
        "timing": FAST,
        **changes,
    }
    return LauncherSettings(**given)


def version(name: str) -> str:
    from importlib.metadata import version as installed

    return installed(name)


def notes(emulator: Emulator, asset: str) -> list[str]:
    folder = emulator.storage.volume_path(f"{VOLUME}/notes/{asset}")
    return [file.read_text() for file in visible_children(folder)] if folder.exists() else []


def sample_job(name: str = "__ASSET_JOB") -> Any:
    repository = ReconstructableRepository.for_module("sample_project.definitions", "defs", working_directory=str(HERE))
    return repository.get_reconstructable_job(name)


def materialize(
    instance: dg.DagsterInstance, *assets: str, job: str = "__ASSET_JOB", tags: dict[str, str] | None = None
) -> dg.JobExecutionResult:
    selection = [dg.AssetKey(name) for name in assets] or None
    return dg.execute_job(sample_job(job), instance, asset_selection=selection, tags=tags)


if __name__ == "__main__":  # python workbench.py <instance folder> <job> <asset>...: a process that a test may kill
    sys.path.insert(0, str(HERE))
    with dg.DagsterInstance.local_temp(sys.argv[1]) as own:
        outcome = materialize(own, *sys.argv[3:], job=sys.argv[2])
        os._exit(0 if outcome.success else 1)
