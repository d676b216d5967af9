"""Code on the volume and the main file in the workspace tree, uploaded once per content and again when damaged."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from dataclasses import asdict, dataclass, replace

from mlops_core.adapters.step_launcher.code_archive import CodeArchive, loaded_code
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.workspace import Workspace
from mlops_core.outside_json import NotOfThisKindError, of_kind

DAY_S = 86_400.0
MAIN_FILE = "mlops_core/adapters/step_launcher/remote/step_main.py"


@dataclass(frozen=True)
class StagedCode:
    """Where the code zip and the main file are; `size` of the zip in bytes.

    `used_at`, in epoch seconds, is refreshed once a day.
    """

    code: str
    main_file: str
    size: int = -1
    used_at: float = 0.0

    @classmethod
    def from_bytes(cls, data: bytes | None) -> StagedCode | None:
        """What the file on the volume says, or None when it says nothing: it is missing, torn or another version's."""
        try:
            return of_kind(cls, data) if data else None
        except NotOfThisKindError:
            return None


class CodeStage:
    """The code of this process: what its steps run is what it loaded, whatever the files become meanwhile."""

    def __init__(self, settings: LauncherSettings) -> None:
        self._settings, self._lock = settings, threading.Lock()

    @property
    def digest(self) -> str:
        """SHA-256 of the code; asks the workspace nothing."""
        return self._archive.digest

    def ensure(self, workspace: Workspace, log: logging.Logger) -> StagedCode:
        """Stage the code unless it is there as a whole, which costs three calls: only a Databricks run's start asks."""
        with self._lock:
            stem = f"{self._settings.volume}/code/{self.digest}"
            staged = StagedCode.from_bytes(workspace.get(f"{stem}.json"))
            if staged is None or not self._is_whole(workspace, staged):
                return self._stage(workspace, stem, log)
            if time.time() - staged.used_at < DAY_S:
                return staged
            return _noted(workspace, stem, staged)  # so that the clean-up does not take it from a cluster that starts

    def _stage(self, workspace: Workspace, stem: str, log: logging.Logger) -> StagedCode:
        main, code = self._main_file, self._archive.zipped()
        folder = self._settings.workspace_folder or f"{workspace.home()}/.dagster"
        staged = StagedCode(f"{stem}.zip", f"{folder}/step_main_{hashlib.sha256(main).hexdigest()[:16]}.py", len(code))
        workspace.put_source(staged.main_file, main)
        workspace.put(staged.code, code)
        log.info(f"Staged {len(self._archive.files)} files of code: {staged.code}, {len(code) / 1024:,.0f} KiB.")
        for remark in self._archive.remarks:
            log.warning(remark)
        return _noted(workspace, stem, staged)

    def _is_whole(self, workspace: Workspace, staged: StagedCode) -> bool:
        """Whether both files are there, as long as they were; what is within them, the cluster looks at."""
        is_there = workspace.size(staged.code) == staged.size
        return is_there and workspace.has_source(staged.main_file, len(self._main_file))

    @property
    def _main_file(self) -> bytes:
        """As it was loaded: it has to fit the code."""
        return dict(self._archive.files)[MAIN_FILE]

    @property
    def _archive(self) -> CodeArchive:
        return loaded_code(self._settings.staged_packages)


def _noted(workspace: Workspace, stem: str, staged: StagedCode) -> StagedCode:
    """Say that the code is there, and is used."""
    staged = replace(staged, used_at=time.time())
    workspace.put(f"{stem}.json", json.dumps(asdict(staged)).encode())
    return staged
