"""The serving endpoint of this machine: a file says what it serves, and `make serve` answers for it.

While nobody runs `make serve`, the endpoint answers through a server that is started for the time of the call.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_core.adapters.local_servers import LOOPBACK
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.registry_errors import ModelNotFoundError
from mlops_core.adapters.serving.endpoint_file import StoredTraffic, read_json, read_traffic, write_json, write_traffic
from mlops_core.adapters.serving.newest_rows import FeatureTableCache
from mlops_core.adapters.serving.protocol import EndpointError, EndpointState, Record, Traffic, served_name
from mlops_core.adapters.serving.scoring_app import ENDPOINTS
from mlops_core.adapters.serving.served_endpoint import ServedEndpoint
from mlops_core.adapters.serving.served_version import UnservableError
from mlops_core.adapters.serving.server import served_meanwhile
from mlops_core.outside_json import NotOfThisKindError, of_kind

RUNNING = ".server"
"""A file about the process of `make serve`; it stays behind when the process is killed."""
CALL_S, FOLLOWED_S, LOOK_S = 60.0, 60.0, 0.2


@dataclass(frozen=True)
class Announced:
    """Who answers for the endpoints of a schema."""

    address: str
    pid: int


@dataclass(frozen=True)
class LocalEndpoint:
    """`ServingEndpoint` of a registered model on this machine.

    Args:
        folder: of the files of the schema's endpoints.
        schema_folder: of the feature tables.
        port: on which `make serve` answers.
    """

    name: str
    registry: ModelRegistry
    folder: Path
    schema_folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"{self.page}{self._path}/invocations"

    @property
    def page(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def state(self) -> EndpointState:
        """See `ServingEndpoint.state`. It is ready whether or not a server runs: what it serves has been loaded."""
        stored = read_traffic(self._file)
        if stored is None:
            return EndpointState()
        return EndpointState(
            exists=True,
            served=stored.traffic,
            is_ready=True,
            models=(stored.model,),
            tag=stored.model,
            since=stored.since,
            changed_by=stored.changed_by,
        )

    def serve(self, traffic: Traffic) -> EndpointState:
        """See `ServingEndpoint.serve`. The versions are loaded here first, then a running server loads them too."""
        before = self._own()
        try:
            self._here.loaded = self._here.load(traffic)
        except (UnservableError, ModelNotFoundError) as error:
            raise EndpointError(f"{error} {self._goes_on(before)}") from error
        if before is None or before.traffic != traffic:
            write_traffic(self._file, StoredTraffic(self.registry.model, traffic, time.time(), _user()))
        if why := self._not_followed(traffic):
            self._put_back(before)
            raise EndpointError(f"The model server at {self.page} does not serve {traffic}: {why}")
        return self.state()

    def answer(self, records: Sequence[Record], version: int | None = None) -> list[Any]:
        """See `ServingEndpoint.answer`."""
        served = f"/served-models/{served_name(version)}" if version is not None else ""
        with self._address() as address:
            said = _asked("POST", f"{address}{self._path}{served}/invocations", {"dataframe_records": list(records)})
        predictions = said.get("predictions")
        if not isinstance(predictions, list) or len(predictions) != len(records):
            why = said.get("message") or "no model server's answer came: look at the output of `make serve`"
            raise EndpointError(f"{self.name} does not predict: {why}")
        return predictions

    def remove(self) -> None:
        """See `ServingEndpoint.remove`."""
        if self._own() is not None:
            self._file.unlink(missing_ok=True)

    def served(self, wanted: Callable[[], Traffic | None], tables: FeatureTableCache) -> ServedEndpoint:
        """The endpoint as a process serves it."""
        return ServedEndpoint(self.name, self.registry, tables, wanted)

    def stored_traffic(self) -> Traffic | None:
        """What it is to serve."""
        stored = read_traffic(self._file)
        return stored.traffic if stored else None

    @property
    def _file(self) -> Path:
        return self.folder / f"{quote(self.name, safe='')}.json"

    @property
    def _path(self) -> str:
        return f"{ENDPOINTS}/{quote(self.name, safe='')}"

    @cached_property
    def _here(self) -> ServedEndpoint:
        return self.served(self.stored_traffic, FeatureTableCache(self.schema_folder))

    def _own(self) -> StoredTraffic | None:
        stored = read_traffic(self._file)
        if stored is not None and stored.model != self.registry.model:
            raise EndpointError(
                f"The endpoint {self.name} serves {stored.model}: give that of {self.registry.model} another name."
            )
        return stored

    def _goes_on(self, before: StoredTraffic | None) -> str:
        return f"{self.name} serves {before.traffic} as before." if before else f"{self.name} serves nothing yet."

    def _put_back(self, before: StoredTraffic | None) -> None:
        if before is None:
            self._file.unlink(missing_ok=True)
        else:
            write_traffic(self._file, before)

    def _not_followed(self, traffic: Traffic) -> str:
        """Why a running server has not followed in time; empty when it has, and when there is none."""
        until = time.monotonic() + FOLLOWED_S
        while (address := self._running()) is not None:
            said = _asked("GET", f"{address}{self._path}")
            if said.get("served") == asdict(traffic):
                return ""
            if said.get("error"):
                return str(said["error"])
            if time.monotonic() > until:
                return f"it has not followed within {FOLLOWED_S:.0f} s. Start it again."
            time.sleep(LOOK_S)
        return ""

    def _running(self) -> str | None:
        """The address of the server that answers for this endpoint, if one does: not for one that was named later."""
        found = _announced(self.folder)
        if found is None or _asked("GET", f"{found.address}{self._path}").get("pid") != found.pid:
            return None
        return found.address

    @contextmanager
    def _address(self) -> Iterator[str]:
        if (running := self._running()) is not None:
            yield running
            return
        self._here.follow()
        self._here.tables.refresh()
        with served_meanwhile({self.name: self._here}) as address:
            yield address


@contextmanager
def announced(folder: Path, address: str, pid: int) -> Iterator[None]:
    """Tell the endpoints of a schema who answers for them, as long as this context lasts."""
    own = Announced(address, pid)
    write_json(folder / RUNNING, asdict(own))
    try:
        yield
    finally:
        if _announced(folder) == own:  # else of a server that was started later, on another port
            (folder / RUNNING).unlink(missing_ok=True)


def _announced(folder: Path) -> Announced | None:
    """None also for a file of somebody else's: the endpoints answer by themselves then."""
    try:
        return read_json(folder / RUNNING, Announced)
    except NotOfThisKindError:
        return None


def _user() -> str:
    """Empty where the system has no name for it, as in a container."""
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return ""


def _asked(method: str, url: str, payload: Any = None) -> dict[str, Any]:
    """The JSON of an answer, also of an error's; empty when nobody answers. No proxy of the environment sees it."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            said = session.request(method, url, json=payload, timeout=CALL_S).content
        return of_kind(dict[str, Any], said)
    except (requests.RequestException, NotOfThisKindError):
        return {}
