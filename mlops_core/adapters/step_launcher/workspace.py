"""The Databricks workspace as the launcher uses it: files on the volume, and Databricks runs.

Every call here may be repeated safely (writes are whole files, submits carry an idempotency token), so all of them are
(`PatientCalls`). The SDK is imported when the first call is made: only the host makes any.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay

from mlops_core.adapters.explained_calls import answered_otherwise
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.patient_calls import SOON, ClientSource, PatientCalls
from mlops_core.adapters.step_launcher.run_state import FORGOTTEN, RunState
from mlops_core.adapters.step_launcher.settings import LauncherSettings

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.files import DirectoryEntry

T = TypeVar("T")
REMOVED_AT_ONCE = 16
REMOVING_S = 10.0
SUBMIT = "/api/2.2/jobs/runs/submit"
GET_RUN = "/api/2.2/jobs/runs/get"
GET_CLUSTER = "/api/2.1/clusters/get"


class Workspace:
    """Calls to one workspace; every one is repeated for `patience_s` when its failure may pass."""

    def __init__(
        self, clients: ClientSource, settings: LauncherSettings, log: logging.Logger, patience_s: float | None = None
    ) -> None:
        self._clients, self._settings, self._log = clients, settings, log
        self._patience_s = settings.timing.outage_s if patience_s is None else patience_s
        self._calls = PatientCalls(clients, settings.timing.credentials_s, self._patience_s, log)

    def with_patience(self, patience_s: float) -> Workspace:
        return Workspace(self._clients, self._settings, self._log, patience_s)

    def put(self, path: str, data: bytes) -> None:
        """Write a whole file, replacing one that is there."""
        self._calls.make(lambda client: self._upload(client, path, data, overwrite=True))

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a whole file unless there is one; False when there was."""
        from databricks.sdk.errors import ResourceConflict

        try:
            self._calls.make(lambda client: self._upload(client, path, data, overwrite=False))
        except ResourceConflict:
            return False
        return True

    def get(self, path: str) -> bytes | None:
        """The content of a file, or None when there is none."""
        return self._found(lambda client: _content(client, path))

    def exists(self, path: str) -> bool:
        """Whether there is such a file; with its content, for a HEAD's 404 may be a proxy's, who has no page."""
        return self.get(path) is not None

    def size(self, path: str) -> int | None:
        """The bytes of a file, or None when there is none."""
        found = self._found(lambda client: client.files.get_metadata(path))
        return found.content_length if found else None

    def entries(self, folder: str) -> list[DirectoryEntry]:
        """What a folder holds; nothing when there is no such folder."""
        return self._found(lambda client: list(client.files.list_directory_contents(folder))) or []

    def remove(self, path: str) -> None:
        self._found(lambda client: client.files.delete(path))

    def remove_tree(self, folder: str, within_s: float = REMOVING_S) -> None:
        """Remove a folder with everything in it, several files at a time: only empty folders can be removed at once.

        What is found last is removed first, and the folder's first entry last.

        Raises:
            TimeoutError: there was more than can be removed in time; the next call goes on.
        """
        found, deadline = [*reversed(list(self.walk(folder)))], time.monotonic() + within_s
        files = [str(entry.path) for entry in found if not entry.is_directory]
        with ThreadPoolExecutor(REMOVED_AT_ONCE) as pool:
            for several in _batches(files):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{folder} had {len(files)} files, too many to remove in {within_s:.0f} s.")
                list(pool.map(self.remove, several))
        for path in [*(str(entry.path) for entry in found if entry.is_directory), folder]:
            self._remove_folder(path)

    def _remove_folder(self, path: str) -> None:
        self._found(lambda client: client.files.delete_directory(path))

    def walk(self, folder: str) -> Iterator[DirectoryEntry]:
        """Everything below a folder; a folder comes before what it holds."""
        for entry in self.entries(folder):
            yield entry
            if entry.is_directory:
                yield from self.walk(str(entry.path))

    def put_source(self, path: str, data: bytes) -> None:
        """Write a Python file into the workspace tree."""
        from databricks.sdk.service.workspace import ImportFormat

        self._calls.make(lambda client: client.workspace.mkdirs(path.rsplit("/", 1)[0]))
        self._calls.make(
            lambda client: client.workspace.upload(path, io.BytesIO(data), format=ImportFormat.AUTO, overwrite=True)
        )

    def has_source(self, path: str, size: int) -> bool:
        """Whether the caller sees a file of so many bytes, or of a size that is not told, in the workspace tree."""
        from databricks.sdk.errors import PermissionDenied

        try:
            found = self._found(lambda client: client.workspace.get_status(path))
        except PermissionDenied:
            return False
        return found is not None and found.size in (None, size)

    def home(self) -> str:
        """The folder of the workspace tree in which nobody else may write."""
        return f"/Workspace/Users/{self.user_name()}"

    def user_name(self) -> str:
        """Who calls: an email address, or a service principal's application id."""
        return self._clients.user_name(lambda: str(self._calls.make(lambda client: client.current_user.me()).user_name))

    def privileges(self, kind: str, name: str) -> dict[str, set[str]]:
        """Who holds which privileges on a securable of Unity Catalog, those of its catalog and schema included."""
        found = self._calls.make(lambda client: client.grants.get_effective(kind, name))
        return {
            str(one.principal): {held.privilege.value for held in one.privileges or () if held.privilege}
            for one in found.privilege_assignments or ()
        }

    def owners(self, volume: str) -> list[str]:
        """Who owns a volume, named `catalog.schema.volume`, and its schema."""
        of_volume = self._calls.make(lambda client: client.volumes.read(volume))
        of_schema = self._calls.make(lambda client: client.schemas.get(volume.rpartition(".")[0]))
        return [owner for owner in (of_volume.owner, of_schema.owner) if owner]

    def submit(self, payload: dict[str, Any], token: str) -> int:
        """The id of the Databricks run that has this idempotency token, started now unless it was before."""
        body = {**payload, "idempotency_token": token}
        return int(self._calls.make(lambda client: _answer(client, "POST", SUBMIT, "run_id", body=body))["run_id"])

    def state(self, run_id: int) -> RunState:
        """The state of a run; one that Databricks has deleted has ended."""
        query = {"run_id": run_id}
        found = self._found(lambda client: _run(client, query))
        return FORGOTTEN if found is None else RunState.of(found)

    def first_state(self, run_id: int) -> RunState:
        """The state of a run that was submitted a moment ago: not all of Databricks may know it yet.

        Raises:
            databricks.sdk.errors.DatabricksError: it was refused for `unknown_s` seconds, or for `patience_s`.
        """
        from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied

        within_s, query = min(self._settings.timing.unknown_s, self._patience_s), {"run_id": run_id}
        not_yet = (BadRequest, NotFound, PermissionDenied)
        asking = Retrying(
            retry=retry_if_exception_type(not_yet), stop=stop_after_delay(within_s), wait=SOON, reraise=True
        )
        try:
            return RunState.of(asking(lambda: self._calls.make(lambda client: _run(client, query))))
        except not_yet as error:
            error.args = (f"Databricks run {run_id} was submitted, and was unknown for {within_s:g} s: {error}",)
            raise

    def output(self, task_run_id: int) -> tuple[str, str]:
        """The error of a task's run with its traceback, and the tail of its log; empty when Databricks has none."""
        output = self._found(lambda client: client.jobs.get_run_output(task_run_id))
        if output is None:
            return "", ""
        return "\n".join(filter(None, (output.error, output.error_trace))), output.logs or ""

    def cluster(self, cluster_id: str) -> dict[str, Any]:
        """What a cluster was asked to be; nothing when the caller may use it without seeing it."""
        from databricks.sdk.errors import PermissionDenied

        query = {"cluster_id": cluster_id}
        try:
            return self._found(lambda client: _answer(client, "GET", GET_CLUSTER, "cluster_id", query=query)) or {}
        except PermissionDenied:
            return {}

    def cancel(self, run_id: int) -> None:
        """Ask Databricks to cancel a run; does nothing when it has ended."""
        self._found(lambda client: client.jobs.cancel_run(run_id))

    def _upload(self, client: WorkspaceClient, path: str, data: bytes, overwrite: bool) -> None:
        from databricks.sdk.errors import NotFound

        try:
            client.files.upload(path, io.BytesIO(data), overwrite=overwrite)
        except NotFound:  # the folder is missing
            client.files.create_directory(path.rsplit("/", 1)[0])
            client.files.upload(path, io.BytesIO(data), overwrite=overwrite)

    def _found(self, call: Callable[[WorkspaceClient], T]) -> T | None:
        from databricks.sdk.errors import NotFound

        try:
            return self._calls.make(call)
        except NotFound:
            return None


