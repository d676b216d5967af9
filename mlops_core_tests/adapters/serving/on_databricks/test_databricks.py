"""The endpoint of a workspace: what is created, changed, left on the old version and refused, on the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    EndpointTag,
    Route,
    ServedEntityInput,
    TrafficConfig,
)

from databricks_emulator import Emulator
from mlops_core.adapters.serving.databricks import DatabricksEndpoint
from mlops_core.adapters.serving.protocol import BusyError, EndpointError, EndpointState, Traffic
from mlops_core.adapters.step_launcher.patient_calls import PatientCalls
from mlops_core_tests.adapters.serving.on_databricks.conftest import (
    MODEL,
    NAME,
    KilledError,
    answers_of,
    client_of,
    endpoint_of,
    killing,
    served_versions,
)

API = "/api/2.0/serving-endpoints"


def refusal(endpoint: DatabricksEndpoint, traffic: Traffic) -> str:
    with pytest.raises(EndpointError) as raised:
        endpoint.serve(traffic)
    return str(raised.value)


def test_it_is_created_changed_and_removed_and_every_call_may_be_repeated(emulator: Emulator) -> None:
    endpoint = endpoint_of(emulator)
    assert endpoint.state() == EndpointState()
    endpoint.remove()
    for traffic, shares in (
        (Traffic(1), {"1": 100}),
        (Traffic(1), {"1": 100}),
        (Traffic(1, 2, 10), {"1": 90, "2": 10}),
        (Traffic(2), {"2": 100}),
        (Traffic(1), {"1": 100}),
    ):
        state = endpoint.serve(traffic)
        assert (state.served, state.is_ready, state.is_updating, state.tag) == (traffic, True, False, MODEL)
        assert served_versions(emulator) == shares
    assert emulator.calls.count("POST", API) == 1
    assert emulator.calls.count("PUT", f"{API}/{NAME}/config") == 3
    assert state.changed_by == emulator.serving.user
    endpoint.remove()
    endpoint.remove()
    assert not endpoint.state().exists


def test_another_workload_of_the_same_version_is_a_change(emulator: Emulator) -> None:
    endpoint_of(emulator).serve(Traffic(1))
    endpoint_of(emulator, workload_size="Medium").serve(Traffic(1))
    (entity,) = client_of(emulator).serving_endpoints.get(NAME).config.served_entities
    assert entity.workload_size == "Medium"


def test_requests_are_answered_by_the_version_that_is_asked_for(emulator: Emulator) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1, 2, 0))
    records = [{"distance": 0.5}, {"distance": 2.0}]
    assert endpoint.answer(records) == [1.5, 3.0]
    assert endpoint.answer(records, version=2) == [2.5, 4.0]
    with pytest.raises(EndpointError, match="Endpoint fare does not answer: POST .* The served model version-3"):
        endpoint.answer(records, version=3)
    emulator.serving.load = lambda *_: lambda body: [1.0]
    emulator.serving.forget()
    with pytest.raises(EndpointError, match="has no prediction for each of 2 records: see its logs, http"):
        endpoint.answer(records)
    emulator.serving.load = answers_of
    emulator.serving.forget()


@pytest.mark.parametrize("status", [429, 503])
def test_requests_that_are_refused_for_a_while_are_sent_again(emulator: Emulator, status: int) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    emulator.fail("POST", "/invocations", status, retry_after=0, times=3)
    assert endpoint.answer([{"distance": 0.5}], version=1) == [1.5]


def test_an_endpoint_that_is_asked_too_much_is_told_from_one_that_fails(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    monkeypatch.setattr(endpoint.calls, "_patience_s", 0.1)
    emulator.fail("POST", "/invocations", 429, message="Exceeded max number of parallel requests", times=None)
    with pytest.raises(BusyError, match=r"fare is busy: .*parallel requests: give it a larger workload_size"):
        endpoint.answer([{"distance": 0.5}])
    emulator.recover()
    emulator.fail("POST", "/invocations", 503, times=None)
    with pytest.raises(EndpointError, match="fare does not answer") as raised:
        endpoint.answer([{"distance": 0.5}])
    assert not isinstance(raised.value, BusyError)


def test_a_page_in_place_of_an_answer_is_told_and_changes_nothing(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    monkeypatch.setattr(endpoint.calls, "_patience_s", 0.1)
    emulator.fail(path="/invocations", page="<html><title>Sign in</title></html>", times=None)
    with pytest.raises(EndpointError, match=r'fare does not answer: .*an HTML page, or text \("Sign in"\)'):
        endpoint.answer([{"distance": 0.5}])
    emulator.fail(path=API, page="<html><title>Sign in</title></html>", times=None)
    assert 'an HTML page, or text ("Sign in")' in refusal(endpoint, Traffic(2))
    emulator.recover()
    assert endpoint.state().served == Traffic(1)


def test_a_deployment_that_fails_leaves_the_old_version(emulator: Emulator) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    emulator.serving.failures[MODEL, "2"] = "Failed to build container image: no matching distribution of lightgbm."
    assert refusal(endpoint, Traffic(2)) == (
        "Endpoint fare does not serve version 2: the deployment failed (version 2: Failed to build container image: no "
        "matching distribution of lightgbm); what answered before still does; see its build logs at "
        f"{emulator.url}/ml/endpoints/fare."
    )
    state = endpoint.state()
    assert (state.served, state.is_ready, state.is_updating, state.pending) == (Traffic(1), True, False, Traffic(2))
    assert "no matching distribution" in state.error
    emulator.serving.failures.clear()
    assert endpoint.serve(Traffic(2)).served == Traffic(2)


def test_a_first_deployment_that_fails_leaves_nothing(emulator: Emulator) -> None:
    emulator.serving.failures[MODEL, "1"] = "no"
    assert "the deployment failed (version 1: no)" in refusal(endpoint_of(emulator), Traffic(1))
    assert not endpoint_of(emulator).state().exists


def test_a_slow_deployment_is_waited_for_and_then_left_to_go_on(emulator: Emulator) -> None:
    emulator.serving.starting = 0.6
    assert endpoint_of(emulator).serve(Traffic(1)).served == Traffic(1)
    emulator.serving.starting = 1.5
    said = refusal(endpoint_of(emulator, timeout_s=0.3), Traffic(2))
    assert "is not ready after 0 minutes: the deployment of version 2 goes on, and can't be called off" in said
    assert endpoint_of(emulator).state().served == Traffic(1)
    assert endpoint_of(emulator).state().pending == Traffic(2)
    assert endpoint_of(emulator).serve(Traffic(2)).served == Traffic(2)  # by somebody who comes later: no new change
    assert emulator.calls.count("PUT", "/config") == 1


def test_a_change_of_somebody_else_is_waited_for(emulator: Emulator) -> None:
    endpoint_of(emulator).serve(Traffic(1))
    emulator.serving.starting = 0.5
    entity = ServedEntityInput(name="theirs", entity_name=MODEL, entity_version="7", workload_size="Small")
    client_of(emulator).serving_endpoints.update_config(NAME, served_entities=[entity])
    assert endpoint_of(emulator).serve(Traffic(2)).served == Traffic(2)
    assert served_versions(emulator) == {"2": 100}


@pytest.mark.parametrize("tag", [None, MODEL])
def test_an_endpoint_of_somebody_else_is_refused(emulator: Emulator, tag: str | None) -> None:
    model = "dev.other.model" if tag else MODEL
    entity = ServedEntityInput(entity_name=model, entity_version="3", workload_size="Small")
    tags = [EndpointTag("registered_model", tag)] if tag else []
    theirs = EndpointCoreConfigInput(served_entities=[entity])
    client_of(emulator).serving_endpoints.create(NAME, config=theirs, tags=tags)
    whose = "serves dev.other.model" if tag else f"has no tag registered_model={MODEL}"
    endpoint = endpoint_of(emulator)
    said = refusal(endpoint, Traffic(1))
    assert said.startswith(f"The endpoint fare is not this pipeline's: it {whose}, and pipeline@example.com made it")
    assert "nothing was changed: set another name as endpoint.name of the target" in said
    with pytest.raises(EndpointError, match="is not this pipeline's"):
        endpoint.remove()
    assert served_versions(emulator) == {"3": 100}
    assert endpoint.state().served == (None if tag else Traffic(3))


def test_traffic_that_is_no_canary_is_not_taken_for_one(emulator: Emulator) -> None:
    endpoint_of(emulator).serve(Traffic(1))
    three = [ServedEntityInput(name=f"v{n}", entity_name=MODEL, entity_version=n, workload_size="Small") for n in "123"]
    routes = [
        Route(served_entity_name=f"v{n}", traffic_percentage=share)
        for n, share in zip("123", (50, 30, 20), strict=True)
    ]
    client_of(emulator).serving_endpoints.update_config(
        NAME, served_entities=three, traffic_config=TrafficConfig(routes)
    )
    assert endpoint_of(emulator).state().served is None
    assert endpoint_of(emulator).serve(Traffic(1)).served == Traffic(1)


def test_limits_and_rights_are_told_with_their_remedy(emulator: Emulator) -> None:
    emulator.serving.quota = 0
    said = refusal(endpoint_of(emulator), Traffic(1))
    assert "Workspace has reached its limit of 0 endpoints" in said
    assert said.endswith("remove an endpoint that nobody needs, or have the workspace's limit raised.")
    emulator.serving.quota = 50
    emulator.fail("POST", API, 403, message="User does not have EXECUTE on model", times=1)
    assert "and has EXECUTE on the model" in refusal(endpoint_of(emulator), Traffic(1))
    emulator.fail("POST", API, 429, error_code="RESOURCE_EXHAUSTED", times=None)
    assert "has not answered as it should for" in refusal(endpoint_of(emulator), Traffic(1))
    emulator.recover()
    assert not endpoint_of(emulator).state().exists


@pytest.mark.parametrize(
    "spoilt",
    [{"status": 503, "retry_after": 0}, {"status": 429, "retry_after": 0}, {"reset": True}, {"lose_reply": True}],
)
def test_calls_that_fail_for_a_while_are_repeated_and_change_nothing_twice(
    emulator: Emulator, spoilt: dict[str, Any]
) -> None:
    emulator.serving.starting = 0.1
    for traffic in (Traffic(1), Traffic(1, 2, 10)):
        for method in ("POST", "PUT", "GET"):
            emulator.fail(method, API, times=1, **spoilt)
        assert endpoint_of(emulator).serve(traffic).served == traffic
    assert served_versions(emulator) == {"1": 90, "2": 10}


@pytest.mark.parametrize("after", [False, True])
def test_a_host_that_is_killed_at_any_call_converges_when_it_comes_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Killed before, or after, each call; there is one configuration all the time, and it answers."""
    emulator.serving.starting = 0.01
    for killed_at in range(20):
        endpoint_of(emulator).serve(Traffic(1))
        with monkeypatch.context() as patch:
            patch.setattr(PatientCalls, "make", killing(killed_at, after))
            try:
                endpoint_of(emulator).serve(Traffic(2))
            except KilledError:
                assert served_versions(emulator) in ({"1": 100}, {"2": 100})
                assert endpoint_of(emulator).answer([{"distance": 1.0}])[0] in (2.0, 3.0)
            else:
                return  # it makes no more calls than were killed
        assert endpoint_of(emulator).serve(Traffic(2)).served == Traffic(2)
    pytest.fail("more calls than were killed")
