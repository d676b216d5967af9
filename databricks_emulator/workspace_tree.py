"""The Workspace API: files and notebooks in the Workspace tree."""

from __future__ import annotations

import base64
import binascii
import shutil
from pathlib import Path

from databricks.sdk.service.workspace import (
    ImportFormat,
    Language,
    ListResponse,
    ObjectInfo,
    ObjectType,
    WorkspaceAPI,
)

from databricks_emulator.api import ApiError, Call, Request, Response, invalid, route
from databricks_emulator.identity import USER
from databricks_emulator.storage import Storage, milliseconds, normalized

LARGEST_IMPORT = 10 * 2**20  # bytes
NOTEBOOK_HEADER = b"# Databricks notebook source"
NOTEBOOK = ".notebook"  # ending of the file that holds a notebook: a task can't run it as a Python file
ROOTS = ("Shared", f"Users/{USER}", "Repos")


class WorkspaceTree:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def make(self) -> None:
        for root in ROOTS:
            self._storage.tree_path(root).mkdir(parents=True, exist_ok=True)

    @route("POST", "/api/2.0/workspace/import", WorkspaceAPI.import_)
    def import_form(self, call: Call) -> None:
        if call.request.is_form:
            fields = form_fields(call.request)
            content = fields.get("content", b"")
            arguments = {name: value.decode() for name, value in fields.items() if name != "content"}
        else:
            arguments = dict(call.arguments)
            content = _decoded(arguments.pop("content", None) or "")
        self._import(arguments, content)

    def _import(self, arguments: dict[str, str], content: bytes) -> None:
        if "path" not in arguments:
            raise invalid("Missing required field: path")
        if len(content) > LARGEST_IMPORT:
            raise ApiError(
                400,
                "MAX_NOTEBOOK_SIZE_EXCEEDED",
                f"File size imported is ({len(content)} bytes), exceeded max size ({LARGEST_IMPORT} bytes)",
            )
        path = self._file_of(arguments, content)
        self._check_place(path, arguments["path"])
        if path.is_dir():
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"{arguments['path']} is a directory.")
        if path.exists() and str(arguments.get("overwrite", "false")).lower() != "true":
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({arguments['path']}) already exists.")
        path.write_bytes(content)

    def _file_of(self, arguments: dict[str, str], content: bytes) -> Path:
        """Where an import goes: a notebook is stored apart from a file of the same name."""
        path = self._storage.tree_path(arguments["path"])
        kind = arguments.get("format", ImportFormat.SOURCE.value)
        if kind in (ImportFormat.AUTO.value, ImportFormat.RAW.value):
            is_notebook = kind == ImportFormat.AUTO.value and content.startswith(NOTEBOOK_HEADER)
            return path.with_name(path.stem + NOTEBOOK) if is_notebook else path
        if kind != ImportFormat.SOURCE.value:
            raise invalid(f"The emulator does not import the format {kind}.")
        if arguments.get("language") != Language.PYTHON.value:
            raise invalid("The language must be specified for the format SOURCE; the emulator knows PYTHON.")
        return path.with_name(path.name + NOTEBOOK)

    def _check_place(self, path: Path, asked: str) -> None:
        if len(path.relative_to(self._storage.tree).parts) == 1:
            raise ApiError(403, "PERMISSION_DENIED", f"No permission to create {asked} in the root folder.")
        if not path.parent.is_dir():
            parent = "/" + path.parent.relative_to(self._storage.tree).as_posix()
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The parent folder ({parent}) does not exist.")

    @route("GET", "/api/2.0/workspace/export", None)
    def export(self, call: Call) -> Response | dict[str, str]:
        content = self._existing(call["path"]).read_bytes()
        if call.get("direct_download") == "true":
            return Response(200, content, {"Content-Type": "application/octet-stream"})
        return {"content": base64.b64encode(content).decode()}

    @route("GET", "/api/2.0/workspace/get-status", WorkspaceAPI.get_status)
    def get_status(self, call: Call) -> ObjectInfo:
        return self._info(self._existing(call["path"]))

    @route("POST", "/api/2.0/workspace/mkdirs", WorkspaceAPI.mkdirs)
    def mkdirs(self, call: Call) -> None:
        path = self._storage.tree_path(call["path"])
        parts = path.relative_to(self._storage.tree).parts
        if parts and not self._storage.tree.joinpath(parts[0]).is_dir():
            raise ApiError(403, "PERMISSION_DENIED", f"No permission to create {call['path']} in the root folder.")
        if any(parent.is_file() for parent in (path, *path.parents)):
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"A file is in the way of {call['path']}.")
        path.mkdir(parents=True, exist_ok=True)

    @route("POST", "/api/2.0/workspace/delete", WorkspaceAPI.delete)
    def delete(self, call: Call) -> None:
        path = self._existing(call["path"])
        if not path.is_dir():
            path.unlink()
        elif any(path.iterdir()) and not call.get("recursive"):
            raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({call['path']}) is not empty")
        else:
            shutil.rmtree(path)

    @route("GET", "/api/2.0/workspace/list", WorkspaceAPI.list)
    def list(self, call: Call) -> ListResponse:
        path = self._existing(call["path"])
        children = sorted(path.iterdir()) if path.is_dir() else [path]
        return ListResponse(objects=[self._info(child) for child in children])

    def _existing(self, asked: str) -> Path:
        path = self._storage.tree_path(asked)
        notebook = path.with_name(path.name + NOTEBOOK)
        if path.exists():
            return path
        if notebook.exists():
            return notebook
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({normalized(asked)}) doesn't exist.")

    def _info(self, path: Path) -> ObjectInfo:
        name = "/" + path.relative_to(self._storage.tree).as_posix().removesuffix(NOTEBOOK).removeprefix(".")
        stat = {"object_id": path.stat().st_ino, "modified_at": milliseconds(path)}
        if path.is_dir():
            return ObjectInfo(path=name, object_type=ObjectType.DIRECTORY, **stat)
        if path.name.endswith(NOTEBOOK):
            return ObjectInfo(path=name, object_type=ObjectType.NOTEBOOK, language=Language.PYTHON, **stat)
        return ObjectInfo(path=name, object_type=ObjectType.FILE, size=path.stat().st_size, **stat)


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise invalid("content is not base64") from error


def form_fields(request: Request) -> dict[str, bytes]:
    """The parts of a multipart form by name, byte for byte (the standard library's parser would change line ends)."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    fields = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        fields[name] = content.removesuffix(b"\r\n")
    return fields
