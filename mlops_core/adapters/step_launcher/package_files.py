"""Which files of an import package are its code.

What git tracks of it, with the working tree's contents, and new modules that git does not ignore. Of a package that
is not committed yet, all files are new. Outside of a repository (a wheel, an image) it is everything but caches, for
whoever built that has chosen. What looks like a secret is left out everywhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlops_core.adapters.step_launcher.git_files import files_of_git
from mlops_core.looks_secret import is_secret_file

MODULE = "__init__.py"
LARGEST = 20 * 2**20  # bytes
NAMED = 8  # files that a remark names


@dataclass
class PackageFiles:
    """Names relative to the package, and a sentence about each kind of file that is not as one may think."""

    package: Path
    names: set[str]
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, which: Callable[[str], bool], why: str) -> None:
        left = {name for name in self.names if which(name)}
        self.names -= left
        self.remark(left, f"not staged because {why}")

    def remark(self, names: Iterable[str], what: str) -> None:
        ordered = sorted(map(_shown, names))
        more = [f"and {len(ordered) - NAMED} more"] if len(ordered) > NAMED else []
        if ordered:
            self.remarks.append(f"Of {self.package.name}, {what}: {', '.join([*ordered[:NAMED], *more])}.")


def files_of(package: Path) -> PackageFiles:
    """The files of an import package's code.

    Raises:
        ValueError: the folder is not an import package.
    """
    if not (package / MODULE).is_file():
        raise ValueError(f"{package} has no {MODULE}: name the folder of an import package.")
    found = _candidates(package)
    found.leave_out(is_secret_file, "its name is that of a secret")
    stats = _stats(package, found.names)
    found.names = set(stats)
    found.leave_out(lambda name: stat.S_ISLNK(stats[name].st_mode), "it is a link, and not the file")
    found.leave_out(lambda name: stat.S_ISDIR(stats[name].st_mode), "it is another repository (stage its package too)")
    found.leave_out(lambda name: not stat.S_ISREG(stats[name].st_mode), "it is no file")
    found.leave_out(lambda name: _shown(name) != name, "its name is no UTF-8")
    found.leave_out(lambda name: stats[name].st_size > LARGEST, f"it has more than {LARGEST // 2**20} MB")
    return found


def _stats(package: Path, names: Iterable[str]) -> dict[str, os.stat_result]:
    """Of what there is: git also tracks what was removed."""
    found = {}
    for name in names:
        with suppress(FileNotFoundError):
            found[name] = os.lstat(f"{package}/{name}")
    return found


def _candidates(package: Path) -> PackageFiles:
    of_git = files_of_git(package)
    new = {name for name in of_git.new if not _is_hidden_or_cache(name)}
    if MODULE in new:
        return PackageFiles(package, new)
    if MODULE not in of_git.tracked:
        return PackageFiles(package, set(_walked(package)), list(of_git.trouble))
    found = PackageFiles(package, {*of_git.tracked, *(name for name in new if name.endswith(".py"))})
    found.remark(new & found.names, "staged though git does not track it yet")
    found.remark(new - found.names, "not staged because git does not track it (git add what steps need)")
    return found


def _walked(folder: Path, within: str = "") -> Iterator[str]:
    """Every file but hidden ones, caches, and what belongs to a virtual environment."""
    for path in folder.iterdir():
        if _is_hidden_or_cache(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            if not (path / "pyvenv.cfg").exists():
                yield from _walked(path, f"{within}{path.name}/")
        else:
            yield f"{within}{path.name}"


def _is_hidden_or_cache(name: str) -> bool:
    parts = name.split("/")  # the last one is empty for a repository within this one
    return name.endswith((".pyc", ".pyo")) or any(part.startswith(".") or part == "__pycache__" for part in parts)


def _shown(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
