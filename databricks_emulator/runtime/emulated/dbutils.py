"""`dbutils`: secrets, and the file functions that need no more than the redirected paths."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

from emulated.config import Config

FileInfo = namedtuple("FileInfo", ("path", "name", "size", "modificationTime"))
SecretMetadata = namedtuple("SecretMetadata", ("key",))
SecretScope = namedtuple("SecretScope", ("name",))


class IllegalArgumentException(Exception):  # noqa: N818 - the name that the runtime gives it
    """What the runtime raises for a secret that does not exist."""


class DbUtils:
    def __init__(self, config: Config) -> None:
        self.secrets = Secrets(config.secrets)
        self.fs = Fs()


class Secrets:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def get(self, scope: str, key: str) -> str:
        return self.getBytes(scope, key).decode()

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802
        try:
            return (self._folder / scope / key).read_bytes()
        except FileNotFoundError:
            message = f"Secret does not exist with scope: {scope} and key: {key}"
            raise IllegalArgumentException(message) from None

    def list(self, scope: str) -> list[SecretMetadata]:
        return [SecretMetadata(secret.name) for secret in sorted((self._folder / scope).iterdir())]

    def listScopes(self) -> list[SecretScope]:  # noqa: N802
        return [SecretScope(scope.name) for scope in sorted(self._folder.iterdir())]


class Fs:
    """The file functions of `dbutils.fs`, for paths of volumes and of DBFS."""

    def ls(self, path: str) -> list[FileInfo]:
        return [_info(child) for child in sorted(_local(path).iterdir())]

    def head(self, path: str, maxBytes: int = 65536) -> str:  # noqa: N803
        with _local(path).open("rb") as file:
            return file.read(maxBytes).decode()

    def put(self, path: str, contents: str, overwrite: bool = False) -> bool:
        _local(path).parent.mkdir(parents=True, exist_ok=True)
        with _local(path).open("w" if overwrite else "x") as file:
            file.write(contents)
        return True

    def mkdirs(self, path: str) -> bool:
        _local(path).mkdir(parents=True, exist_ok=True)
        return True

    def cp(self, source: str, target: str, recurse: bool = False) -> bool:
        (shutil.copytree if recurse else shutil.copyfile)(_local(source), _local(target))
        return True

    def mv(self, source: str, target: str, recurse: bool = False) -> bool:
        return self.cp(source, target, recurse) and self.rm(source, recurse)

    def rm(self, path: str, recurse: bool = False) -> bool:
        found = _local(path)
        if not found.exists():
            return False
        if not found.is_dir():
            found.unlink()
        elif recurse:
            shutil.rmtree(found)
        else:
            found.rmdir()
        return True


def _info(path: Path) -> FileInfo:
    status, ending = path.stat(), "/" if path.is_dir() else ""
    size = 0 if ending else status.st_size
    return FileInfo(f"dbfs:{path}{ending}", path.name + ending, size, int(status.st_mtime * 1000))


def _local(path: str) -> Path:
    """`dbfs:/Volumes/...` is the volume, other `dbfs:` paths are DBFS."""
    if path.startswith("dbfs:/Volumes"):
        return Path(path.removeprefix("dbfs:"))
    return Path("/dbfs" + path.removeprefix("dbfs:") if path.startswith("dbfs:") else path.removeprefix("file:"))
