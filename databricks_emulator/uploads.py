"""Uploads in parts, which the SDK uses for large files: signed addresses, parts, and completing or aborting."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from databricks_emulator.api import ApiError, Call, Request, Response, invalid, route
from databricks_emulator.files_api import FILES, FilesService

SIGNED = "/signed-uploads/"


@dataclass
class _Upload:
    file_path: str
    parts: dict[int, bytes] = field(default_factory=dict)


class Uploads:
    """Multipart uploads as on Azure and AWS; the parts go to addresses that need no token."""

    def __init__(self, url: str, files: FilesService) -> None:
        self._url, self._files = url, files
        self._uploads: dict[str, _Upload] = {}

    @staticmethod
    def is_signed(request: Request) -> bool:
        return request.path.startswith(SIGNED)

    @route("POST", FILES)
    def begin_or_complete(self, call: Call) -> dict[str, Any] | Response:
        if call.get("action") == "initiate-upload":
            self._files.check_upload(call["file_path"], call.get("overwrite"))
            token = secrets.token_hex(16)
            self._uploads[token] = _Upload(call["file_path"])
            return {"multipart_upload": {"session_token": token}}
        if call.get("action") != "complete-upload":
            raise invalid("action must be initiate-upload or complete-upload")
        upload = self._known(call.get("session_token", ""))
        content = b"".join(upload.parts[number] for number in sorted(upload.parts))
        self._files.write(self._files.check_upload(upload.file_path, "true"), content)
        del self._uploads[call["session_token"]]
        return Response(200)

    @route("POST", "/api/2.0/fs/create-upload-part-urls")
    def addresses(self, call: Call) -> dict[str, Any]:
        asked = call.request.json()
        self._known(asked["session_token"])
        numbers = range(asked["start_part_number"], asked["start_part_number"] + asked["count"])
        return {"upload_part_urls": [self._address(asked["session_token"], number) for number in numbers]}

    @route("POST", "/api/2.0/fs/create-abort-upload-url")
    def abort_address(self, call: Call) -> dict[str, Any]:
        return {"abort_upload_url": self._address(call.request.json()["session_token"], 0)}

    @route("PUT", f"{SIGNED}{{token}}/{{number}}")
    def put_part(self, call: Call) -> Response:
        self._known(call["token"]).parts[int(call["number"])] = call.request.body
        return Response(200, headers={"ETag": md5(call.request.body, usedforsecurity=False).hexdigest()})

    @route("DELETE", f"{SIGNED}{{token}}/{{number}}")
    def abort(self, call: Call) -> Response:
        self._uploads.pop(call["token"], None)
        return Response(200)

    def _address(self, token: str, number: int) -> dict[str, Any]:
        return {"url": f"{self._url}{SIGNED}{token}/{number}", "part_number": number, "headers": []}

    def _known(self, token: str) -> _Upload:
        if token not in self._uploads:
            raise ApiError(404, "NOT_FOUND", "The upload session is not found.")
        return self._uploads[token]
