"""The DBFS API; its root is disabled unless asked for, as it is in new workspaces."""

from __future__ import annotations

import base64
import shutil
from itertools import count
from pathlib import Path

from databricks.sdk.service.files import (
    CreateResponse,
    DbfsAPI,
    FileInfo,
    ListStatusResponse,
    ReadResponse,
)

from databricks_emulator.api import ApiError, Call, invalid, route
from databricks_emulator.storage import Storage, milliseconds, normalized

BASE = "/api/2.0/dbfs"
LARGEST_BLOCK = 2**20  # bytes of one add-block, put or read


def check_root(path: str, is_enabled: bool) -> None:
    """Refuse a path of DBFS when the root is disabled."""
    if not is_enabled:
        raise ApiError(403, "PERMISSION_DENIED", f"Public DBFS root is disabled. Access is denied on path: {path}")


class Dbfs:
    def __init__(self, storage: Storage, is_enabled: bool) -> None:
        self._storage, self._is_enabled = storage, is_enabled
        self._handles: dict[int, Path] = {}
        self._ids = count(1)

    @route("POST", f"{BASE}/create", DbfsAPI.create)
    def create(self, call: Call) -> CreateResponse:
        path = self._new(call)
        path.write_bytes(b"")
        handle = next(self._ids)
        self._handles[handle] = path
        return CreateResponse(handle=handle)

    @route("POST", f"{BASE}/add-block", DbfsAPI.add_block)
    def add_block(self, call: Call) -> None:
        with self._handle(call).open("ab") as file:
            file.write(_block(call["data"]))

    @route("POST", f"{BASE}/close", DbfsAPI.close)
    def close(self, call: Call) -> None:
        self._handle(call)
        del self._handles[call["handle"]]

    @route("POST", f"{BASE}/put", DbfsAPI.put)
    def put(self, call: Call) -> None:
        self._new(call).write_bytes(_block(call.get("contents") or ""))

    @route("GET", f"{BASE}/read", DbfsAPI.read)
    def read(self, call: Call) -> ReadResponse:
        path = self._existing(call["path"])
        if path.is_dir():
            raise invalid(f"Cannot read a directory: {call['path']}")
        length = min(call.get("length") or LARGEST_BLOCK, LARGEST_BLOCK)
        with path.open("rb") as file:
            file.seek(call.get("offset") or 0)
            data = file.read(length)
        return ReadResponse(bytes_read=len(data), data=base64.b64encode(data).decode())

    @route("GET", f"{BASE}/get-status", DbfsAPI.get_status)
    def get_status(self, call: Call) -> FileInfo:
        return self._info(self._existing(call["path"]))

    @route("GET", f"{BASE}/list", DbfsAPI.list)
    def list(self, call: Call) -> ListStatusResponse:
        path = self._existing(call["path"])
        children = sorted(path.iterdir()) if path.is_dir() else [path]
        return ListStatusResponse(files=[self._info(child) for child in children])

    @route("POST", f"{BASE}/mkdirs", DbfsAPI.mkdirs)
    def mkdirs(self, call: Call) -> None:
        self._path(call["path"]).mkdir(parents=True, exist_ok=True)

    @route("POST", f"{BASE}/delete", DbfsAPI.delete)
    def delete(self, call: Call) -> None:
        path = self._path(call["path"])
        if path.is_file():
            path.unlink()
        elif path.is_dir() and any(path.iterdir()) and not call.get("recursive"):
            raise ApiError(400, "IO_ERROR", f"Directory {call['path']} is not empty")
        elif path.is_dir():
            shutil.rmtree(path)

    def _path(self, path: str) -> Path:
        check_root(path, self._is_enabled)
        return self._storage.dbfs_path(path)

    def _existing(self, path: str) -> Path:
        found = self._path(path)
        if not found.exists():
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"No file or directory exists on path {normalized(path)}.")
        return found

    def _new(self, call: Call) -> Path:
        path = self._path(call["path"])
        if path.exists() and not call.get("overwrite"):
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"A file or directory already exists at {call['path']}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _handle(self, call: Call) -> Path:
        if call["handle"] not in self._handles:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"No stream is open for the handle {call['handle']}.")
        return self._handles[call["handle"]]

    def _info(self, path: Path) -> FileInfo:
        name = "/" + path.relative_to(self._storage.dbfs).as_posix()
        size = 0 if path.is_dir() else path.stat().st_size
        return FileInfo(path=name, is_dir=path.is_dir(), file_size=size, modification_time=milliseconds(path))


def _block(data: str) -> bytes:
    block = base64.b64decode(data)
    if len(block) > LARGEST_BLOCK:
        raise ApiError(
            400, "MAX_BLOCK_SIZE_EXCEEDED", f"The block has {len(block)} bytes; the most is {LARGEST_BLOCK}."
        )
    return block
