"""The endpoint follows the champion: promoted, rolled back, a canary, failed, moved by hand, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import dagster as dg
import mlflow
import pytest

from databricks_emulator import Emulator
from mlops_core.adapters import waiting
from mlops_core.adapters.serving.databricks import DatabricksEndpoint
from mlops_core.adapters.serving.protocol import Traffic
from mlops_core.defs import resources
from my_mlops_stacks_tests.deployment.acts import promoted, reason, rolled_back
from my_mlops_stacks_tests.deployment.endpoints import NAME, Served, workspace_endpoint
from my_mlops_stacks_tests.gate import NEIGHBOURS, Constant, Gate, NeighboursFare

CANARY = {"canary_percent": 10, "canary_minutes": 60}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("workspace") / "files") as emulator:
        yield emulator


@pytest.fixture
def endpoint(gate: Gate, workspace: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabricksEndpoint]:
    """The endpoint of the workspace, in the place of this machine's."""
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.token)
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)
    made = workspace_endpoint(workspace, gate)
    monkeypatch.setattr(resources, "_served_here", lambda *_: made)
    yield made
    workspace.recover()
    workspace.serving.failures.clear()
    workspace.serving.forget()
    made.remove()


def seen(served: Served) -> dict[str, object]:
    return {name: value.value for name, value in served.events()[0].metadata.items()}


def test_a_promotion_takes_the_endpoint_along_and_a_rollback_too(gate: Gate, endpoint: DatabricksEndpoint) -> None:
    served = Served(gate)
    first = promoted(served, NeighboursFare(), NEIGHBOURS)
    assert endpoint.state().served == Traffic(first.version)
    told = seen(served)
    assert (told["served_version"], told["sample_rows"], told["changed_by"]) == (
        first.version,
        20,
        "pipeline@example.com",
    )
    assert told["page"] == endpoint.page
    sample = json.loads(mlflow.artifacts.load_text(f"runs:/{first.run_id}/endpoint_sample.json"))
    fares = [10.0 if row["neighbours_fare"] is None else row["neighbours_fare"] for row in sample["records"]]
    assert sample["answers"] == pytest.approx(fares)
    assert endpoint.answer(sample["records"]) == pytest.approx(fares)
    assert max(row["tpep_pickup_datetime"] for row in sample["records"])[:10] == "2016-02-29"

    second = promoted(served, Constant(12.0))
    assert endpoint.state().served == Traffic(second.version)
    ticked = served.tick()
    assert ticked.skip_message == f"It serves version {second.version}"

    assert rolled_back(served, first).success
    (request,) = served.tick(ticked.cursor).run_requests
    assert request.asset_selection == [dg.AssetKey("endpoint")], "the sample is recorded already"
    assert served.follow(request).success
    assert endpoint.state().served == Traffic(first.version)
    assert served.tick(ticked.cursor).skip_message == f"It serves version {first.version}"


def test_a_deployment_that_fails_leaves_the_old_version_and_is_asked_for_once_more(
    gate: Gate, endpoint: DatabricksEndpoint, workspace: Emulator
) -> None:
    served = Served(gate)
    first = promoted(served, Constant(9.0))
    number = str(first.version + 1)
    workspace.serving.failures[first.name, number] = "Could not build the container"
    with pytest.raises(AssertionError):
        promoted(served, Constant(10.0))
    assert served.aliases()["champion"] == int(number)
    assert endpoint.state().served == Traffic(first.version)
    cursor, sentences = None, []
    for _ in range(2):
        ticked = served.tick(cursor)
        cursor = ticked.cursor
        (request,) = ticked.run_requests
        run = served.definitions.resolve_job_def("endpoint_job").execute_in_process(
            instance=served.instance, tags={"dagster/run_key": request.run_key}, raise_on_error=False
        )
        sentences.append(reason(run))
    assert "does not serve version" in sentences[0]
    assert "(version " + number + ": Could not build the container); what answered before still does" in sentences[0]
    ticked = served.tick(cursor)
    assert "of endpoint_job failed, and nothing starts it again: launch endpoint_job yourself" in ticked.skip_message
    assert len(ticked.asset_events) == 1
    assert not served.tick(ticked.cursor).asset_events
    workspace.serving.failures.clear()
    assert served.definitions.resolve_job_def("endpoint_job").execute_in_process(instance=served.instance).success
    assert endpoint.state().served == Traffic(int(number))


