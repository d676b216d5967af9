"""Model serving: endpoints with their states, deployments that take time or fail, and requests that are answered.

What a version answers comes from `load`, which tests and the rehearsal set; nothing is deployed anywhere.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from threading import RLock
from typing import Any

from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    EndpointCoreConfigOutput,
    EndpointPendingConfig,
    EndpointState,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    EndpointTag,
    ListEndpointsResponse,
    Route,
    ServedEntityOutput,
    ServedModelState,
    ServedModelStateDeployment,
    ServingEndpoint,
    ServingEndpointDetailed,
    ServingEndpointsAPI,
    TrafficConfig,
)

from databricks_emulator.api import ApiError, Call, Response, invalid, route
from databricks_emulator.identity import USER

BASE = "/api/2.0/serving-endpoints"
ALL = 100
MOST_BYTES = 16 * 1024 * 1024
"""Of a request, as Databricks limits it."""

Answer = Callable[[dict[str, Any]], list[Any]]
"""From a request's body to its predictions; an `ApiError` is the answer to a bad one."""


@dataclass
class Served:
    """One endpoint: what answers, and what it is changing to."""

    name: str
    id: str
    tags: list[EndpointTag]
    active: EndpointCoreConfigOutput | None = None
    pending: EndpointPendingConfig | None = None
    update: EndpointStateConfigUpdate = EndpointStateConfigUpdate.NOT_UPDATING
    ready_at: float = 0.0
    updated: int = 0
    asked: int = 0


class Serving:
    """The endpoints of a workspace.

    `starting` is how many seconds a deployment takes, `failures` are versions (`name` and number) whose container does
    not build, each with its message; `quota` is how many endpoints there may be. `load` gives what a version answers.
    """

    def __init__(self) -> None:
        self.starting, self.quota = 0.0, 50
        self.failures: dict[tuple[str, str], str] = {}
        self.load: Callable[[str, str], Answer] = _nothing_loaded
        self.user = USER
        self._endpoints: dict[str, Served] = {}
        self._ids, self._lock, self._loaded = count(1), RLock(), dict[tuple[str, str], Answer]()

    # For tests

    def asked(self, name: str) -> int:
        """How many requests the endpoint answered."""
        return self._endpoints[name].asked

    def forget(self) -> None:
        """Ask `load` again for what each version answers."""
        self._loaded.clear()

    # The endpoints

    @route("POST", BASE, ServingEndpointsAPI.create)
    def create(self, call: Call) -> ServingEndpointDetailed:
        with self._lock:
            name = call["name"]
            if name in self._endpoints:
                raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Endpoint with name '{name}' already exists.")
            if len(self._endpoints) >= self.quota:
                raise ApiError(400, "QUOTA_EXCEEDED", f"Workspace has reached its limit of {self.quota} endpoints.")
            tags = [EndpointTag.from_dict(tag) for tag in call.get("tags") or []]
            made = Served(name, f"{next(self._ids):032x}", tags)
            config = EndpointCoreConfigInput.from_dict(call.get("config") or {})
            self._begin(made, config)
            self._endpoints[name] = made
            return self._described(made)

    @route("PUT", f"{BASE}/{{name}}/config", ServingEndpointsAPI.update_config)
    def update_config(self, call: Call) -> ServingEndpointDetailed:
        with self._lock:
            found = self._endpoint(call)
            if found.update is EndpointStateConfigUpdate.IN_PROGRESS:
                said = f"Endpoint '{found.name}' is currently being updated. Wait for the update to complete."
                raise ApiError(409, "RESOURCE_CONFLICT", said)
            self._begin(found, EndpointCoreConfigInput.from_dict(dict(call.arguments)))
            return self._described(found)

    @route("GET", f"{BASE}/{{name}}", ServingEndpointsAPI.get)
    def get(self, call: Call) -> ServingEndpointDetailed:
        with self._lock:
            return self._described(self._endpoint(call))

    @route("GET", BASE)
    def list(self, call: Call) -> ListEndpointsResponse:
        with self._lock:
            return ListEndpointsResponse([ServingEndpoint(name=each.name) for each in self._endpoints.values()])

    @route("DELETE", f"{BASE}/{{name}}", ServingEndpointsAPI.delete)
    def delete(self, call: Call) -> None:
        with self._lock:
            del self._endpoints[self._endpoint(call).name]

    @route("PATCH", f"{BASE}/{{name}}/tags", ServingEndpointsAPI.patch)
    def patch(self, call: Call) -> dict[str, Any]:
        with self._lock:
            found = self._endpoint(call)
            gone = {*(call.get("delete_tags") or []), *(tag["key"] for tag in call.get("add_tags") or [])}
            found.tags = [tag for tag in found.tags if tag.key not in gone]
            found.tags += [EndpointTag.from_dict(tag) for tag in call.get("add_tags") or []]
            return {"tags": [tag.as_dict() for tag in found.tags]}

    @route("POST", "/serving-endpoints/{name}/invocations")
    def query(self, call: Call) -> Response:
        active = self._active(call)
        routes = active.traffic_config.routes if active.traffic_config else None
        shares = {each.served_entity_name or each.served_model_name: each.traffic_percentage for each in routes or []}
        (chosen,) = random.choices([*shares], [*shares.values()])
        return self._answered(call, active, str(chosen))

    @route("POST", "/serving-endpoints/{name}/served-models/{served}/invocations")
    def query_one(self, call: Call) -> Response:
        return self._answered(call, self._active(call), call["served"])

    # What they do

    def _endpoint(self, call: Call) -> Served:
        found = self._endpoints.get(call["name"])
        if found is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The endpoint {call['name']} does not exist.")
        self._advance(found)
        return found

    def _begin(self, endpoint: Served, config: EndpointCoreConfigInput) -> None:
        entities = list(_entities(config, self.user))
        _check_routes(config, [str(entity.name) for entity in entities])
        version = 1 + (endpoint.active.config_version or 0 if endpoint.active else 0)
        endpoint.pending = EndpointPendingConfig(
            config_version=version,
            served_entities=entities,
            start_time=_milliseconds(),
            traffic_config=config.traffic_config or _all_to(entities),
        )
        endpoint.update, endpoint.updated = EndpointStateConfigUpdate.IN_PROGRESS, _milliseconds()
        endpoint.ready_at = time.monotonic() + self.starting

    def _advance(self, endpoint: Served) -> None:
        """Let time have passed: a pending configuration becomes the active one, or has failed."""
        pending = endpoint.pending
        if endpoint.update is not EndpointStateConfigUpdate.IN_PROGRESS or time.monotonic() < endpoint.ready_at:
            return
        assert pending is not None
        broken = {
            entity.name: self.failures[key]
            for entity in pending.served_entities or []
            if (key := (str(entity.entity_name), str(entity.entity_version))) in self.failures
        }
        for entity in pending.served_entities or []:
            said = broken.get(entity.name)
            ready = ServedModelStateDeployment.READY if not broken else ServedModelStateDeployment.ABORTED
            deployment = ServedModelStateDeployment.FAILED if said else ready
            entity.state = ServedModelState(deployment, said or "")
        if broken:
            endpoint.update = EndpointStateConfigUpdate.UPDATE_FAILED
            return
        endpoint.active = EndpointCoreConfigOutput.from_dict(pending.as_dict())
        endpoint.pending, endpoint.update = None, EndpointStateConfigUpdate.NOT_UPDATING

    def _described(self, endpoint: Served) -> ServingEndpointDetailed:
        ready = EndpointStateReady.READY if endpoint.active else EndpointStateReady.NOT_READY
        return ServingEndpointDetailed(
            name=endpoint.name,
            id=endpoint.id,
            creator=self.user,
            tags=endpoint.tags,
            config=endpoint.active,
            pending_config=endpoint.pending,
            last_updated_timestamp=endpoint.updated,
            state=EndpointState(config_update=endpoint.update, ready=ready),
        )

    def _active(self, call: Call) -> EndpointCoreConfigOutput:
        with self._lock:
            endpoint = self._endpoint(call)
            if endpoint.active is None:
                raise ApiError(400, "BAD_REQUEST", f"Endpoint {endpoint.name} is not ready yet.")
            endpoint.asked += 1
            return endpoint.active

    def _answered(self, call: Call, config: EndpointCoreConfigOutput, served: str) -> Response:
        if len(call.request.body) > MOST_BYTES:
            raise ApiError(413, "REQUEST_TOO_LARGE", f"Request size cannot exceed {MOST_BYTES} bytes.")
        found = [entity for entity in config.served_entities or [] if entity.name == served]
        if not found:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The served model {served} does not exist.")
        key = str(found[0].entity_name), str(found[0].entity_version)
        if key not in self._loaded:
            self._loaded[key] = self.load(*key)
        answers = self._loaded[key](call.request.json())
        body = json.dumps({"predictions": answers}).encode()
        return Response(body=body, headers={"Content-Type": "application/json", "served-model-name": served})


