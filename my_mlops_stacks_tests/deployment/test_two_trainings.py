"""Two trainings at once on one state: each judges and promotes the version that it trained, whatever aliases say.

Steps are taken by hand, in many orders; the models are LightGBM's, MLflow is on SQLite, the history is Dagster's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import dagster as dg
import pytest

from mlops_core.adapters.model_registry import ModelRegistry
from my_mlops_stacks_tests.deployment.stepwise import CHALLENGE, JUDGE, PROMOTE, SHADOW, STEPS, TRAIN, Training, job
from my_mlops_stacks_tests.pipeline_runs import DAYS, Pipeline

QUICK = {"num_boost_round": 100}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Pipeline]:
    """Generated trips, their features, and version 1 as champion, on an instance that other processes can open."""
    folder = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.local_temp(str(folder)) as instance:
        patch.delenv("TRIPS_PATH", raising=False)
        patch.setenv("BUNDLE_VAR_state_folder", str(folder / "state"))
        pipeline = Pipeline(folder)
        pipeline.instance, pipeline.folder = instance, folder
        assert pipeline.run("feature_engineering_job", DAYS, ingest_trips={"rows": 4_000}).success
        assert pipeline.run("model_training_job", fare_model=QUICK).success
        yield pipeline


def version_of(made: Pipeline, run_id: str) -> SimpleNamespace:
    """The version that the run trained and its tags, found without any code of the project."""
    client = made.registry.client
    found = client.search_model_versions(f"name = '{made.registry.model}' and tags.dagster_run_id = '{run_id}'")
    assert len(found) == 1
    return SimpleNamespace(number=int(found[0].version), **found[0].tags)


def history(made: Pipeline) -> list[tuple[int, object]]:
    """(Version, the version that it came after), the oldest first."""
    records = made.instance.fetch_materializations(dg.AssetKey("champion"), limit=100).records
    told = [record.asset_materialization.metadata for record in records]
    return [(entry["version"].value, entry["from_version"].value) for entry in reversed(told)]


def require_consistent(made: Pipeline) -> None:
    """Each champion came after the one before it, and nothing was compared with itself or judged by another's run."""
    entries = history(made)
    assert entries[0][1] == "none"
    assert all(later[1] == earlier[0] for earlier, later in pairwise(entries))
    client, model = made.registry.client, made.registry.model
    held = client.get_registered_model(model).aliases
    assert (int(held["champion"]), int(held["previous_champion"])) == entries[-1]
    for found in client.search_model_versions(f"name = '{model}'"):
        assert found.tags.get("validated_against") != found.version
        if "validation_run_id" in found.tags:
            judged = client.get_run(found.tags["validation_run_id"])
            assert judged.info.run_name == f"validation of version {found.version}"


def judged_in(made: Pipeline, version: SimpleNamespace) -> str:
    """The Dagster run that wrote the verdict."""
    return made.registry.client.get_run(version.validation_run_id).data.tags["dagster_run_id"]


def test_trainings_that_take_turns_judge_and_promote_their_own_versions(made):
    first, second = Training(made, fare_model=QUICK), Training(made, fare_model=QUICK)
    champion = history(made)[-1][0]
    for step in STEPS:
        assert first.take(step)
        second.take(step)
    one, other = version_of(made, first.run_id), version_of(made, second.run_id)
    assert (judged_in(made, one), judged_in(made, other)) == (first.run_id, second.run_id)
    assert one.validated_against == other.validated_against == str(champion)
    assert (one.validation_status, other.validation_status) == ("passed", "passed")
    assert history(made)[-1] == (one.number, champion)
    assert (
        f"Version {other.number} was judged against {champion}, but {one.number} is champion: re-execute the run "
        f"{second.run_id} from the step candidate_validation on, which judges it against {one.number}; no alias"
    ) in second.why
    require_consistent(made)

    again = dg.ReexecutionOptions(second.run_id, step_selection=["candidate_validation*"])
    assert dg.execute_job(job(), made.instance, reexecution_options=again, run_config=second.config).success
    assert history(made)[-1] == (other.number, one.number)
    assert version_of(made, second.run_id).validated_against == str(one.number)
    require_consistent(made)


