"""Promotion on a real MLflow on SQLite: crashes at every call, two at once, approvals, what a registry may answer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from random import Random
from threading import Condition, Thread, local

import dagster as dg
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlops_core.adapters.aliases import give_alias
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import OvertakenError
from my_mlops_stacks_tests.deployment.desk import Desk, reason
from my_mlops_stacks_tests.rehearsal.mlflow_server import mlflow_server

CALLS = (
    "get_model_version",
    "get_model_version_by_alias",
    "get_registered_model",
    "get_run",
    "set_registered_model_alias",
)


class DiedError(Exception):
    """Stands for the death of the process."""


def follow_the_first(registry: ModelRegistry, version: ModelVersion) -> None:
    """What a run does with a version that was judged beside version 1, on a server: nothing locks there."""
    unlocked = replace(registry, artifacts=None)
    give_alias(unlocked, "champion", version, may_move=lambda: None, from_version=1)


@pytest.fixture(scope="module", params=["local", pytest.param("staging", marks=pytest.mark.slow)])
def desk(request, tmp_path_factory) -> Iterator[Desk]:
    """Three versions that passed: on SQLite, and (slow) on an MLflow server as a target on Databricks has it."""
    folder = tmp_path_factory.mktemp("desk")
    with ExitStack() as stack:
        if request.param != "local":
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            uri = stack.enter_context(mlflow_server(folder))
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            patch.setenv("MLFLOW_REGISTRY_URI", uri)
        made = Desk(folder, request.param)
        for _ in range(3):
            made.register()
        yield made


@pytest.fixture
def on_call(monkeypatch) -> Callable[[Callable[[int, str], None], bool], list[str]]:
    """A function that lets something happen before, or after, each call of the registry; gives the list of calls."""

    def install(happens: Callable[[int, str], None], before: bool) -> list[str]:
        made: list[str] = []

        def wrapped(name: str):
            real = getattr(MlflowClient, name)

            def call(self: MlflowClient, *args: object, **kwargs: object) -> object:
                made.append(name)
                number = len(made)
                if before:
                    happens(number, name)
                try:
                    return real(self, *args, **kwargs)
                finally:
                    if not before:
                        happens(number, name)

            return call

        for name in CALLS:
            monkeypatch.setattr(MlflowClient, name, wrapped(name))
        return made

    return install


def test_the_history_says_from_what_to_what_who_why_and_how_good(desk):
    desk.hold(challenger=2, champion=1)
    assert desk.promote().success
    assert desk.aliases() == {"challenger": 2, "champion": 2, "previous_champion": 1}
    entry = desk.history()[0]
    assert (entry["from_version"], entry["version"], entry["decided_by"]) == (1, 2, "automatic")
    assert (entry["reason"], entry["git_commit"], entry["root_mean_squared_error"]) == (
        "passed validation",
        "abc123",
        2.5,
    )


def test_the_first_champion_comes_after_none(tmp_path):
    desk = Desk(tmp_path)
    desk.register()
    desk.hold(challenger=1)
    assert desk.promote().success
    assert desk.history()[0]["from_version"] == "none"
    assert desk.aliases() == {"challenger": 1, "champion": 1}


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_call_leaves_a_champion_and_doing_it_again_completes_it(desk, on_call, monkeypatch, before):
    desk.hold(challenger=2, champion=1)
    calls = on_call(lambda number, name: None, before)
    assert desk.promote().success
    monkeypatch.undo()
    assert calls.count("set_registered_model_alias") == 2
    for doomed in range(1, len(calls) + 1):
        desk.hold(challenger=2, champion=1)

        def dies(number: int, name: str, doomed: int = doomed) -> None:
            if number == doomed:
                raise DiedError(name)

        on_call(dies, before)
        assert not desk.promote().success
        monkeypatch.undo()
        assert desk.aliases()["champion"] in (1, 2)
        assert desk.promote().success
        assert desk.aliases() == {"challenger": 2, "champion": 2, "previous_champion": 1}
        assert (desk.history()[0]["from_version"], desk.history()[0]["version"]) == (1, 2)


def test_two_promotions_at_once_end_in_one_champion_and_the_other_is_told(desk, on_call, monkeypatch):
    """The second promotion runs as a whole before any call of the first one: both follow version 1."""
    told: list[str] = []
    for position in range(1, 20):
        desk.hold(champion=1)
        second, third = desk.registry.get(2), desk.registry.get(3)
        intruded: list[str] = []
        won: list[int] = []

        def follow(version: ModelVersion, won: list[int] = won) -> None:
            try:
                follow_the_first(desk.registry, version)
                won.append(version.version)
            except OvertakenError as error:
                told.append(str(error))

        act = partial(follow, third)

        def intrudes(number: int, name: str, at=position, intruded=intruded, act=act) -> None:
            if number == at and not intruded:
                intruded.append(name)
                act()

        on_call(intrudes, True)
        follow(second)
        monkeypatch.undo()
        if not intruded:
            break
        held = desk.aliases()
        assert (held["champion"], held["previous_champion"]) == (won[-1], 1)
        # Setting an alias asks for the model first, and nothing can look at the holder and set in one call.
        assert len(won) == 1 or intruded[0] in ("set_registered_model_alias", "get_registered_model")
    assert any("Version 3 became champion while version 2 was about to follow 1" in text for text in told)
    assert any("Version 2 became champion while version 3 was about to follow 1" in text for text in told)


def test_promotions_that_interleave_call_by_call_end_in_one_champion(desk, monkeypatch):
    """Both promotions run in threads that take turns at each call of the registry, in many orders."""
    for seed in range(12):
        desk.hold(champion=1)
        second, third = desk.registry.get(2), desk.registry.get(3)
        with monkeypatch.context() as patch:
            errors = in_turns(patch, seed, *(partial(follow_the_first, desk.registry, v) for v in (second, third)))
        held = desk.aliases()
        assert held["champion"] in (2, 3) and held["previous_champion"] == 1
        assert len(errors) < 2 and all(isinstance(error, OvertakenError) for error in errors)
        loser = 5 - held["champion"]
        assert all(f"version {loser}" in str(error) for error in errors)


def test_who_was_overtaken_leaves_no_entry_in_the_history(desk, on_call, monkeypatch):
    desk.hold(challenger=2, champion=1)
    entries, store = len(desk.history()), desk.client._get_registry_client().store  # which no test has wrapped

    def intrudes(number: int, name: str) -> None:
        if name == "set_registered_model_alias" and desk.aliases()["champion"] == 2:
            store.set_registered_model_alias(desk.registry.model, "champion", "3")

    on_call(intrudes, False)
    result = desk.promote()
    monkeypatch.undo()
    assert "Version 3 was given the alias 'champion' at the same time as version 2" in reason(result)
    assert len(desk.history()) == entries and desk.aliases()["champion"] == 3


def in_turns(patch: pytest.MonkeyPatch, seed: int, *acts: Callable[[], None]) -> list[BaseException]:
    """What the acts raised: a seeded order says whose next call of the registry is made."""
    order, turn, alive = Random(seed), Condition(), {}
    errors: list[BaseException] = []
    current: list[int] = []

    def next_one() -> None:
        waiting = [number for number, running in alive.items() if running]
        current[:] = [order.choice(waiting)] if waiting else []
        turn.notify_all()

    def wrapped(name: str):
        real = getattr(MlflowClient, name)

        def call(self: MlflowClient, *args: object, **kwargs: object) -> object:
            with turn:
                turn.wait_for(lambda: current == [mine.number])
                try:
                    return real(self, *args, **kwargs)
                finally:
                    next_one()

        return call

    def play(number: int) -> None:
        mine.number = number
        try:
            acts[number]()
        except OvertakenError as error:
            errors.append(error)
        finally:
            with turn:
                alive[number] = False
                next_one()

    mine = local()
    for name in CALLS:
        patch.setattr(MlflowClient, name, wrapped(name))
    threads = [Thread(target=play, args=(number,)) for number in range(len(acts))]
    alive.update(dict.fromkeys(range(len(acts)), True))
    with turn:
        next_one()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


PROMOTION = """
import sys
from pathlib import Path
from mlops_core.adapters.aliases import give_alias
from mlops_core.adapters.model_registry import ModelRegistry
registry = ModelRegistry("fare_model", "fares", sys.argv[1], sys.argv[1], "", artifacts=Path(sys.argv[3]))
version = registry.get(int(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
give_alias(registry, "champion", version, may_move=lambda: None, from_version=1)
"""


def test_two_processes_that_promote_at_once_end_in_one_champion(tmp_path):
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.register()
    desk.hold(champion=1)
    artifacts = str(desk.registry.artifacts)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTION, desk.registry.tracking_uri, str(version), artifacts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for version in (2, 3)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120)[1] for process in started]
    champion = desk.aliases()["champion"]
    assert champion in (2, 3) and desk.aliases()["previous_champion"] == 1
    assert started[champion - 2].returncode == 0
    loser = 5 - champion
    assert started[loser - 2].returncode != 0
    assert f"Version {champion} became champion while version {loser} was about to follow 1" in told[loser - 2]


def test_with_approval_the_challenger_waits_for_a_name_and_a_reason(desk):
    asking = desk.with_variables(promotion="approval")
    asking.hold(challenger=3, champion=2)
    trained = asking.definitions.resolve_job_def("model_training_job").graph.node_dict
    assert "challenger" in trained and "champion" not in trained
    with pytest.raises(dg.DagsterInvalidConfigError, match="approved_by"):
        asking.promote(version=3)
    stale = asking.promote(version=2, approved_by="Ada", reason="looked at the report")
    assert "Version 2 was approved, but version 3 is the challenger" in reason(stale)
    assert asking.aliases()["champion"] == 2
    assert asking.promote(version=3, approved_by="Ada", reason="looked at the report").success
    assert asking.aliases()["champion"] == 3
    assert (asking.history()[0]["decided_by"], asking.history()[0]["reason"]) == ("Ada", "looked at the report")


@pytest.mark.parametrize("status", ["failed", "dry_run", ""])
def test_a_version_that_did_not_pass_is_refused(desk, status):
    version = desk.register(validation_status=status).version
    desk.hold(challenger=version, champion=1)
    assert f"Version {version} may not be promoted" in reason(desk.promote())
    assert desk.aliases()["champion"] == 1


def test_a_version_whose_run_was_deleted(desk):
    version = desk.register()
    desk.hold(challenger=version.version, champion=1)
    desk.client.delete_run(version.run_id)
    text = reason(desk.promote())
    assert f"mlflow runs restore --run-id {version.run_id}" in text and "no alias was moved" in text
    assert desk.aliases() == {"challenger": version.version, "champion": 1}
    desk.client.restore_run(version.run_id)
    assert desk.promote().success


def test_an_alias_of_a_version_that_was_deleted_is_not_taken_for_no_champion(tmp_path):
    desk = Desk(tmp_path)
    desk.register(), desk.register()
    desk.hold(challenger=2, champion=1)
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:  # other registries leave the alias behind
        database.execute("DELETE FROM model_version_tags WHERE version = 1")
        database.execute("DELETE FROM model_versions WHERE version = 1")
    text = reason(desk.promote())
    assert "The alias 'champion' of fare_model is that of version 1, which was deleted" in text
    assert "no alias was moved" in text
    assert "champion" in desk.aliases() and "previous_champion" not in desk.aliases()


@pytest.mark.parametrize("judged_against", ["1", "none", "staging.fares.fare_model/1"])
def test_a_verdict_against_who_is_no_longer_champion_promotes_nobody(desk, judged_against):
    desk.hold(challenger=3, champion=2)
    desk.registry.tag(desk.registry.get(3), {"validated_against": judged_against})
    told = f"Version 3 was judged against {judged_against}, but 2 is champion: give it the alias candidate and"
    assert told in reason(desk.promote())
    assert desk.aliases() == {"challenger": 3, "champion": 2}


@pytest.mark.parametrize(
    "tags",
    [
        {"validation_status": "skipped", "validated_against": "nobody: run_mode was 'disabled' in the Dagster run r"},
        {"validated_against": "nobody: enable_baseline_comparison was off"},
    ],
)
def test_who_was_compared_with_nobody_here_by_decision_is_promoted(desk, tags):
    version = desk.register(**tags).version
    desk.hold(champion=2)
    desk.registry.tag(desk.registry.get(version), {"shadow_status": "passed against 2"})
    desk.client.set_registered_model_alias(desk.registry.model, "challenger", str(version))
    assert desk.promote().success
    assert desk.aliases()["champion"] == version


def test_an_alias_that_was_removed_is_not_taken_for_no_champion(tmp_path):
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.register()
    desk.hold(challenger=2)
    assert desk.promote().success
    desk.client.delete_model_version(desk.registry.model, "2")  # MLflow takes the alias away with it
    desk.hold(challenger=3)
    told = "Version 3 was judged against none, but 2, the last champion, lost the alias: launch rollback_job"
    assert told in reason(desk.promote())
    assert "champion" not in desk.aliases()
    desk.beside(3, 2)
    assert desk.promote().success


def test_a_blank_is_no_name(desk):
    asking = desk.with_variables(promotion="approval")
    asking.hold(challenger=3, champion=2)
    for blank in ("approved_by", "reason"):
        config = {"version": 3, "approved_by": "Ada", "reason": "better"} | {blank: " "}
        assert blank in reason(asking.promote(**config))
    assert asking.aliases()["champion"] == 2


def test_a_registry_that_fails_when_the_alias_is_about_to_move(desk, monkeypatch):
    """After `champion` has asked for the metrics: the page of the run is asked for by what stores it."""
    desk.hold(challenger=2, champion=1)
    real, made = MlflowClient.get_run, []

    def fails(self: MlflowClient, run_id: str) -> object:
        made.append(run_id)
        if len(made) == 2:
            raise MlflowException("API request failed with error code 503")
        return real(self, run_id)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_run", fails)
        text = reason(desk.promote())
    assert "did not answer as it should, and no alias was moved" in text
    assert desk.aliases()["champion"] == 1


@pytest.mark.parametrize(("call", "consequence"), [("get_run", "no alias was moved"), (CALLS[-1], "completes it")])
def test_a_registry_that_fails_during_a_promotion(desk, monkeypatch, call, consequence):
    desk.hold(challenger=2, champion=1)

    def broken(*_: object, **__: object) -> None:
        raise MlflowException("API request failed with error code 429")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, broken)
        text = reason(desk.promote())
    assert "did not answer as it should" in text and consequence in text
    assert desk.aliases()["champion"] == 1
    assert desk.promote().success


def test_a_version_follows_nobody_whom_it_was_not_judged_against(desk, on_call, monkeypatch):
    """Another run makes version 3 champion before any call of the promotion of version 2, judged against 1."""
    store = desk.client._get_registry_client().store  # which no test has wrapped
    for position in range(1, 40):
        desk.hold(challenger=2, champion=1)
        entries, made = len(desk.history()), []

        def intrudes(number: int, name: str, at: int = position, made: list[int] = made) -> None:
            if number == at and not made:
                made.append(desk.aliases()["champion"])
                store.set_registered_model_alias(desk.registry.model, "champion", "3")

        on_call(intrudes, True)
        result = desk.promote()
        monkeypatch.undo()
        if made != [1]:  # version 2 is champion already, or nothing was left to intrude on
            break
        if result.success:
            assert desk.history()[0]["from_version"] == 1
        else:
            assert desk.aliases()["champion"] == 3 and len(desk.history()) == entries
    assert position > 5
