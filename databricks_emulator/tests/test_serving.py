"""Endpoints through the real databricks-sdk: their states, what is refused, and who answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServingEndpointDetailed,
    TrafficConfig,
)

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import wait_for

READY, NOT_READY = EndpointStateReady.READY, EndpointStateReady.NOT_READY
IDLE, BUSY = EndpointStateConfigUpdate.NOT_UPDATING, EndpointStateConfigUpdate.IN_PROGRESS


def config(**shares: int) -> dict[str, Any]:
    """A configuration of versions `v1=90, v2=10`."""
    entities = [
        ServedEntityInput(name=name, entity_name="dev.app.model", entity_version=name[1:], workload_size="Small")
        for name in shares
    ]
    routes = [Route(served_entity_name=name, traffic_percentage=share) for name, share in shares.items()]
    return {"served_entities": entities, "traffic_config": TrafficConfig(routes)}


def created(client: WorkspaceClient, **shares: int) -> None:
    tags = [EndpointTag("registered_model", "dev.app.model")]
    client.serving_endpoints.create("fare", config=EndpointCoreConfigInput(**config(**shares)), tags=tags)


def states(found: ServingEndpointDetailed) -> tuple[Any, Any]:
    return found.state.ready, found.state.config_update


def test_an_endpoint_gets_ready_and_goes_on_while_it_is_changed(emulator: Emulator, client: WorkspaceClient) -> None:
    serving = client.serving_endpoints
    emulator.serving.starting = 0.1
    created(client, v1=100)
    assert states(serving.get("fare")) == (NOT_READY, BUSY)
    with pytest.raises(BadRequest, match="not ready"):
        serving.query("fare", dataframe_records=[{}])
    wait_for(lambda: states(serving.get("fare")) == (READY, IDLE))
    emulator.serving.starting = 60.0
    serving.update_config("fare", **config(v2=100))
    found = serving.get("fare")
    assert states(found) == (READY, BUSY)
    assert found.config.served_entities[0].entity_version == "1"
    assert found.pending_config.served_entities[0].entity_version == "2"
    assert (found.config.config_version, found.pending_config.config_version) == (1, 2)
    with pytest.raises(ResourceConflict, match="is currently being updated"):
        serving.update_config("fare", **config(v3=100))
    assert serving.get("fare").tags[0].value == "dev.app.model"
    serving.delete("fare")
    with pytest.raises(NotFound):
        serving.get("fare")


def test_a_container_that_does_not_build_leaves_the_old_configuration(
    emulator: Emulator, client: WorkspaceClient
) -> None:
    created(client, v1=100)
    emulator.serving.failures["dev.app.model", "2"] = "no matching distribution"
    client.serving_endpoints.get("fare")
    client.serving_endpoints.update_config("fare", **config(v2=100))
    found = client.serving_endpoints.get("fare")
    assert states(found) == (READY, EndpointStateConfigUpdate.UPDATE_FAILED)
    assert found.config.served_entities[0].entity_version == "1"
    assert found.pending_config.served_entities[0].state.deployment_state_message == "no matching distribution"


def test_requests_are_shared_out(emulator: Emulator, client: WorkspaceClient) -> None:
    emulator.serving.load = lambda name, version: lambda body: [version] * len(body["dataframe_records"])
    created(client, v1=90, v2=10)
    answers = Counter(
        client.serving_endpoints.query("fare", dataframe_records=[{"a": 1}]).predictions[0] for _ in range(300)
    )
    assert set(answers) == {"1", "2"}
    assert 5 <= answers["2"] <= 70
    path = "/serving-endpoints/fare/served-models/v2/invocations"
    assert client.api_client.do("POST", path, body={"dataframe_records": [{}, {}]})["predictions"] == ["2", "2"]
    assert emulator.serving.asked("fare") == 301


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [({"v1": 90}, "must sum to 100"), ({}, "needs served entities"), ({"vlatest": 100}, "Invalid entity_version")],
)
def test_what_databricks_refuses_is_refused(client: WorkspaceClient, shares: dict[str, int], sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        created(client, **shares)


def test_a_name_and_the_quota_are_taken_once(emulator: Emulator, client: WorkspaceClient) -> None:
    emulator.serving.quota = 1
    created(client, v1=100)
    with pytest.raises(Exception, match="already exists"):
        created(client, v1=100)
    with pytest.raises(BadRequest, match="limit of 1 endpoints"):
        client.serving_endpoints.create("other", config=EndpointCoreConfigInput(**config(v1=100)))