@pytest.mark.slow
def test_answers_that_differ_put_the_old_version_back(
    gate: Gate, endpoint: DatabricksEndpoint, workspace: Emulator
) -> None:
    served, load = Served(gate), workspace.serving.load
    first = promoted(served, Constant(9.0))
    workspace.serving.load = lambda name, version: (
        load(name, version) if int(version) == first.version else lambda body: [7.5] * len(body["dataframe_records"])
    )
    with pytest.raises(AssertionError):
        promoted(served, Constant(10.0))
    version = served.aliases()["champion"]
    assert endpoint.state().served == Traffic(first.version)
    why = served.registry.get(version).tags["endpoint_withdrawn"]
    assert (
        f"Version {version} does not serve on the endpoint fare: 20 of 20 recorded events are answered otherwise" in why
    )
    assert why.endswith(f"the first of them with 7.5 instead of 10.0; version {first.version} serves again")
    assert f"Version {version} was withdrawn" in served.tick().skip_message
    again = served.definitions.resolve_job_def("endpoint_job").execute_in_process(
        instance=served.instance, raise_on_error=False
    )
    assert "remove the tag endpoint_withdrawn of the version" in reason(again)
    workspace.serving.load = load
    workspace.serving.forget()
    served.registry.client.delete_model_version_tag(first.name, str(version), "endpoint_withdrawn")
    (request,) = served.tick().run_requests
    assert served.follow(request).success
    assert endpoint.state().served == Traffic(version)


@pytest.mark.slow
def test_a_canary_gets_its_share_and_then_everything(gate: Gate, endpoint: DatabricksEndpoint) -> None:
    served = Served(gate, **CANARY)
    first, second = promoted(served, Constant(9.0)), promoted(served, Constant(10.0))
    assert endpoint.state().served == Traffic(first.version, second.version, 10)
    assert (seen(served)["canary_version"], seen(served)["canary_percent"]) == (second.version, 10)
    ticked = served.tick()
    assert ticked.skip_message.startswith(
        f"A canary: version {first.version} (90 %) and version {second.version} (10 %)"
    )
    again = served.definitions.resolve_job_def("endpoint_job").execute_in_process(instance=served.instance)
    assert again.success, "whoever materializes it in between changes nothing"
    assert endpoint.state().served == Traffic(first.version, second.version, 10)
    over = served.stating(canary_percent=10, canary_minutes=0)
    (request,) = over.tick(ticked.cursor).run_requests
    assert "A canary is over" in request.tags["endpoint/reason"]
    assert over.follow(request).success
    assert endpoint.state().served == Traffic(second.version)

    assert rolled_back(served, first).success
    (request,) = served.tick().run_requests
    assert served.follow(request).success
    assert endpoint.state().served == Traffic(first.version), "a rollback takes no canary"

    third = promoted(served, Constant(11.0))
    assert endpoint.state().served == Traffic(first.version, third.version, 10)
    assert rolled_back(served, first).success
    (request,) = served.tick().run_requests
    assert served.follow(request).success
    assert endpoint.state().served == Traffic(first.version), "nor does one in the midst of a canary"


@pytest.mark.slow
def test_a_canary_that_fails_is_withdrawn(gate: Gate, endpoint: DatabricksEndpoint, workspace: Emulator) -> None:
    served, load = Served(gate, **CANARY), workspace.serving.load
    first, second = promoted(served, Constant(9.0)), promoted(served, Constant(10.0))
    workspace.serving.load = lambda *_: lambda body: [1.0] * len(body["dataframe_records"])
    workspace.serving.forget()
    (request,) = served.tick().run_requests
    assert "and it fails: 20 of 20 recorded events are answered otherwise" in request.tags["endpoint/reason"]
    run = served.follow(request)
    assert (
        f"Version {second.version} was withdrawn from the endpoint fare, and version {first.version} serves"
        in reason(run)
    )
    assert endpoint.state().served == Traffic(first.version)
    assert served.aliases()["champion"] == second.version
    assert seen(served)["withdrawn_version"] == second.version
    ticked = served.tick()
    assert not ticked.run_requests
    assert f"Version {second.version} was withdrawn" in ticked.skip_message
    workspace.serving.load = load
    workspace.serving.forget()
    third = promoted(served, Constant(11.0))
    assert endpoint.state().served == Traffic(first.version, third.version, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (("canary", 429), "is busy"),
        (("both", 503), "nor does it answer for version"),
        (("both", 403), "nor does it answer for version"),
        (("canary", 503), None),
        (("canary", 400), None),
    ],
)
def test_a_canary_that_does_not_answer_is_withdrawn_only_when_the_other_version_does(
    gate: Gate, endpoint: DatabricksEndpoint, workspace: Emulator, fault: tuple[str, int], why: str | None
) -> None:
    served, (asked, status) = Served(gate, **CANARY), fault
    first, second = promoted(served, Constant(9.0)), promoted(served, Constant(10.0))
    path = f"/version-{second.version}/invocations" if asked == "canary" else "/invocations"
    workspace.fail("POST", path, status, times=None)
    ticked = served.tick()
    if status == 429:
        assert not ticked.run_requests
        assert "not judged by this tick: Endpoint fare is busy" in ticked.skip_message
    else:
        assert "and it fails: Endpoint fare does not answer" in ticked.run_requests[0].tags["endpoint/reason"]
    said = reason(
        served.definitions.resolve_job_def("endpoint_job").execute_in_process(
            instance=served.instance, raise_on_error=False
        )
    )
    is_withdrawn = "endpoint_withdrawn" in served.registry.get(second.version).tags
    assert is_withdrawn == (why is None)
    if why is None:
        assert endpoint.state().served == Traffic(first.version)
        assert f"Version {second.version} was withdrawn from the endpoint fare" in said
    else:
        assert endpoint.state().served == Traffic(first.version, second.version, 10)
        assert "The canary of fare was not judged, and goes on: " in said and why in said


