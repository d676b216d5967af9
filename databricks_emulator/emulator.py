"""The emulated workspace as tests use it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from databricks_emulator import outcome
from databricks_emulator.calls import CallLog
from databricks_emulator.clusters import Clusters
from databricks_emulator.compute_catalog import ComputeCatalog
from databricks_emulator.dbfs import Dbfs
from databricks_emulator.faults import Fault, Faults
from databricks_emulator.files_api import FilesService
from databricks_emulator.identity import Identity
from databricks_emulator.jobs import Jobs
from databricks_emulator.launch import TaskLaunchpad
from databricks_emulator.metastore import METASTORE, Metastore
from databricks_emulator.ml_artifacts import MlArtifacts
from databricks_emulator.permissions import Permissions
from databricks_emulator.router import Router
from databricks_emulator.runs import Run
from databricks_emulator.secret_scopes import SecretScopes
from databricks_emulator.server import Front, HttpServer
from databricks_emulator.serving import Serving
from databricks_emulator.settings import Settings
from databricks_emulator.storage import Storage, visible_children
from databricks_emulator.unity_catalog import UnityCatalog
from databricks_emulator.uploads import Uploads
from databricks_emulator.workspace_tree import WorkspaceTree


class Emulator:
    """A Databricks workspace on this machine, from entering to leaving it as a context.

    `folder` is an empty one for its files; `settings` are the fields of `Settings`. Leaving ends every run.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.storage = Storage(folder.resolve())
        self.faults, self.calls = Faults(), CallLog()
        self._server = HttpServer(Front(self._answer, self._check, self.faults, self.calls, self.settings.latency))
        self.url = self._server.url
        self.identity = Identity(self.url, self.settings.token_seconds)
        self.unity_catalog = UnityCatalog(self.storage)
        self.ml_artifacts = MlArtifacts(self.unity_catalog)
        self.serving = Serving()
        self.tree = WorkspaceTree(self.storage)
        self.files = FilesService(self.storage, self.unity_catalog, self.settings.clock_ahead)
        catalog = ComputeCatalog()
        self.clusters = Clusters(self.storage, self.settings, catalog)
        self._launchpad = TaskLaunchpad(self.storage, self.settings, self.url + METASTORE)
        self.jobs = Jobs(self.url, self.storage, self.settings, self.clusters, self._launchpad)
        dbfs = Dbfs(self.storage, self.settings.dbfs_root)
        uploads, rights = Uploads(self.url, self.files), Permissions(self.unity_catalog)
        services = (
            self.identity,
            self.unity_catalog,
            self.ml_artifacts,
            self.serving,
            self.tree,
            uploads,
            self.files,
            catalog,
            self.clusters,
            self.jobs,
        )
        self._router = Router((*services, dbfs, rights, SecretScopes(self.storage), Metastore(self.unity_catalog)))

    def __enter__(self) -> Self:
        self.storage.make()
        self.tree.make()
        self._launchpad.make()
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.jobs.stop()
        self._server.stop()

    def _answer(self, request: Any) -> Any:
        return self._router.answer(request)

    def _check(self, request: Any) -> None:
        if not Uploads.is_signed(request):
            self.identity.check(request)

    # How to reach it

    @property
    def token(self) -> str:
        """A personal access token; a new one after `expire_tokens`."""
        return self.identity.token

    def environment(self) -> dict[str, str]:
        """The variables by which any Databricks client finds the workspace."""
        return {"DATABRICKS_HOST": self.url, "DATABRICKS_TOKEN": self.token}

    # What it holds

    def staged(self, volume: str | None = None) -> list[str]:
        """The paths of all files on the volumes, or on the one named `catalog.schema.volume`.

        An empty folder that someone left on a volume is there too, with a slash at its end.
        """
        named = (self.unity_catalog.volume_folder(volume),) if volume else self.storage.volumes.glob("*/*/*")
        return [path for folder in sorted(named) for path in self._left(folder)]

    def _left(self, folder: Path) -> Iterator[str]:
        for child in visible_children(folder):
            path = f"/Volumes/{child.relative_to(self.storage.volumes).as_posix()}"
            if child.is_file():
                yield path
            else:
                yield from list(self._left(child)) or [f"{path}/"]

    @property
    def runs(self) -> list[Run]:
        """Every run so far, oldest first."""
        return self.jobs.runs

    @property
    def active_runs(self) -> list[Run]:
        return self.jobs.active

    @property
    def running_clusters(self) -> list[str]:
        return self.clusters.running

    @property
    def cluster_starts(self) -> int:
        return len(self.clusters.starts)

    def task_log(self, run: Run) -> str:
        """Everything that the task of a run printed so far."""
        log = self.storage.runs / str(run.task_run_id) / "output.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def wait_until_idle(self, seconds: float = 10.0) -> None:
        """Wait until no run is active.

        Raises:
            TimeoutError: some still are.
        """
        deadline = time.monotonic() + seconds
        while self.active_runs:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still active after {seconds} s: {[run.run_id for run in self.active_runs]}")
            time.sleep(0.01)

    # What can go wrong

    def fail(self, method: str = "", path: str = "", status: int | None = None, **how: Any) -> Fault:
        """Put a fault in force: see `Fault` for its fields."""
        return self.faults.add(Fault(method, path, status, **how))

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Reset every connection within the context."""
        fault = self.fail(reset=True, times=None)
        try:
            yield
        finally:
            fault.times = 0

    def expire_tokens(self) -> None:
        """Make every token issued so far invalid; `token` and OAuth clients get new ones."""
        self.identity.expire()

    def kill_task(self, run: Run, number: int = signal.SIGKILL) -> None:
        """Send a signal to the task's processes: SIGKILL is what running out of memory looks like."""
        if run.process is None:
            raise ValueError(f"the task of run {run.run_id} has not started")
        run.process.signal(number)

    def lose_cluster(self, run: Run, reason: str = "SPOT_INSTANCE_TERMINATION") -> None:
        """Take the run's machine away, as the cloud does."""
        run.end_with(outcome.cluster_lost(run.cluster.cluster_id if run.cluster else "serverless", reason))

    def make_volumes_unwritable(self, seconds: float) -> None:
        """Let every write of a task on a volume fail with an input/output error for some seconds."""
        self._trouble_volumes(seconds, "write")

    def make_volumes_unreadable(self, seconds: float) -> None:
        """Let every read of a task on a volume fail like that as well: files, folders, and whether there are such."""
        self._trouble_volumes(seconds, "write", "read")

    def let_writes_land_and_fail(self, seconds: float) -> None:
        """Let files that tasks write on a volume appear there, and tell the task that they could not be written."""
        self._trouble_volumes(seconds, "close")

    def recover(self) -> None:
        """Let nothing go wrong from now on."""
        self.faults.clear()
        self._trouble_volumes(0.0)
        self.delay_task_files(0.0)
        self.ignore_cancel(False)
        self.hold_terminating(False)

    def _trouble_volumes(self, seconds: float, *operations: str) -> None:
        trouble = {"until": time.time() + seconds, "operations": operations}
        (self.storage.control / "trouble.new").write_text(json.dumps(trouble))
        (self.storage.control / "trouble.new").replace(self.storage.control / "trouble")

    def delay_task_files(self, seconds: float) -> None:
        """Show files that tasks write on volumes to API clients only after some seconds."""
        self.files.task_files_visible_after = seconds

    def ignore_cancel(self, ignored: bool = True) -> None:
        """Accept requests to cancel a run, and do nothing."""
        self.jobs.knobs.ignore_cancel = ignored

    def hold_terminating(self, held: bool = True) -> None:
        """Keep runs TERMINATING, without a result, after their task has ended."""
        (self.jobs.knobs.hold_terminating.set if held else self.jobs.knobs.hold_terminating.clear)()
