"""An emulated workspace whose versions answer with their number plus the distance."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from tenacity import wait_fixed

from databricks_emulator import Emulator
from databricks_emulator.serving import Answer
from mlops_core.adapters import waiting
from mlops_core.adapters.databricks_client import workspace_client
from mlops_core.adapters.serving.databricks import DatabricksEndpoint
from mlops_core.adapters.step_launcher import patient_calls
from mlops_core.adapters.step_launcher.patient_calls import ClientSource, PatientCalls
from mlops_core.adapters.step_launcher.settings import LauncherSettings, Timing
from mlops_core.config import parsed_host

MODEL, NAME = "dev.fares.fare_model", "fare"
TIMING = Timing(outage_s=2.0, credentials_s=0.2, lease_s=60.0, call_timeout_s=5.0)


class KilledError(BaseException):
    """The host ends at a call."""


def answers_of(name: str, version: str) -> Answer:
    return lambda body: [int(version) + record["distance"] for record in body["dataframe_records"]]


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("serving") / "workspace") as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("DATABRICKS_TOKEN", running.token)
    monkeypatch.setattr(patient_calls, "SOON", wait_fixed(0.01))
    monkeypatch.setattr(patient_calls, "THINNED", wait_fixed(0.01))
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.02)
    running.serving.load = answers_of
    running.serving.forget()
    yield running
    running.recover()
    running.serving.starting, running.serving.quota = 0.0, 50
    running.serving.failures.clear()
    for found in client_of(running).serving_endpoints.list():
        client_of(running).serving_endpoints.delete(found.name)
    running.calls.clear()


def client_of(emulator: Emulator) -> Any:
    return workspace_client(parsed_host(emulator.url, "here"))


def endpoint_of(emulator: Emulator, timeout_s: float = 10.0, **stated: Any) -> DatabricksEndpoint:
    settings = LauncherSettings(
        "/Volumes/dev/fares/staging", workspace=parsed_host(emulator.url, "here"), timing=TIMING
    )
    calls = PatientCalls(ClientSource(settings), TIMING.credentials_s, TIMING.outage_s, logging.getLogger(__name__))
    page = f"{emulator.url}/ml/endpoints/{NAME}"
    return DatabricksEndpoint(NAME, MODEL, calls, f"{emulator.url}/x", page, timeout_s=timeout_s, **stated)


def served_versions(emulator: Emulator) -> dict[str, int]:
    """What is served, as the SDK says it: version -> percent."""
    config = client_of(emulator).serving_endpoints.get(NAME).config
    versions = {entity.name: entity.entity_version for entity in config.served_entities}
    return {versions[each.served_entity_name]: each.traffic_percentage for each in config.traffic_config.routes}


def killing(number: int, after: bool) -> Callable[[PatientCalls, Any], Any]:
    """`PatientCalls.make` on a host that ends at the call of this number."""
    make, calls = PatientCalls.make, count()

    def killed(self: PatientCalls, call: Any) -> Any:
        is_last = next(calls) == number
        if is_last and not after:
            raise KilledError
        made = make(self, call)
        if is_last:
            raise KilledError
        return made

    return killed