@pytest.mark.slow
def test_a_canary_that_is_ended_while_it_is_judged_is_not_withdrawn(
    gate: Gate, endpoint: DatabricksEndpoint, workspace: Emulator
) -> None:
    served, load = Served(gate, **CANARY), workspace.serving.load
    first, second = promoted(served, Constant(9.0)), promoted(served, Constant(10.0))

    def rolled_back_meanwhile(body: dict) -> list[float]:
        endpoint.serve(Traffic(first.version))
        return [1.0] * len(body["dataframe_records"])

    workspace.serving.load = lambda name, version: (
        load(name, version) if int(version) == first.version else rolled_back_meanwhile
    )
    workspace.serving.forget()
    run = served.definitions.resolve_job_def("endpoint_job").execute_in_process(
        instance=served.instance, raise_on_error=False
    )
    assert f"was not judged: somebody else has changed it meanwhile: version {first.version} serves" in reason(run)
    assert "endpoint_withdrawn" not in served.registry.get(second.version).tags
    assert endpoint.state().served == Traffic(first.version)


@pytest.mark.slow
@pytest.mark.parametrize("moved_by_hand", ["report", "put_back"])
def test_an_endpoint_that_was_moved_by_hand_is_reported_and_put_back_where_the_target_says_so(
    gate: Gate, endpoint: DatabricksEndpoint, moved_by_hand: str
) -> None:
    served = Served(gate, moved_by_hand=moved_by_hand, **CANARY)
    first, second = promoted(served, Constant(9.0)), promoted(served, Constant(10.0))
    over = served.stating(moved_by_hand=moved_by_hand, canary_percent=10, canary_minutes=0)
    assert over.follow(over.tick().run_requests[0]).success
    endpoint.serve(Traffic(first.version))
    doubted = served.tick()
    assert "reported if the next tick sees it too" in doubted.skip_message
    assert not doubted.run_requests and not doubted.asset_events
    ticked = served.tick(doubted.cursor)
    said = f"It serves version {first.version}; Dagster had left it with version {second.version}"
    (event,) = ticked.asset_events
    assert event.description == said
    assert event.metadata["changed_by"].value == "pipeline@example.com"
    if moved_by_hand == "report":
        assert not ticked.run_requests
        assert not served.tick(ticked.cursor).asset_events, "once"
        endpoint.remove()
        gone = served.tick(served.tick(ticked.cursor).cursor)
        assert gone.skip_message == f"It was removed; Dagster had left it with version {second.version}"
        return
    (request,) = ticked.run_requests
    assert served.follow(request).success
    assert endpoint.state().served == Traffic(second.version), "without a canary: it had passed"


def test_a_champion_without_a_feature_spec_is_refused_before_anything_is_deployed(
    gate: Gate, endpoint: DatabricksEndpoint
) -> None:
    served = Served(gate)
    with served.registry.run("a training", {}) as run:
        mlflow.pyfunc.log_model(name="model", python_model=Constant(9.0), pip_requirements=["mlflow"])
    source = f"runs:/{run.info.run_id}/model"
    made = served.registry.client.create_model_version(served.registry.model, source, run.info.run_id)
    served.registry.move_alias("champion", served.registry.get(int(made.version)))
    (request,) = served.tick().run_requests
    assert request.asset_selection == [dg.AssetKey("endpoint_sample"), dg.AssetKey("endpoint")]
    run = served.follow(request)
    assert f"The champion, version {made.version}, can't be scored: launch rollback_job" in reason(run)
    assert "feature_spec.yaml" in reason(run)
    assert not endpoint.state().exists


@pytest.mark.slow
def test_the_endpoint_of_this_machine_follows_too(gate: Gate) -> None:
    served = Served(gate)
    first = promoted(served, NeighboursFare(), NEIGHBOURS)
    with served.resources() as found:
        assert found.serving_endpoint.state().served == Traffic(first.version)
    assert seen(served)["endpoint"] == NAME
    assert served.tick().skip_message == f"It serves version {first.version}"
