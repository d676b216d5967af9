"""Code on the volume and the main file in the workspace tree, uploaded once per content."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mlops_core.adapters.step_launcher.code_archive import CodeArchive, build_code_archive
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.workspace import Workspace

DAY_S = 86_400.0
MAIN_FILE = Path(__file__).parent / "remote" / "step_main.py"


@dataclass(frozen=True)
class StagedCode:
    """Where the code zip and the main file are; `used_at`, in epoch seconds, is refreshed once a day."""

    code: str
    main_file: str
    used_at: float = 0.0


class CodeStage:
    """The code of this process, read once: what it runs is what it loaded, whatever the files become meanwhile."""

    def __init__(self, settings: LauncherSettings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._archive: CodeArchive | None = None
        self._staged: StagedCode | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the code; asks the workspace nothing."""
        with self._lock:
            return self._code().digest

    def ensure(self, workspace: Workspace) -> StagedCode:
        """Stage the code unless it is; costs one call when another process did, none when this one did."""
        with self._lock:
            if self._staged is None:
                self._staged = self._ensure(workspace)
            return self._staged

    def _ensure(self, workspace: Workspace) -> StagedCode:
        digest = self._code().digest
        stem = f"{self._settings.volume}/code/{digest}"
        if (known := workspace.get(f"{stem}.json")) is None:
            return self._stage(workspace, stem)
        staged = StagedCode(**json.loads(known))
        if time.time() - staged.used_at < DAY_S:
            return staged
        return self._note(workspace, stem, staged)  # so that the clean-up does not take it from a cluster that starts

    def _stage(self, workspace: Workspace, stem: str) -> StagedCode:
        main = MAIN_FILE.read_bytes()
        folder = self._settings.workspace_folder or f"{workspace.home()}/.dagster"
        staged = StagedCode(f"{stem}.zip", f"{folder}/step_main_{hashlib.sha256(main).hexdigest()[:16]}.py")
        workspace.put_source(staged.main_file, main)
        workspace.put(staged.code, self._code().zipped())
        return self._note(workspace, stem, staged)

    def _note(self, workspace: Workspace, stem: str, staged: StagedCode) -> StagedCode:
        """Say that the code is there, and is used."""
        staged = replace(staged, used_at=time.time())
        workspace.put(f"{stem}.json", json.dumps(asdict(staged)).encode())
        return staged

    def _code(self) -> CodeArchive:
        self._archive = self._archive or build_code_archive(self._settings.staged_packages)
        return self._archive
