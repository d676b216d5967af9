"""The endpoint of this machine: what it serves stands in a file, which a model server follows."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.serving import local, server
from mlops_core.adapters.serving.endpoint_file import StoredTraffic, write_traffic
from mlops_core.adapters.serving.later_endpoints import LaterEndpoints
from mlops_core.adapters.serving.local import LocalEndpoint, announced
from mlops_core.adapters.serving.protocol import EndpointError, EndpointState, Traffic
from mlops_core.adapters.serving.server import following, served_meanwhile
from mlops_core_tests.adapters.serving.conftest import Place
from mlops_core_tests.adapters.serving.test_served_version import FIRST, JSON
from mlops_core_tests.ports import free_port

EVIL = "http://evil.example"


@pytest.fixture
def endpoint(
    place: Place, versions: tuple[ModelVersion, ...], request: pytest.FixtureRequest
) -> Iterator[LocalEndpoint]:
    made = place.endpoint(f"of {request.node.name}")
    yield made
    made._file.unlink(missing_ok=True)


@contextmanager
def running(endpoint: LocalEndpoint) -> Iterator[str]:
    """A model server as `make serve` runs it."""
    served = {endpoint.name: endpoint.served(endpoint.stored_traffic, endpoint._here.tables)}
    with (
        served_meanwhile(served) as address,
        announced(endpoint.folder, address, os.getpid()),
        following(served),
    ):
        yield address


def names(predictions: list[str]) -> list[str]:
    return [prediction.split()[0] for prediction in predictions]


def test_an_endpoint_is_created_changed_and_removed_without_a_server(endpoint: LocalEndpoint) -> None:
    assert endpoint.state() == EndpointState()
    state = endpoint.serve(Traffic(1))
    assert (state.exists, state.served, state.is_ready, state.tag) == (True, Traffic(1), True, "witness")
    assert endpoint.serve(Traffic(1)) == state == replace(endpoint).state()  # repeated calls change nothing
    assert names(endpoint.answer(JSON)) == ["first"] * len(JSON)
    both = endpoint.serve(Traffic(1, 2, 50))
    assert both.served == Traffic(1, 2, 50) and both.since > state.since
    assert names(endpoint.answer([FIRST], 1) + endpoint.answer([FIRST], 2)) == ["first", "second"]
    endpoint.serve(Traffic(2))
    assert names(endpoint.answer([FIRST])) == ["second"]
    with pytest.raises(EndpointError, match="serves version 2, and not version 1"):
        endpoint.answer([FIRST], 1)
    with pytest.raises(EndpointError, match="lacks 'zip'"):
        endpoint.answer([{"km": 1.0}])
    endpoint.remove()
    assert endpoint.state() == EndpointState()
    endpoint.remove()


def test_what_can_not_be_loaded_leaves_what_was_served(endpoint: LocalEndpoint) -> None:
    with pytest.raises(EndpointError, match=r"no version 99.* serves nothing yet"):
        endpoint.serve(Traffic(99))
    assert endpoint.state() == EndpointState()
    before = endpoint.serve(Traffic(1))
    with pytest.raises(EndpointError, match=r"no version 99.* serves version 1 as before"):
        endpoint.serve(Traffic(1, 99, 10))
    assert endpoint.state() == before
    assert [file.name for file in endpoint.folder.iterdir()] == [endpoint._file.name]


def test_a_file_that_somebody_wrote_is_named(endpoint: LocalEndpoint) -> None:
    endpoint.serve(Traffic(1))
    for content in ("{", '{"model": "witness"}', '{"traffic": {"champion": 1, "challenger_percent": 200}}'):
        endpoint._file.write_text(content)
        with pytest.raises(EndpointError, match="does not say what is served .*: delete it, and serve again"):
            endpoint.state()


def test_an_endpoint_of_another_model_is_refused(place: Place, endpoint: LocalEndpoint) -> None:
    before = endpoint.serve(Traffic(1))
    other = place.endpoint(endpoint.name, "other_model")
    for change in (lambda: other.serve(Traffic(2)), other.remove):
        with pytest.raises(EndpointError, match="serves witness: give that of other_model another name"):
            change()
    assert endpoint.state() == before == other.state()


def test_a_running_server_follows(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FOLLOW_S", 0.05)
    with running(endpoint) as address:
        asked = f"{address}/invocations"
        nothing = requests.post(asked, json={"dataframe_records": [FIRST]}, timeout=60)
        assert (nothing.status_code, nothing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert "make run" in nothing.json()["message"]
        endpoint.serve(Traffic(1))
        answered = requests.post(asked, json={"dataframe_records": [FIRST]}, timeout=60)
        assert (names(answered.json()["predictions"]), answered.headers["served-model-name"]) == (
            ["first"],
            "version-1",
        )
        endpoint.serve(Traffic(1, 2, 25))
        shares = Counter(names([name for _ in range(200) for name in endpoint.answer([FIRST])]))
        assert 20 <= shares["second"] <= 80  # of 200 with a share of 25 %: five standard deviations on each side
        said = requests.get(address, timeout=60).json()[endpoint.name]
        assert said["served"] == {"champion": 1, "challenger": 2, "challenger_percent": 25}
        assert said["columns"] == {"zip": "int", "kind": "string", "at": "timestamp", "day": "date", "km": "double"}
        assert set(said["looked_up"]) == {"airport", "borough", "mean", "n", "rate", "since", "tariff"}
        later = replace(endpoint, name="named later")
        later.serve(Traffic(2))  # of which the running server has not been told
        assert names(later.answer([FIRST])) == ["second"]
        later.remove()
    assert names(endpoint.answer([FIRST], 2)) == ["second"]  # by a server of its own again


def test_an_endpoint_that_is_named_later_is_served_until_it_is_removed(
    place: Place, endpoint: LocalEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    served = {"first name": place.served("first name", Traffic(1))}
    served["first name"].follow()
    later = LaterEndpoints([endpoint], endpoint._here.tables, served)
    endpoint.serve(Traffic(2))
    others = place.endpoint(f"others of {endpoint.name}", "other_model")
    write_traffic(others._file, StoredTraffic("other_model", Traffic(1), 1.0, ""))
    damaged = endpoint.folder / "damaged.json"
    damaged.write_text("{")
    with served_meanwhile(served) as address, announced(endpoint.folder, address, os.getpid()):
        assert endpoint._running() is None
        later.look()
        later.look()
        assert (set(served), endpoint._running()) == ({"first name", endpoint.name}, address)
        assert names(endpoint.answer([FIRST])) == ["second"]
        first = requests.post(f"{address}/invocations", json={"dataframe_records": [FIRST]}, timeout=60)
        assert names(first.json()["predictions"]) == ["first"]
        endpoint.remove()
        later.look()
        assert (set(served), endpoint._running()) == ({"first name"}, None)
    assert ["damaged.json does not say what is served" in message for message in caplog.messages] == [True]
    for file in (damaged, others._file):
        file.unlink()


def test_what_a_killed_server_left_behind_is_passed_over(endpoint: LocalEndpoint) -> None:
    endpoint.serve(Traffic(1))
    left = endpoint.folder / local.RUNNING
    address = f"http://127.0.0.1:{free_port()}"
    for content in (json.dumps({"address": address, "pid": 1}), '{"address": 1}', "[", ""):
        left.write_text(content)
        assert names(endpoint.answer([FIRST])) == ["first"]
        assert endpoint.serve(Traffic(1)).served == Traffic(1)
    with announced(endpoint.folder, "http://first", 1):
        with announced(endpoint.folder, "http://second", 2):
            left.write_text(json.dumps({"address": "http://third", "pid": 3}))
        assert "third" in left.read_text(), "it is not the one that ended"
        left.unlink()


def test_no_proxy_is_asked(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    endpoint.serve(Traffic(1))
    assert names(endpoint.answer([FIRST])) == ["first"]


def test_a_server_follows_after_an_error_of_any_kind(
    endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "FOLLOW_S", 0.05)
    errors = iter([RuntimeError("of a kind that nobody expects")])

    def read() -> Traffic | None:
        for error in errors:
            raise error
        return endpoint.stored_traffic()

    served = {endpoint.name: endpoint.served(read, endpoint._here.tables)}
    with served_meanwhile(served) as address, announced(endpoint.folder, address, os.getpid()), following(served):
        endpoint.serve(Traffic(1))
        assert names(endpoint.answer([FIRST])) == ["first"]
    assert "of a kind that nobody expects" in caplog.text


def test_a_server_that_does_not_follow_is_named(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "FOLLOWED_S", 0.1)
    before = endpoint.serve(Traffic(1))
    monkeypatch.setattr(server, "FOLLOW_S", 60.0)
    with running(endpoint), pytest.raises(EndpointError, match=r"does not serve version 2: it has not followed"):
        endpoint.serve(Traffic(2))
    assert endpoint.state() == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": EVIL}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_page_of_another_site_can_not_use_it(endpoint: LocalEndpoint, headers: dict[str, str], status: int) -> None:
    endpoint.serve(Traffic(1))
    endpoint._here.follow()
    with served_meanwhile({endpoint.name: endpoint._here}) as address:
        sent = {"Content-Type": "application/json"} | headers
        refused = requests.post(f"{address}/invocations", data="{}", headers=sent, timeout=60)
        assert (refused.status_code, set(refused.json())) == (status, {"error_code", "message"})
        if "Content-Type" not in headers:
            assert requests.get(address, headers=headers, timeout=60).status_code == status


def test_several_endpoints_have_their_paths(endpoint: LocalEndpoint, place: Place) -> None:
    both = {name: place.served(name, Traffic(number)) for number, name in [(1, endpoint.name), (2, "the other")]}
    for each in both.values():
        each.follow()
    with served_meanwhile(both) as address:
        answered = requests.post(
            f"{address}/serving-endpoints/the%20other/invocations", json={"dataframe_records": [FIRST]}, timeout=60
        )
        assert names(answered.json()["predictions"]) == ["second"]
        for path in ("/invocations", "/serving-endpoints/none/invocations", "/nowhere"):
            refused = requests.post(f"{address}{path}", json={}, timeout=60)
            assert (refused.status_code, set(refused.json())) == (404, {"error_code", "message"})
        assert requests.get(f"{address}/invocations", timeout=60).status_code == 405
        assert requests.get(f"{address}/health", timeout=60).status_code == 200
