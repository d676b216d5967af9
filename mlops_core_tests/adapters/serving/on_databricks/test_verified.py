"""Changes that count when the sample is answered as in batch inference, and are put back otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from databricks_emulator import Emulator
from databricks_emulator.serving import Answer
from mlops_core.adapters.serving.protocol import Traffic
from mlops_core.adapters.serving.verified import NotServedError, serve_verified
from mlops_core.adapters.step_launcher.patient_calls import PatientCalls
from mlops_core.deployment.canary import FINISH, Canary, plan
from mlops_core.deployment.endpoint_sample import Sample
from mlops_core_tests.adapters.serving.on_databricks.conftest import (
    KilledError,
    answers_of,
    endpoint_of,
    killing,
    served_versions,
)


def sample_of(version: int) -> Sample:
    """What the version answers in batch inference, by hand."""
    return Sample([{"distance": 0.5}, {"distance": 3.0}], [version + 0.5, version + 3.0])


def broken_from(number: int) -> object:
    """A `load` whose versions from this one on answer something else."""

    def load(name: str, version: str) -> Answer:
        return (
            answers_of(name, version) if int(version) < number else lambda body: [0.0] * len(body["dataframe_records"])
        )

    return load


def test_a_version_that_answers_its_sample_serves(emulator: Emulator) -> None:
    for traffic, version in ((Traffic(1), 1), (Traffic(1, 2, 10), 2), (Traffic(2), 2)):
        answered = serve_verified(endpoint_of(emulator), traffic, version, sample_of(version), None)
        assert answered.state.served == traffic
        assert answered.seconds > 0


@pytest.mark.parametrize("traffic", [Traffic(2), Traffic(1, 2, 10)])
def test_what_served_before_serves_again(emulator: Emulator, traffic: Traffic) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    emulator.serving.load = broken_from(2)
    with pytest.raises(NotServedError) as raised:
        serve_verified(endpoint, traffic, 2, sample_of(2), Traffic(1))
    assert str(raised.value) == (
        "Version 2 does not serve on the endpoint fare: 2 of 2 recorded events are answered otherwise than in batch "
        "inference, the first of them with 0.0 instead of 2.5; version 1 serves again"
    )
    assert raised.value.differs
    assert served_versions(emulator) == {"1": 100}


def test_an_endpoint_that_has_served_nothing_is_removed(emulator: Emulator) -> None:
    emulator.serving.load = broken_from(1)
    with pytest.raises(NotServedError, match="which had served nothing before, was removed"):
        serve_verified(endpoint_of(emulator), Traffic(1), 1, sample_of(1), None)
    assert not endpoint_of(emulator).state().exists


def test_a_version_that_an_earlier_host_left_unjudged_goes_back_to_what_was_recorded(emulator: Emulator) -> None:
    endpoint_of(emulator).serve(Traffic(2))
    emulator.serving.load = broken_from(2)
    with pytest.raises(NotServedError, match="version 1 serves again"):
        serve_verified(endpoint_of(emulator), Traffic(2), 2, sample_of(2), Traffic(1))
    assert served_versions(emulator) == {"1": 100}


def test_an_endpoint_that_does_not_answer_is_no_verdict_on_the_version(emulator: Emulator) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    emulator.fail("POST", "/invocations", 400, message="the container ran out of memory", times=1)
    with pytest.raises(NotServedError, match="ran out of memory; version 1 serves again") as raised:
        serve_verified(endpoint, Traffic(2), 2, sample_of(2), Traffic(1))
    assert not raised.value.differs


@pytest.mark.parametrize("before", [None, Traffic(1)])
def test_what_another_run_serves_meanwhile_is_left_alone(emulator: Emulator, before: Traffic | None) -> None:
    if before:
        endpoint_of(emulator).serve(before)

    def load(name: str, version: str) -> Answer:
        def overtaken(body: dict[str, Any]) -> list[Any]:
            endpoint_of(emulator).serve(Traffic(3))
            return [0.0] * len(body["dataframe_records"])

        return overtaken if version == "2" else answers_of(name, version)

    emulator.serving.load = load
    with pytest.raises(NotServedError, match="somebody else has changed it meanwhile: version 3 serves"):
        serve_verified(endpoint_of(emulator), Traffic(2), 2, sample_of(2), before)
    assert served_versions(emulator) == {"3": 100}


def test_one_that_cannot_be_put_back_says_what_serves(emulator: Emulator) -> None:
    endpoint = endpoint_of(emulator)
    endpoint.serve(Traffic(1))
    emulator.serving.load = broken_from(2)
    emulator.fail("PUT", "/config", 403, message="no rights any more", skip=1, times=None)
    with pytest.raises(
        NotServedError, match="still serves version 2, for it could not be put back to version 1: .*rights"
    ):
        serve_verified(endpoint, Traffic(2), 2, sample_of(2), Traffic(1))


@pytest.mark.parametrize("after", [False, True])
def test_a_canary_goes_on_after_a_host_is_killed_at_any_call(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """What to do next is read from the endpoint: begin, finish, or nothing."""

    def went_on() -> None:
        endpoint = endpoint_of(emulator)
        todo = plan(endpoint.state(), 2, Canary(10, 0), now=1e12)
        serve_verified(endpoint, todo.traffic, 2, sample_of(2), None)
        if todo.step != FINISH and endpoint.state().served != Traffic(2):
            serve_verified(endpoint, Traffic(2), 2, sample_of(2), None)

    for killed_at in range(40):
        endpoint_of(emulator).serve(Traffic(1))
        with monkeypatch.context() as patch:
            patch.setattr(PatientCalls, "make", killing(killed_at, after))
            try:
                went_on()
            except KilledError:
                assert served_versions(emulator) in ({"1": 100}, {"1": 90, "2": 10}, {"2": 100})
            else:
                return
        went_on()
        assert served_versions(emulator) == {"2": 100}
    pytest.fail("more calls than were killed")
