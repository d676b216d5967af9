"""The project's code as one zip file that is the same, byte for byte, whenever the code is the same."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".py", ".sql", ".yml", ".yaml", ".json", ".toml", ".txt", ".j2"})
LEFT_OUT = frozenset(
    {"__pycache__", "venv", "node_modules", "data", "tests", "mlruns", "spark-warehouse", "build", "dist"}
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip file can hold
READABLE = 0o644 << 16


@dataclass(frozen=True)
class CodeArchive:
    """A zip of import packages, and its SHA-256 as the name of this content."""

    content: bytes
    digest: str


def build_code_archive(packages: Iterable[Path]) -> CodeArchive:
    """Zip the folders of import packages, each under its own name.

    Only suffixes that code has are taken, and nothing from hidden folders, virtual environments, data or tests.

    Raises:
        ValueError: a folder is not an import package.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in sorted(packages, key=lambda folder: folder.name):
            if not (package / "__init__.py").is_file():
                raise ValueError(f"{package} has no __init__.py: name the folder of an import package.")
            for file in _code_files(package):
                entry = zipfile.ZipInfo(f"{package.name}/{file.relative_to(package).as_posix()}", EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, READABLE
                archive.writestr(entry, file.read_bytes())
    content = buffer.getvalue()
    return CodeArchive(content, hashlib.sha256(content).hexdigest())


def _code_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in LEFT_OUT or path.is_symlink():
            continue
        if path.is_dir():
            yield from _code_files(path)
        elif path.suffix in SUFFIXES:
            yield path
