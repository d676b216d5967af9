"""One run of one job of `five_steps` by one launcher on an emulated workspace."""

from __future__ import annotations

import os
import pickle
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository

from databricks_emulator import Emulator
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher
from mlops_core.adapters.step_launcher.settings import LauncherSettings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from five_steps.definitions import BODY_S, FIVE, LONG_BODY_S  # noqa: E402
from five_steps.host import ARRIVALS, SETTINGS, arrivals  # noqa: E402

VOLUME = "/Volumes/dev/benchmark/staging"
WORKSPACE = {"latency": 0.1, "classic_start": 10.0, "serverless_start": 3.0, "dbfs_root": True}
WARM = ("both", "last")
REMOTE_KINDS = ("STEP_START", "second", "STEP_OUTPUT", "ASSET_MATERIALIZATION", "STEP_SUCCESS")


@dataclass(frozen=True)
class Measured:
    """One run of one job; times in seconds."""

    wall: float
    cluster_starts: int
    databricks_runs: int
    calls: int
    uploaded: int
    warm_calls: float
    overhead: float
    delays: list[float]

    def row(self, name: str) -> str:
        cells = (
            f"{self.wall:.1f} s",
            self.cluster_starts,
            self.databricks_runs,
            self.calls,
            f"{self.warm_calls:.1f}",
            f"{self.uploaded / 1024:.0f} KiB",
            f"{self.overhead:.1f} s",
            f"{mean(self.delays):.2f} s",
            f"{max(self.delays):.1f} s",
        )
        return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def measure(job: str, compute: Compute, stock: bool) -> Measured:
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Emulator(Path(folder) / "workspace", **WORKSPACE) as workspace,
        dg.DagsterInstance.local_temp(folder) as instance,
    ):
        workspace.unity_catalog.add_volume(VOLUME.removeprefix("/Volumes/").replace("/", "."))
        settings = LauncherSettings(VOLUME, compute, (HERE / "five_steps",), matched_packages=("dagster",))
        noted = _on_host(Path(folder), workspace, settings, stock)
        started = perf_counter()
        result = dg.execute_job(_job(job), instance)
        if not result.success:
            raise RuntimeError(f"{job} failed: its log is above.")
        if not stock:
            UnityCatalogStepLauncher(settings).tear_down(instance, result.dagster_run)
        wall = perf_counter() - started
        events = list(arrivals(noted))
        return Measured(
            wall=wall,
            cluster_starts=workspace.cluster_starts,
            databricks_runs=len(workspace.runs),
            calls=workspace.calls.count(),
            uploaded=workspace.calls.bytes_uploaded,
            warm_calls=_calls_of_steps(workspace, events),
            overhead=_overhead(events, LONG_BODY_S if job == "fifty" else BODY_S),
            delays=[arrived - happened for _, kind, happened, arrived in events if kind in REMOTE_KINDS],
        )


def _on_host(folder: Path, workspace: Emulator, settings: LauncherSettings, stock: bool) -> Path:
    """Let this process and its children be the Dagster host of this workspace; returns the folder of the arrivals."""
    noted = folder / "arrivals"
    noted.mkdir()
    (folder / "settings").write_bytes(pickle.dumps({"stock": stock, "settings": settings}))
    os.environ.update(workspace.environment())
    os.environ.update({SETTINGS: str(folder / "settings"), ARRIVALS: str(noted)})
    os.environ["PYTHONPATH"] = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    return noted


def _job(name: str) -> object:
    repository = ReconstructableRepository.for_module("five_steps.definitions", "defs", working_directory=str(HERE))
    return repository.get_reconstructable_job(name)


def _spans(events: list[tuple[str, str, float, float]]) -> dict[str, tuple[float, float]]:
    """Each step's time on the host: from its process's start to the arrival of its success."""
    begun = {step: at for step, kind, at, _ in events if kind == "STEP_WORKER_STARTED"}
    return {step: (begun[step], arrived) for step, kind, _, arrived in events if kind == "STEP_SUCCESS"}


def _overhead(events: list[tuple[str, str, float, float]], body_s: float) -> float:
    spans = _spans(events)
    return mean(spans[step][1] - spans[step][0] - body_s for step in spans if step in WARM or step not in FIVE)


def _calls_of_steps(workspace: Emulator, events: list[tuple[str, str, float, float]]) -> float:
    """Calls while a warm step that ran alone was on the host."""
    spans, counted = _spans(events), Counter()
    for call in workspace.calls.matching():
        counted.update(step for step, (begin, end) in spans.items() if begin <= call.time <= end)
    return mean(counted[step] for step in spans if step in WARM) if set(WARM) <= set(spans) else float("nan")
