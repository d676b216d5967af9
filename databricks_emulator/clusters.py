"""Clusters: of jobs and all-purpose ones, with a simulated start."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databricks.sdk.service.compute import (
    ClusterDetails,
    ClusterEvent,
    ClustersAPI,
    ClusterSource,
    CreateClusterResponse,
    EventType,
    GetEventsResponse,
    ListClustersResponse,
    State,
    TerminationReason,
)

from databricks_emulator.api import ApiError, Call, invalid, route
from databricks_emulator.compute_catalog import ComputeCatalog
from databricks_emulator.identity import USER
from databricks_emulator.settings import Settings
from databricks_emulator.storage import Storage

BASE = "/api/2.1/clusters"
SPARK_VERSION = re.compile(r"(\d+\.\d+)\.x(-[a-z0-9]+)*-scala2\.1[23]")
STANDARD_MODES = {"USER_ISOLATION", "DATA_SECURITY_MODE_STANDARD"}
DEDICATED_MODES = {"SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED", "DATA_SECURITY_MODE_AUTO"}


@dataclass
class Cluster:
    """One cluster; `spec` is the JSON that asked for it. Moments are in seconds, of the epoch."""

    cluster_id: str
    spec: Mapping[str, Any]
    source: ClusterSource
    folder: Path
    start_seconds: float
    started: float = 0.0
    terminated: float | None = None
    reason: TerminationReason | None = None
    events: list[ClusterEvent] = field(default_factory=list)

    @property
    def mode(self) -> str:
        return str(self.spec.get("data_security_mode") or "NONE")

    @property
    def has_unity_catalog(self) -> bool:
        return self.mode in STANDARD_MODES | DEDICATED_MODES

    @property
    def has_spark_context(self) -> bool:
        return self.mode not in STANDARD_MODES

    @property
    def is_for_ml(self) -> bool:
        return "-ml-" in self.spec["spark_version"]

    @property
    def runtime_version(self) -> str:
        return SPARK_VERSION.fullmatch(self.spec["spark_version"])[1]  # type: ignore[index]

    @property
    def state(self) -> State:
        if self.terminated is not None:
            return State.TERMINATED
        return State.RUNNING if time.time() >= self.started + self.start_seconds else State.PENDING

    def start(self) -> None:
        self.started, self.terminated, self.reason = time.time(), None, None
        self.tell(EventType.CREATING if not self.events else EventType.STARTING)
        for name in ("tmp", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def stop(self, reason: TerminationReason) -> None:
        if self.terminated is None:
            self.terminated, self.reason = time.time(), reason
            self.tell(EventType.TERMINATING)

    def tell(self, kind: EventType) -> None:
        self.events.append(ClusterEvent(self.cluster_id, timestamp=int(time.time() * 1000), type=kind))

    @property
    def details(self) -> ClusterDetails:
        asked = {name: value for name, value in self.spec.items() if name != "apply_policy_default_values"}
        known = ClusterDetails.from_dict(asked)
        known.cluster_id, known.cluster_source, known.state = self.cluster_id, self.source, self.state
        known.creator_user_name, known.start_time = USER, int(self.started * 1000)
        known.default_tags = {"Vendor": "Databricks", "Creator": USER, "ClusterId": self.cluster_id}
        known.terminated_time = int(self.terminated * 1000) if self.terminated else None
        known.termination_reason = self.reason
        return known


class Clusters:
    def __init__(self, storage: Storage, settings: Settings, catalog: ComputeCatalog) -> None:
        self._storage, self._settings, self._catalog = storage, settings, catalog
        self._clusters: dict[str, Cluster] = {}
        self.starts: list[str] = []  # the id of a cluster, for each of its starts

    @property
    def running(self) -> list[str]:
        """The ids of the clusters that cost money now."""
        return [key for key, cluster in self._clusters.items() if cluster.terminated is None]

    def make(self, spec: Mapping[str, Any], source: ClusterSource) -> Cluster:
        """A new cluster, starting."""
        self.check(spec)
        key = f"{time.strftime('%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        folder = self._storage.clusters / key
        cluster = Cluster(key, spec, source, folder, self._settings.classic_start)
        self._clusters[key] = cluster
        self._start(cluster)
        return cluster

    def started(self, cluster_id: str) -> Cluster:
        """An all-purpose cluster, started when it is not running."""
        cluster = self.known(cluster_id)
        if cluster.terminated is not None:
            self._start(cluster)
        return cluster

    def known(self, cluster_id: str) -> Cluster:
        if cluster_id not in self._clusters:
            raise invalid(f"Cluster {cluster_id} does not exist")
        return self._clusters[cluster_id]

    def check(self, spec: Mapping[str, Any]) -> None:
        """Refuse what Databricks refuses of a cluster's specification."""
        if not SPARK_VERSION.fullmatch(str(spec.get("spark_version", ""))):
            raise invalid(f"Invalid spark version {spec.get('spark_version')}.")
        for name in ("node_type_id", "driver_node_type_id"):
            if spec.get(name) and spec.get("instance_pool_id"):
                raise invalid(f"The field '{name}' cannot be supplied when an instance pool ID is provided.")
        if spec.get("is_single_node") and not spec.get("kind"):
            raise invalid("The field is_single_node can only be used when kind = CLASSIC_PREVIEW.")
        if "autoscale" in spec and "num_workers" in spec:
            raise invalid("Only one of autoscale and num_workers can be specified.")
        self._catalog.check(spec)
        if spec.get("policy_id"):
            return  # the policy may fill in what is missing
        if not spec.get("node_type_id") and not spec.get("instance_pool_id"):
            raise invalid("Missing required field: node_type_id or instance_pool_id")
        if "autoscale" not in spec and "num_workers" not in spec and not spec.get("is_single_node"):
            raise invalid("Missing required field: size (num_workers or autoscale)")

    def _start(self, cluster: Cluster) -> None:
        self.starts.append(cluster.cluster_id)
        cluster.start()

    @route("POST", f"{BASE}/create", ClustersAPI.create)
    def create(self, call: Call) -> CreateClusterResponse:
        return CreateClusterResponse(self.make(call.arguments, ClusterSource.API).cluster_id)

    @route("GET", f"{BASE}/get", ClustersAPI.get)
    def get(self, call: Call) -> ClusterDetails:
        return self.known(call["cluster_id"]).details

    @route("GET", f"{BASE}/list")
    def list(self, call: Call) -> ListClustersResponse:
        return ListClustersResponse([cluster.details for cluster in self._clusters.values()])

    @route("POST", f"{BASE}/start", ClustersAPI.start)
    def start(self, call: Call) -> None:
        cluster = self.known(call["cluster_id"])
        if cluster.terminated is None:
            raise ApiError(400, "INVALID_STATE", f"Cluster {cluster.cluster_id} is in unexpected state Running.")
        self._start(cluster)

    @route("POST", f"{BASE}/delete", ClustersAPI.delete)
    def delete(self, call: Call) -> None:
        self.known(call["cluster_id"]).stop(USER_REQUEST)

    @route("POST", f"{BASE}/permanent-delete", ClustersAPI.permanent_delete)
    def permanent_delete(self, call: Call) -> None:
        self.known(call["cluster_id"]).stop(USER_REQUEST)
        del self._clusters[call["cluster_id"]]

    @route("POST", f"{BASE}/events", ClustersAPI.events)
    def events(self, call: Call) -> GetEventsResponse:
        events = self.known(call["cluster_id"]).events
        return GetEventsResponse(events=events[::-1], total_count=len(events))


USER_REQUEST = TerminationReason.from_dict({"code": "USER_REQUEST", "type": "SUCCESS"})
JOB_FINISHED = TerminationReason.from_dict({"code": "JOB_FINISHED", "type": "SUCCESS"})
