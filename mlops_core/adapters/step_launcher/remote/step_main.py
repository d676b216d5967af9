"""The file that Databricks starts: unpack the staged code and hand over to the worker in it.

Arguments are `name=value`: `code` is the zip on the volume, `module` the worker's module; the rest is the worker's.
Standard library only, so that whatever is wrong with the cluster's packages is found and said by the staged code.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import sys
import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip that is named by the SHA-256 of its files' names and contents.

    Raises:
        ValueError: its content is not what its name says; then it is removed, so that the host stages it again.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as code:
            if digest_of(code) != archive.stem:
                raise ValueError("its content is not what its name says")
            code.extractall(folder)
    except (FileNotFoundError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        with suppress(OSError):
            archive.unlink(missing_ok=True)
        raise ValueError(f"{archive} is not the code that was staged: the next attempt stages it again.") from error


def digest_of(code: zipfile.ZipFile) -> str:
    """SHA-256 of the names and contents of an archive's files."""
    digest = hashlib.sha256()
    for name in sorted(code.namelist()):
        content = code.read(name)
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def main(arguments: list[str], dbutils: Any) -> None:
    options = dict(argument.split("=", 1) for argument in arguments)
    with tempfile.TemporaryDirectory(prefix="dagster-code-", ignore_cleanup_errors=True) as folder:
        unpack(Path(options["code"]), Path(folder))
        sys.path.insert(1, folder)  # Dagster takes sys.path[0] for the script's folder, and hides it from definitions
        importlib.import_module(options["module"]).main(options, dbutils)


if __name__ == "__main__":
    main(sys.argv[1:], globals().get("dbutils"))  # a runtime puts dbutils among the globals of the main file