def _content(client: WorkspaceClient, path: str) -> bytes:
    contents = client.files.download(path).contents
    if contents is None:
        raise OSError(f"Databricks answered without the content of {path}.")
    with contents:
        return contents.read(protocol.MOST_BYTES + 1)  # what is longer is nothing of ours


def _answer(client: WorkspaceClient, method: str, path: str, key: str, **given: Any) -> dict[str, Any]:
    """A JSON object that has at least `key`."""
    answer = client.api_client.do(method, path, **given)
    if not isinstance(answer, dict) or key not in answer:
        raise answered_otherwise(method, path, str(client.config.host), f"JSON without {key}")
    return answer


def _run(client: WorkspaceClient, query: dict[str, Any]) -> dict[str, Any]:
    """What is known of a run; only Databricks can say that it has none, not a proxy that finds no page."""
    from databricks.sdk.errors import NotFound, ResourceDoesNotExist

    try:
        return _answer(client, "GET", GET_RUN, "run_id", query=query)
    except ResourceDoesNotExist:
        raise
    except NotFound as error:
        raise answered_otherwise(
            "GET", GET_RUN, str(client.config.host), "status 404, with which Databricks does not answer for a run"
        ) from error


def _batches(paths: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(paths), REMOVED_AT_ONCE):
        yield paths[first : first + REMOVED_AT_ONCE]
