"""The project's code as one zip file that is the same, byte for byte, whenever the code is the same.

Its name is a digest of the files in it, so that a step that finds its code staged zips nothing.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from mlops_core.adapters.step_launcher.package_files import files_of

EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip file can hold
READABLE = 0o644 << 16


@dataclass(frozen=True)
class CodeArchive:
    """Files by their names in the zip, sorted, and sentences about what is left out or new."""

    files: tuple[tuple[str, bytes], ...]
    remarks: tuple[str, ...] = ()

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


@cache
def loaded_code(packages: tuple[Path, ...]) -> CodeArchive:
    """The code as it was when this process asked first, which is when it loaded the definitions.

    A process that is forked from this one has the same, whatever the files have become.
    """
    return build_code_archive(packages)


def build_code_archive(packages: Iterable[Path]) -> CodeArchive:
    """The code in the folders of import packages, each under its own name.

    Raises:
        ValueError: a folder is not an import package, or two have the same name.
    """
    folders = list(packages)
    twice = [name for name, times in Counter(folder.name for folder in folders).items() if times > 1]
    if twice:
        raise ValueError(f"Two packages are named {twice[0]}, and one would replace the other: rename one.")
    found = [files_of(folder) for folder in folders]
    files = {f"{of.package.name}/{name}": Path(of.package, name).read_bytes() for of in found for name in of.names}
    return CodeArchive(tuple(sorted(files.items())), tuple(remark for of in found for remark in of.remarks))