def _entities(config: EndpointCoreConfigInput, user: str) -> Iterator[ServedEntityOutput]:
    for entity in config.served_entities or []:
        if not entity.entity_name or not entity.entity_version:
            raise invalid("A served entity needs entity_name and entity_version.")
        if not entity.entity_version.isdecimal():
            raise invalid(f"Invalid entity_version '{entity.entity_version}'.")
        name = entity.name or f"{entity.entity_name.replace('.', '-')}-{entity.entity_version}"
        made = ServedEntityOutput.from_dict(entity.as_dict())
        made.name, made.creator, made.creation_timestamp = name, user, _milliseconds()
        made.state = ServedModelState(ServedModelStateDeployment.CREATING, "")
        yield made


def _check_routes(config: EndpointCoreConfigInput, names: list[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise invalid("An endpoint needs served entities, each with a name of its own.")
    routes = config.traffic_config.routes or [] if config.traffic_config else []
    unknown = [each.served_entity_name for each in routes if each.served_entity_name not in names]
    if unknown:
        raise invalid(f"Traffic config refers to served entities that do not exist: {unknown}.")
    if routes and sum(each.traffic_percentage for each in routes) != ALL:
        raise invalid("Traffic percentages must sum to 100.")


def _all_to(entities: list[ServedEntityOutput]) -> TrafficConfig:
    if len(entities) > 1:
        raise invalid("Traffic config is required for several served entities.")
    return TrafficConfig([Route(served_entity_name=entities[0].name, traffic_percentage=ALL)])


def _nothing_loaded(name: str, version: str) -> Answer:
    raise ApiError(500, "INTERNAL_ERROR", f"The emulator was not told what {name} version {version} answers.")


def _milliseconds() -> int:
    return int(time.time() * 1000)
