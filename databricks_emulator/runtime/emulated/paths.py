"""`/Volumes`, `/Workspace`, `/dbfs` and `/tmp` without mounting anything: Python's file functions are redirected.

Not everyone may mount file systems, so the functions of `os`, `open` and what the import system uses are wrapped: a
path below a mount leads to the emulator's folder, a path of the host's source leads nowhere. Native code that opens
files by itself is not redirected. On a volume, as on Databricks, a file opened for writing appears when it is closed,
and appending or changing in place is refused.
"""

from __future__ import annotations

import _io
import builtins
import errno
import io
import json
import os
import posixpath
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from emulated.config import Config

READING = ("stat", "lstat", "listdir", "scandir", "access", "chdir", "readlink", "statvfs")
WRITING = ("mkdir", "rmdir", "remove", "unlink", "chmod", "utime", "truncate")
PAIRS = ("rename", "replace", "link", "symlink")
PARTIAL = ".partial-"
VOLUMES = "/Volumes"


class PathMap:
    """From the runtime's paths to this machine's."""

    def __init__(self, config: Config) -> None:
        self._mounts = {mount: folder.rstrip("/") for mount, folder in config.mounts.items()}
        self._prefixes = tuple(self._mounts)
        self._hidden, self._visible = tuple(config.hidden), tuple(config.visible)
        self._absent = config.absent
        self._trouble = os.path.join(config.control, "trouble")  # noqa: PTH118 - pathlib is not redirected yet

    def translate(self, path: Any) -> Any:
        """Where the file of `path` is; anything that is not an absolute path comes back as it is."""
        if not isinstance(path, str | bytes | os.PathLike):
            return path
        name = os.fsdecode(path)
        if not name.startswith(self._prefixes) and not name.startswith(self._hidden):
            return path
        name = "/" + posixpath.normpath(name).lstrip("/")
        if _below(name, self._visible):
            return name
        for mount, folder in self._mounts.items():
            if _below(name, (mount,)):
                return folder + name[len(mount) :]
        return self._absent + name if _below(name, self._hidden) else path

    def check(self, path: Any, operation: str) -> None:
        """Fail as the file system of a volume does while the emulator lets a `read`, `write` or `close` fail."""
        if not is_on_volume(path) or not _exists(self._trouble):
            return
        with _open(self._trouble, encoding="utf-8") as file:
            trouble = json.load(file)
        if operation in trouble["operations"] and time.time() < trouble["until"]:
            raise OSError(errno.EIO, os.strerror(errno.EIO), os.fspath(path))


def map_paths(config: Config) -> None:
    """Redirect the file functions of this process."""
    mapped = PathMap(config)
    import posix

    for name in (*READING, *WRITING):
        _replace(name, _one_path(getattr(posix, name), mapped, name in WRITING), posix)
    for name in PAIRS:
        _replace(name, _two_paths(getattr(posix, name), mapped), posix)
    _replace("open", _low_level_open(posix.open, mapped), posix)
    _io.open_code = io.open_code = _one_path(io.open_code, mapped, False)
    builtins.open = io.open = _io.open = _mapped_open(mapped)
    if "tokenize" in sys.modules:  # it keeps its own reference, and tracebacks read source lines through it
        sys.modules["tokenize"]._builtin_open = builtins.open


def is_on_volume(path: Any) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(VOLUMES)


def _below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def _replace(name: str, function: Callable[..., Any], posix: Any) -> None:
    """Both modules: `os` is what people call, `posix` is what the import system calls."""
    setattr(posix, name, function)
    setattr(os, name, function)
    for supported in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if function.__wrapped__ in supported:  # type: ignore[attr-defined]
            supported.add(function)


def _one_path(function: Callable[..., Any], mapped: PathMap, writes: bool) -> Callable[..., Any]:
    @wraps(function)
    def redirected(path: Any = ".", *rest: Any, **options: Any) -> Any:
        mapped.check(path, "write" if writes else "read")
        with _named(path):
            return function(mapped.translate(path), *rest, **options)

    return redirected


def _two_paths(function: Callable[..., Any], mapped: PathMap) -> Callable[..., Any]:
    @wraps(function)
    def redirected(source: Any, target: Any, *rest: Any, **options: Any) -> Any:
        mapped.check(target, "write")
        with _named(source):
            return function(mapped.translate(source), mapped.translate(target), *rest, **options)

    return redirected


def _low_level_open(function: Callable[..., int], mapped: PathMap) -> Callable[..., int]:
    @wraps(function)
    def redirected(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        mapped.check(path, "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read")
        if flags & os.O_APPEND and is_on_volume(path):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), os.fspath(path))
        with _named(path):
            return function(mapped.translate(path), flags, *rest, **options)

    return redirected


def _mapped_open(mapped: PathMap) -> Callable[..., Any]:
    @wraps(_open)
    def redirected(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if not is_on_volume(file) or mode in ("r", "rb", "rt"):
            mapped.check(file, "read")
            with _named(file):
                return _open(mapped.translate(file), mode, *rest, **options)
        if "a" in mode or "+" in mode:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), os.fspath(file))
        mapped.check(file, "write")
        with _named(file):
            closing = partial(mapped.check, file, "close")
            return _open_whole(os.fsdecode(mapped.translate(file)), closing, mode, *rest, **options)

    return redirected


def _open_whole(
    path: str, closing: Callable[[], None], mode: str, buffering: int = -1, *text: Any, **options: Any
) -> Any:
    """Open a file that takes its place when it is closed."""
    if "x" in mode and _exists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    raw = _WholeFile(path, closing)
    if "b" in mode:
        return raw if buffering == 0 else io.BufferedWriter(raw)
    return io.TextIOWrapper(io.BufferedWriter(raw), *text, line_buffering=buffering == 1, **options)


class _WholeFile(io.FileIO):
    """Writes beside its place and moves there when closed; `closing` may then still fail."""

    def __init__(self, path: str, closing: Callable[[], None]) -> None:
        folder, name = posixpath.split(path)
        self._path, self._closing = path, closing
        self._partial = posixpath.join(folder, f"{PARTIAL}{uuid.uuid4().hex}-{name}"[:255])
        super().__init__(self._partial, "w")

    def close(self) -> None:
        if not self.closed:
            super().close()
            _posix_replace(self._partial, self._path)
            self._closing()


class _named:  # noqa: N801 - used as a context manager, like contextlib.suppress
    """Errors name the path that the task gave, not the one of this machine."""

    def __init__(self, path: Any) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
            error.filename = self._path


_open, _exists, _posix_replace = io.open, os.path.exists, os.replace
