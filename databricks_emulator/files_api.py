"""The Files API: files and directories on Unity Catalog volumes.

A volume is object storage: uploading makes the missing directories, and a directory is removed only when empty.
"""

from __future__ import annotations

import mimetypes
import re
import shutil
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

from databricks.sdk.service.files import DirectoryEntry, FilesAPI, ListDirectoryResponse

from databricks_emulator.api import ApiError, Call, Response, invalid, route
from databricks_emulator.storage import (
    PARTIAL,
    Storage,
    milliseconds,
    normalized,
    visible_children,
)
from databricks_emulator.unity_catalog import UnityCatalog

FILES = "/api/2.0/fs/files{file_path...}"
DIRECTORIES = "/api/2.0/fs/directories{directory_path...}"
DEFAULT_PAGE, LONGEST_PAGE = 1000, 1000
VOLUME_PARTS = 5  # "", "Volumes", catalog, schema, volume


class FilesService:
    def __init__(self, storage: Storage, catalog: UnityCatalog, clock_ahead: float = 0.0) -> None:
        self._storage, self._catalog, self._clock_ahead = storage, catalog, clock_ahead
        self._uploaded: dict[Path, int] = {}  # when the API wrote a file: what it wrote is visible at once
        self.task_files_visible_after = 0.0

    @route("PUT", FILES)
    def upload(self, call: Call) -> Response:
        self.write(self.check_upload(call["file_path"], call.get("overwrite")), call.request.body)
        return Response(204)

    def check_upload(self, file_path: str, overwrite: str | None) -> Path:
        """Where a file may be uploaded; without `overwrite`, an existing one is replaced."""
        path = self._file(file_path)
        if overwrite not in (None, "true", "false"):
            raise invalid("overwrite must be true or false")
        if path.is_dir():
            raise ApiError(409, "ALREADY_EXISTS", f"A directory exists at {file_path}.")
        if overwrite == "false" and path.exists():
            raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
        return path

    def write(self, path: Path, content: bytes) -> None:
        """Put the whole file in its place at once: object storage shows no half-written files."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{PARTIAL}{time.monotonic_ns()}-{path.name}"[:255])
        partial.write_bytes(content)
        self._uploaded[path] = partial.stat().st_mtime_ns
        partial.replace(path)

    @route("GET", FILES, FilesAPI.download)
    def download(self, call: Call) -> Response:
        path = self._existing_file(call["file_path"])
        content = path.read_bytes()
        headers = self._headers(path)
        ranged = re.fullmatch(r"bytes=(\d+)-", call.request.headers.get("range", ""))
        if not ranged:
            return Response(200, content, headers)
        start = int(ranged[1])
        headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        headers["Content-Length"] = str(len(content) - start)
        return Response(206, content[start:], headers)

    @route("HEAD", FILES, FilesAPI.get_metadata)
    def metadata(self, call: Call) -> Response:
        return Response(200, b"", self._headers(self._existing_file(call["file_path"])))

    @route("DELETE", FILES, FilesAPI.delete)
    def delete(self, call: Call) -> Response:
        self._existing_file(call["file_path"]).unlink()
        return Response(204)

    @route("PUT", DIRECTORIES, FilesAPI.create_directory)
    def create_directory(self, call: Call) -> Response:
        path = self._path(call["directory_path"])
        if path.is_file():
            raise ApiError(409, "ALREADY_EXISTS", f"A file exists at {call['directory_path']}.")
        path.mkdir(parents=True, exist_ok=True)
        return Response(204)

    @route("HEAD", DIRECTORIES, FilesAPI.get_directory_metadata)
    def directory_metadata(self, call: Call) -> Response:
        path = self._existing_directory(call["directory_path"])
        if _is_volume_root(call["directory_path"]) and not visible_children(path):
            raise _no_directory()  # as Databricks answers for a volume that holds nothing (databricks/cli#5834)
        return Response(200)

    @route("DELETE", DIRECTORIES, FilesAPI.delete_directory)
    def delete_directory(self, call: Call) -> Response:
        path = self._existing_directory(call["directory_path"])
        if _is_volume_root(call["directory_path"]):
            raise invalid("The root of a volume can't be deleted through the Files API.")
        if visible_children(path):
            raise invalid("The directory being deleted is not empty.")
        shutil.rmtree(path)
        return Response(204)

    @route("GET", DIRECTORIES, FilesAPI.list_directory_contents)
    def list_directory(self, call: Call) -> ListDirectoryResponse:
        path = self._existing_directory(call["directory_path"])
        size = call.get("page_size", DEFAULT_PAGE) or DEFAULT_PAGE
        if not 0 < size <= LONGEST_PAGE:
            raise invalid(f"page_size must be between 1 and {LONGEST_PAGE}")
        start = int(call.get("page_token") or 0)
        children = [child for child in visible_children(path) if child.is_dir() or self._is_there(child)]
        root = normalized(call["directory_path"])
        entries = [_entry(root, child, self._clock_ahead) for child in children[start : start + size]]
        more = str(start + size) if start + size < len(children) else None
        return ListDirectoryResponse(contents=[entry for entry in entries if entry], next_page_token=more)

    def _headers(self, path: Path) -> dict[str, Any]:
        stat = path.stat()
        return {
            "Content-Length": str(stat.st_size),
            "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "Last-Modified": formatdate(stat.st_mtime + self._clock_ahead, usegmt=True),
        }

    def _path(self, path: str) -> Path:
        """The file behind a path of a volume that exists."""
        parts = normalized(path).split("/")
        if parts[1] != "Volumes" or len(parts) < VOLUME_PARTS:
            raise invalid(f"Invalid path: {path}. It must be /Volumes/<catalog>/<schema>/<volume>/...")
        self._catalog.check_volume(".".join(parts[2:VOLUME_PARTS]))
        return self._storage.volume_path(path)

    def _file(self, path: str) -> Path:
        if _is_volume_root(path):
            raise invalid(f"Invalid path: {path} is a volume, not a file.")
        return self._path(path)

    def _existing_file(self, path: str) -> Path:
        found = self._path(path)
        if not self._is_there(found):
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        return found

    def _existing_directory(self, path: str) -> Path:
        found = self._path(path)
        if not found.is_dir():
            raise _no_directory()
        return found

    def _is_there(self, path: Path) -> bool:
        """Whether the API shows a file yet: those that tasks write may be held back for some seconds."""
        if not path.is_file():
            return False
        written = path.stat().st_mtime_ns
        is_late = time.time_ns() - written < self.task_files_visible_after * 1e9
        return not is_late or self._uploaded.get(path) == written


def _no_directory() -> ApiError:
    return ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")


def _is_volume_root(path: str) -> bool:
    return len(normalized(path).split("/")) == VOLUME_PARTS


def _entry(root: str, child: Path, clock_ahead: float) -> DirectoryEntry | None:
    """What the listing says of one child; nothing when it was deleted meanwhile."""
    try:
        modified, size = milliseconds(child) + int(clock_ahead * 1000), child.stat().st_size
    except FileNotFoundError:
        return None
    path = f"{root}/{child.name}"
    if child.is_dir():
        return DirectoryEntry(is_directory=True, last_modified=modified, name=child.name, path=path)
    return DirectoryEntry(is_directory=False, file_size=size, last_modified=modified, name=child.name, path=path)
