"""What the process of a run's task gets: its files, its environment variables, and what it may see and import."""

from __future__ import annotations

import re
import shutil
import site
import sys
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from databricks_emulator import libraries
from databricks_emulator.process import RESULT, TaskProcess
from databricks_emulator.runs import Run
from databricks_emulator.runtime.emulated.config import Config
from databricks_emulator.settings import Settings
from databricks_emulator.storage import Storage

RUNTIME = Path(__file__).with_name("runtime")
SECRET = re.compile(r"\{\{secrets/([^/}]+)/([^/}]+)\}\}")
PATH = "/usr/local/bin:/usr/bin:/bin"


class TaskLaunchpad:
    """Starts tasks as separate processes of this machine's interpreter."""

    def __init__(self, storage: Storage, settings: Settings, metastore: str) -> None:
        self._storage, self._settings, self._metastore = storage, settings, metastore

    def make(self) -> None:
        """Copy the runtime out of the project, which tasks must not see."""
        shutil.copytree(RUNTIME, self._storage.runtime, ignore=shutil.ignore_patterns("__pycache__"))
        for name, folder in self._settings.stand_ins.items():
            shutil.copytree(folder, self._storage.runtime / f"library-{name}")

    def prepare(self, run: Run) -> None:
        """Check what can fail before the task starts.

        Raises:
            LibraryError: a library can't be installed.
            FileNotFoundError: the Python file is not there.
            KeyError: a secret that the cluster refers to does not exist; its argument says which.
        """
        installation = self._installation(run)
        libraries.check(installation, self._settings.versions, self._settings.stand_ins)
        run.replaced = libraries.replaced(installation)
        if not self._storage.file(run.submission.python_file).is_file():
            raise FileNotFoundError(run.submission.python_file)
        self._cluster_variables(run)

    def launch(self, run: Run) -> TaskProcess:
        folder = self._storage.runs / str(run.task_run_id)
        folder.mkdir(parents=True)
        machine = self._machine(run)
        driver = machine / "driver"
        driver.mkdir(parents=True, exist_ok=True)
        return TaskProcess.start(
            folder, self._config(run, folder, machine), self._variables(run, machine), driver, self._storage.runtime
        )

    def _machine(self, run: Run) -> Path:
        """The disk of the driver: of the run's cluster, or the run's own on serverless."""
        folder = run.cluster.folder if run.cluster else self._storage.clusters / f"serverless-{run.run_id}"
        for name in ("tmp", "home"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return folder

    def _variables(self, run: Run, machine: Path) -> dict[str, str]:
        """The whole environment: nothing of the host's."""
        version = run.submission.environment_version
        version = run.cluster.runtime_version if run.cluster else f"client.{version}.0"
        basic = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(machine / "home"), "TMPDIR": str(machine / "tmp")}
        serverless = {} if run.cluster else {"IS_SERVERLESS": "TRUE"}
        chosen = {**self._settings.environment, **self._cluster_variables(run)}
        return {**basic, "DATABRICKS_RUNTIME_VERSION": version, "PYTHONUNBUFFERED": "1", **serverless, **chosen}

    def _cluster_variables(self, run: Run) -> dict[str, str]:
        """`spark_env_vars`, with references to secrets replaced by their values."""
        given: Mapping[str, str] = (run.cluster.spec.get("spark_env_vars") if run.cluster else None) or {}
        return {name: SECRET.sub(lambda match: self._secret(match[1], match[2]), text) for name, text in given.items()}

    def _secret(self, scope: str, key: str) -> str:
        file = self._storage.secrets / scope / key
        if not file.is_file():
            raise KeyError(f"Secret does not exist with scope: {scope} and key: {key}")
        return file.read_text()

    def _installation(self, run: Run) -> libraries.Installation:
        dependencies = run.submission.environment.get("dependencies") or []
        return libraries.requested(
            run.submission.task.get("libraries") or [], dependencies, lambda path: self._storage.file(path).read_text()
        )

    def _config(self, run: Run, folder: Path, machine: Path) -> Config:
        installation = self._installation(run)
        ml_packages = self._settings.ml_packages if run.cluster and run.cluster.is_for_ml else ()
        packages = (*self._settings.packages, *ml_packages)
        blocked, distributions = libraries.hidden(installation, packages, self._settings.withheld)
        asked = [f"library-{name}" for name in self._settings.stand_ins if name in installation.names]
        modules = [self._storage.runtime / name for name in ("modules", *asked)]
        modules += map(self._storage.file, installation.wheels)
        return Config(
            mounts=self._mounts(run, machine),
            absent=str(self._storage.folder / "absent"),
            hidden=[str(path) for path in self._settings.hidden],
            visible=self._visible(),
            control=str(self._storage.control),
            installed=site.getsitepackages(),
            blocked=blocked,
            blocked_distributions=distributions,
            versions={canonicalize_name(name): version for name, version in self._settings.versions.items()},
            modules=[str(path) for path in modules],
            tables=str(self._storage.tables),
            secrets=str(self._storage.secrets),
            metastore=self._metastore,
            has_spark_context=bool(run.cluster and run.cluster.has_spark_context),
            python_file=run.submission.python_file,
            parameters=run.submission.parameters,
            result=str(folder / RESULT),
            lifeline=-1,
        )

    def _mounts(self, run: Run, machine: Path) -> dict[str, str]:
        """A cluster without a Unity Catalog access mode sees no volumes; DBFS is there when its root is enabled."""
        absent = self._storage.folder / "absent"
        has_volumes = run.cluster is None or run.cluster.has_unity_catalog
        return {
            "/Volumes": str(self._storage.volumes if has_volumes else absent),
            "/Workspace": str(self._storage.tree),
            "/dbfs": str(self._storage.dbfs if self._settings.dbfs_root else absent),
            "/tmp": str(machine / "tmp"),
        }

    def _visible(self) -> list[str]:
        """What tasks see although it may be below a hidden or mounted folder: the interpreter and the workspace."""
        folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages(), self._storage.folder]
        folders += [path for path in map(Path, self._settings.environment.values()) if path.is_absolute()]
        return sorted({str(path) for folder in folders for path in (Path(folder), Path(folder).resolve())})
