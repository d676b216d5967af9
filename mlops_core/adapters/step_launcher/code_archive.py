"""The project's code as one zip file that is the same, byte for byte, whenever the code is the same.

Its name is a digest of the files in it, so that a step that finds its code staged zips nothing.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SUFFIXES = frozenset({".py", ".sql", ".yml", ".yaml", ".json", ".toml", ".txt", ".j2"})
LEFT_OUT = frozenset(
    {"__pycache__", "venv", "node_modules", "data", "tests", "mlruns", "spark-warehouse", "build", "dist"}
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip file can hold
READABLE = 0o644 << 16


@dataclass(frozen=True)
class CodeArchive:
    """Files by their names in the zip, sorted."""

    files: tuple[tuple[str, bytes], ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names and contents; the cluster's main file computes the same."""
        digest = hashlib.sha256()
        for name, content in self.files:
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def zipped(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files:
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, READABLE
                archive.writestr(entry, content)
        return buffer.getvalue()


def build_code_archive(packages: Iterable[Path]) -> CodeArchive:
    """The code in the folders of import packages, each under its own name.

    Only suffixes that code has are taken, and nothing from hidden folders, virtual environments, data or tests.

    Raises:
        ValueError: a folder is not an import package.
    """
    files: dict[str, bytes] = {}
    for package in packages:
        if not (package / "__init__.py").is_file():
            raise ValueError(f"{package} has no __init__.py: name the folder of an import package.")
        for file in _code_files(package):
            files[f"{package.name}/{file.relative_to(package).as_posix()}"] = file.read_bytes()
    return CodeArchive(tuple(sorted(files.items())))


def _code_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in LEFT_OUT or path.is_symlink():
            continue
        if path.is_dir():
            yield from _code_files(path)
        elif path.suffix in SUFFIXES:
            yield path
