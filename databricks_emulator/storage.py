"""Where the emulated workspace keeps its files on this machine, and which of its paths is which file.

Every path of the workspace has one place: `/Volumes/<catalog>/<schema>/<volume>/...`, `/Workspace/...`, `/dbfs/...`.
The tasks' own file functions use the same mapping (`runtime/emulated/paths.py`).
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

PARTIAL = ".partial-"  # a file that a task has open for writing on a volume: not there for anyone until it is closed


@dataclass(frozen=True)
class Storage:
    folder: Path

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    @property
    def tree(self) -> Path:
        """The Workspace tree: files and notebooks."""
        return self.folder / "workspace"

    @property
    def dbfs(self) -> Path:
        return self.folder / "dbfs"

    @property
    def tables(self) -> Path:
        """Managed tables: Delta folders `<catalog>/<schema>/<table>`."""
        return self.folder / "tables"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def clusters(self) -> Path:
        return self.folder / "clusters"

    @property
    def runtime(self) -> Path:
        """The copy of the emulated runtime that tasks import: they can't see the host's source."""
        return self.folder / "runtime"

    @property
    def control(self) -> Path:
        """Files by which the emulator changes how the volumes behave for running tasks."""
        return self.folder / "control"

    def make(self) -> None:
        for folder in (self.volumes, self.tree, self.dbfs, self.tables, self.secrets, self.runs, self.clusters):
            folder.mkdir(parents=True, exist_ok=True)
        self.control.mkdir(exist_ok=True)

    def volume_path(self, path: str) -> Path:
        """The file of `/Volumes/...`."""
        return self.volumes / normalized(path).removeprefix("/Volumes").lstrip("/")

    def tree_path(self, path: str) -> Path:
        """The file of `/Workspace/...`; the prefix may be left out, as in the Workspace API."""
        return self.tree / normalized(path).removeprefix("/Workspace").lstrip("/")

    def file(self, path: str) -> Path:
        """The file behind any path that a client may write."""
        found = mounted(path)
        if found.startswith("/Volumes/"):
            return self.volume_path(found)
        if found.startswith("/dbfs/"):
            return self.dbfs_path(found.removeprefix("/dbfs"))
        return self.tree_path(found)

    def dbfs_path(self, path: str) -> Path:
        """The file of `dbfs:/...` or `/...`, as in the DBFS API."""
        return self.dbfs / normalized(path.removeprefix("dbfs:")).lstrip("/")


def normalized(path: str) -> str:
    """An absolute path without doubled slashes and without `..`."""
    return posixpath.normpath("/" + path.lstrip("/"))


def mounted(path: str) -> str:
    """The path under which a task has the file that a client names: `dbfs:/...` is `/dbfs/...`, but volumes are theirs.

    Paths of the Workspace tree may come without `/Workspace`.
    """
    if path.startswith("dbfs:"):
        plain = normalized(path.removeprefix("dbfs:"))
        return plain if plain.startswith("/Volumes/") else f"/dbfs{plain}"
    return path if path.startswith(("/Volumes/", "/Workspace/", "/dbfs/")) else f"/Workspace{normalized(path)}"


def milliseconds(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def visible_children(folder: Path) -> list[Path]:
    """The sorted content of a folder, without files that are still being written."""
    return sorted(child for child in folder.iterdir() if not child.name.startswith(PARTIAL))
