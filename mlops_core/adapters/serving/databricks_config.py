"""The configuration of a serving endpoint: from the traffic that is asked for, and to the traffic that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_core.adapters.serving.protocol import ALL, EndpointState, Traffic, served_name

if TYPE_CHECKING:
    from databricks.sdk.service.serving import (
        EndpointCoreConfigInput,
        EndpointCoreConfigOutput,
        EndpointPendingConfig,
        ServedEntityOutput,
        ServingEndpointDetailed,
    )

    Config = EndpointCoreConfigOutput | EndpointPendingConfig

TAG = "registered_model"
"""Tag of an endpoint that a pipeline made: the registered model that it made it for."""


def config_of(model: str, traffic: Traffic, workload_size: str, scale_to_zero: bool) -> EndpointCoreConfigInput:
    """What Databricks is asked for."""
    from databricks.sdk.service.serving import EndpointCoreConfigInput, Route, ServedEntityInput, TrafficConfig

    entities = [
        ServedEntityInput(
            name=served_name(version),
            entity_name=model,
            entity_version=str(version),
            workload_size=workload_size,
            scale_to_zero_enabled=scale_to_zero,
        )
        for version in traffic.versions
    ]
    shares = zip(traffic.versions, (ALL - traffic.challenger_percent, traffic.challenger_percent), strict=False)
    routes = [Route(served_entity_name=served_name(version), traffic_percentage=share) for version, share in shares]
    return EndpointCoreConfigInput(served_entities=entities, traffic_config=TrafficConfig(routes))


def is_same(config: EndpointCoreConfigOutput, asked: EndpointCoreConfigInput) -> bool:
    """Whether a configuration is what would be asked for, its workload included."""

    def essential(entities: object) -> set[tuple[object, ...]]:
        each = entities if isinstance(entities, list) else []
        return {(e.name, e.entity_name, e.entity_version, e.workload_size, bool(e.scale_to_zero_enabled)) for e in each}

    asked_routes = asked.traffic_config.routes if asked.traffic_config else None
    shares = {str(each.served_entity_name): each.traffic_percentage for each in asked_routes or []}
    return essential(config.served_entities) == essential(asked.served_entities) and _shares(config) == shares


def described(found: ServingEndpointDetailed, model: str) -> EndpointState:
    """What an endpoint is doing; as traffic, as far as it is of versions of `model`."""
    from databricks.sdk.service.serving import EndpointStateConfigUpdate, EndpointStateReady

    ready, update = (found.state.ready, found.state.config_update) if found.state else (None, None)
    failed = update in (EndpointStateConfigUpdate.UPDATE_FAILED, EndpointStateConfigUpdate.UPDATE_CANCELED)
    tags = {tag.key: tag.value for tag in found.tags or []}
    entities = [*_entities(found.config), *_entities(found.pending_config)]
    return EndpointState(
        exists=True,
        served=traffic_of(found.config, model),
        is_ready=ready is EndpointStateReady.READY,
        is_updating=update is EndpointStateConfigUpdate.IN_PROGRESS,
        pending=traffic_of(found.pending_config, model),
        error=_why_failed(found.pending_config) if failed else "",
        models=tuple(sorted({str(entity.entity_name) for entity in entities})),
        tag=tags.get(TAG),
        since=(found.last_updated_timestamp or 0) / 1000,
        changed_by=max(((e.creation_timestamp or 0, str(e.creator)) for e in _entities(found.config)), default=(0, ""))[
            1
        ],
    )


def traffic_of(config: Config | None, model: str) -> Traffic | None:
    """The traffic of a configuration; None when it is none of one or two versions of `model`.

    The version with the larger share is the champion.
    """
    entities = _entities(config)
    if config is None or not entities or any(e.entity_name != model for e in entities):
        return None
    versions = {str(entity.name): str(entity.entity_version) for entity in entities}
    shares = _shares(config) or dict.fromkeys(versions, ALL)
    ranked = sorted(versions, key=lambda name: -shares.get(name, 0))
    if len(ranked) > len(("champion", "challenger")) or not all(map(str.isdecimal, versions.values())):
        return None
    numbers = [int(versions[name]) for name in ranked]
    if len(set(numbers)) < len(numbers):
        return None
    return Traffic(numbers[0]) if len(numbers) == 1 else Traffic(numbers[0], numbers[1], shares.get(ranked[1], 0))


def _shares(config: Config) -> dict[str, int]:
    routes = config.traffic_config.routes if config.traffic_config else None
    return {str(each.served_entity_name or each.served_model_name): each.traffic_percentage for each in routes or []}


def _entities(config: Config | None) -> list[ServedEntityOutput]:
    return config.served_entities or [] if config else []


def _why_failed(config: EndpointPendingConfig | None) -> str:
    """What Databricks says of the versions that could not be deployed."""
    told = [
        f"version {entity.entity_version}: {state.deployment_state_message or state.deployment}"
        for entity in _entities(config)
        if (state := entity.state) is not None and (state.deployment_state_message or "").strip()
    ]
    return f"the deployment failed ({'; '.join(told).rstrip('.')})" if told else "the deployment failed"