def test_a_run_that_goes_on_from_its_failure_goes_on_with_its_version(made, monkeypatch):
    """Also when a later training has taken all the aliases meanwhile."""
    broken = Training(made, fare_model=QUICK)
    assert broken.take(CHALLENGE)
    with monkeypatch.context() as patch:
        patch.setattr(ModelRegistry, "run_metrics", lambda *_: 1 / 0)
        broken.take(PROMOTE)
    assert "ZeroDivisionError" in broken.why
    later = Training(made, fare_model=QUICK)
    assert later.take(PROMOTE)
    made.instance.report_run_failed(broken.run)
    again = dg.ReexecutionOptions.from_failure(broken.run_id, made.instance)
    result = dg.execute_job(job(), made.instance, reexecution_options=again, raise_on_error=False)
    number, taken = version_of(made, broken.run_id).number, version_of(made, later.run_id).number
    failed = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert f"Version {number} was judged against" in str(failed[0])
    assert history(made)[-1][0] == taken
    require_consistent(made)

    assert made.registry.at_alias("candidate").version == taken
    part = Training(made, repeats=broken)
    assert part.take(), part.why
    assert made.registry.at_alias("challenger").version == number


def test_a_check_alone_is_of_the_candidate_and_the_champion_is_compared_with_nobody(made):
    """The newest candidate is champion: its checks alone would compare it with itself."""
    candidate = made.registry.at_alias("candidate")
    made.registry.move_alias("champion", candidate)
    checks = dg.AssetSelection.checks_for_assets("fare_model")
    alone = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[dg.define_asset_job("checks", checks)]))
    result = alone.resolve_job_def("checks").execute_in_process(instance=made.instance)
    (found,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "candidate_beats_champion")
    assert found.passed and "It is the champion itself" in found.description
    told = made.registry.get(candidate.version).tags["validated_against"]
    made.registry.move_alias("champion", made.registry.get(history(made)[-1][0]))
    assert told == "nobody: it was the champion itself"


ORDERS = [
    [(0, TRAIN), (1, TRAIN), (0, PROMOTE), (1, PROMOTE)],
    [(0, TRAIN), (1, TRAIN), (1, PROMOTE), (0, PROMOTE)],
    [(0, JUDGE), (1, PROMOTE), (0, PROMOTE)],
    [(0, CHALLENGE), (1, PROMOTE), (0, PROMOTE)],
    [(0, SHADOW), (1, PROMOTE), (0, PROMOTE)],
    [(0, SHADOW), (1, SHADOW), (1, PROMOTE), (0, PROMOTE)],
]


def shuffled(seed: int) -> list[tuple[int, str]]:
    """All steps of both trainings, in an order of their own."""
    order = Random(seed)
    left = [list(STEPS), list(STEPS)]
    taken = []
    while any(left):
        who = order.choice([number for number in (0, 1) if left[number]])
        taken.append((who, left[who].pop(0)))
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("order", [*ORDERS, *map(shuffled, range(6))], ids=str)
def test_in_every_order_each_version_has_its_own_verdict_and_the_history_holds(made, order):
    trainings = Training(made, fare_model=QUICK), Training(made, fare_model=QUICK)
    for who, step in order:
        trainings[who].take(step)
    assert any(not training.why for training in trainings)
    for training in trainings:
        version = version_of(made, training.run_id)
        assert (version.leak_check, version.validation_status) == ("passed", "passed")
        assert judged_in(made, version) == training.run_id
        assert not training.why or f"Version {version.number} was judged against {version.validated_against}, but" in (
            training.why
        )
    require_consistent(made)


PROCESS = """
import sys
import dagster as dg
from my_mlops_stacks_tests.deployment.stepwise import job
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    print("ready", flush=True)
    sys.stdin.readline()
    config = {"ops": {"fare_model": {"config": {"num_boost_round": 100}}}}
    result = dg.execute_job(job(), instance, run_config=config, raise_on_error=False)
    print(result.run_id, result.success, flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_train_at_once(made):
    command = [sys.executable, "-c", PROCESS, str(made.folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=600)[0].split() for process in started]
    tags = {run_id: made.instance.get_run_by_id(run_id).tags for run_id, _ in told}
    won = [run_id for run_id, success in told if success == "True" and "refused" not in tags[run_id]]
    promoted = [version_of(made, run_id).number for run_id in won]
    assert promoted and set(promoted) <= {version for version, _ in history(made)}
    for run_id, _ in told:
        version = version_of(made, run_id)
        assert version.validation_status == "passed" and judged_in(made, version) == run_id
    require_consistent(made)
