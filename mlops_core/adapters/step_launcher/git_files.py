"""What git says of a folder's files."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

LIST = ("ls-files", "-z", "--stage", "--others", "--exclude-standard")
STAGED = re.compile(r"\d{6} [0-9a-f]+ \d\t(.*)", re.DOTALL)  # mode, digest, stage, and a name after the tab
OF_ANOTHER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # set in a hook, for its own repository
PATIENCE_S = 20


@dataclass(frozen=True)
class FilesOfGit:
    """What git tracks, and what it neither tracks nor ignores; `trouble` says why a repository says nothing."""

    tracked: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    trouble: tuple[str, ...] = ()


def files_of_git(folder: Path) -> FilesOfGit:
    """Names relative to a folder; none outside of a repository."""
    environ = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    try:
        asked = ["git", "-C", str(folder), *LIST]
        said = subprocess.run(asked, capture_output=True, check=True, env=environ, timeout=PATIENCE_S).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return FilesOfGit(trouble=_trouble(folder, error))
    lines = [line for line in os.fsdecode(said).split("\0") if line]
    staged = [STAGED.fullmatch(line) for line in lines]
    new = (line for line, match in zip(lines, staged, strict=True) if match is None)
    return FilesOfGit(frozenset(match[1] for match in staged if match), frozenset(new))


def _trouble(folder: Path, error: Exception) -> tuple[str, ...]:
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return ()
    why = os.fsdecode(getattr(error, "stderr", None) or b"").strip() or str(error)
    return (f"Git did not say what it tracks of {folder}, so all but caches and hidden files is staged: {why}",)
