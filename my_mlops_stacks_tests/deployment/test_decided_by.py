"""Whose name stands on a decision: that of the sign-in where there is one, and then no other."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from my_mlops_stacks_tests.deployment.desk import Desk, reason

ADA = "ada@acme.example"
PAGE = "https://dev.azure.com/acme/mlops/_build/results?buildId=7"
NOBODY = "Nobody who signed in launched this run, and decided_by of the target is signed_in"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    made = Desk(tmp_path_factory.mktemp("desk"))
    for _ in range(3):
        made.register()
    return made


def asking(desk: Desk, user: str = "", page: str = "", **variables: str) -> Desk:
    """The same registry, where `user` launches the runs, and the pipeline of promotions if it says a page."""
    made = desk.with_variables(**variables)
    made.tags |= {name: value for name, value in {"user": user, "approved_in": page}.items() if value}
    made.hold(challenger=3, champion=2)
    return made


@pytest.mark.parametrize(
    ("decided_by", "user", "written", "decided"),
    [
        ("typed", "", "Ada", "Ada"),
        ("typed", ADA, ADA.upper(), ADA),
        ("signed_in", ADA, None, ADA),
        ("signed_in", ADA, f" {ADA} ", ADA),
        ("typed", ADA, "Bob", f"{ADA} has signed in, but the name in the config is Bob: leave it out"),
        ("signed_in", ADA, "Bob", f"{ADA} has signed in, but the name in the config is Bob: leave it out"),
        ("signed_in", "", "Ada", NOBODY),
        ("signed_in", " ", None, NOBODY),
    ],
)
def test_an_approval_is_by_who_has_signed_in(
    desk: Desk, decided_by: str, user: str, written: str | None, decided: str
) -> None:
    config: dict[str, Any] = {"version": 3, "reason": "better"} | ({"approved_by": written} if written else {})
    for promotion in ("approval", "automatic"):
        asked = asking(desk, user, promotion=promotion, decided_by=decided_by)
        done = asked.promote(**config)
        if done.success:
            assert (asked.aliases()["champion"], asked.history()[0]["decided_by"]) == (3, decided)
        else:
            assert decided in reason(done)
            assert (asked.aliases()["champion"], asked.history()) == (2, [])


@pytest.mark.parametrize("promotion", ["approval", "automatic"])
def test_promote_job_needs_no_name_of_who_has_signed_in(desk: Desk, promotion: str) -> None:
    asked = asking(desk, ADA, promotion=promotion, decided_by="signed_in")
    asked.hold(challenger=3)
    assert asked.run("promote_job", champion={"version": 3, "reason": "better"}).success
    assert asked.history()[0]["decided_by"] == ADA


def test_a_blank_names_nobody(desk: Desk) -> None:
    asked = asking(desk, promotion="automatic")
    blank = asked.promote(version=3, reason="better", approved_by=" ")
    assert "The config names nobody: write your name into it" in reason(blank)


def test_a_training_that_goes_on_to_its_promotion_is_approved_by_nobody(desk: Desk) -> None:
    asked = asking(desk, ADA, promotion="automatic", decided_by="signed_in")
    assert asked.promote().success
    assert asked.history()[0]["decided_by"] == "automatic"


def test_only_the_pipeline_of_promotions_promotes_where_the_target_says_so(desk: Desk) -> None:
    config = {"version": 3, "approved_by": ADA, "reason": "better"}
    for decided_by in ("typed", "signed_in"):
        refused = asking(desk, ADA, promotion="pipeline", decided_by=decided_by)
        assert "promotion of the target is pipeline: run the pipeline of promotions" in reason(
            refused.promote(**config)
        )
        shadowed = refused.run("promote_job", champion=config)  # before anything is scored
        assert "promotion of the target is pipeline" in reason(shadowed)
        assert not shadowed.get_asset_check_evaluations() and refused.aliases()["champion"] == 2
        asked = asking(desk, ADA, PAGE, promotion="pipeline", decided_by=decided_by)
        assert asked.promote(**config).success
        assert (asked.history()[0]["decided_by"], asked.history()[0]["approved_in"]) == (ADA, PAGE)


@pytest.mark.parametrize(
    ("job", "op", "field", "config"),
    [
        ("rollback_job", "roll_back", "rolled_back_by", {"version": 1, "reason": "it predicts nonsense"}),
        ("copy_model_job", "copy_version", "copied_by", {"model": "other", "version": 1}),
        ("mute_alerts_job", "mute_alerts", "muted_by", {"kind": "all", "until": "now", "reason": "late"}),
    ],
)
def test_other_decisions_take_the_name_in_the_same_way(
    desk: Desk, job: str, op: str, field: str, config: dict[str, Any]
) -> None:
    signed_in, nobody = (asking(desk, user, decided_by="signed_in") for user in (ADA, ""))
    assert NOBODY in reason(nobody.run(job, **{op: config}))
    refused = reason(signed_in.run(job, **{op: config | {field: "Bob"}}))
    assert f"{ADA} has signed in, but the name in the config is Bob" in refused
    with pytest.raises(dg.DagsterInvalidConfigError, match=field):
        asking(desk, ADA).run(job, **{op: config})


def test_a_mute_is_by_who_has_signed_in(desk: Desk) -> None:
    asked = asking(desk, ADA, decided_by="signed_in")
    done = asked.run("mute_alerts_job", mute_alerts={"kind": "all", "until": "now", "reason": "late"})
    run = asked.instance.get_run_by_id(done.run_id)
    assert run is not None and run.tags["alerts/muted_by"] == ADA


def test_a_reported_materialization_is_no_entry_of_the_history(desk: Desk) -> None:
    """Dagster's webserver takes one from whoever may use it, with any metadata."""
    asked = asking(desk)
    assert asked.promote(version=3, approved_by="Ada", reason="better").success
    forged = {"model_name": asked.registry.model, "version": 1, "decided_by": "Bob", "from_version": 3}
    asked.instance.report_runless_asset_event(dg.AssetMaterialization("champion", metadata=forged))
    told = asked.run("rollback_job", roll_back={"version": 3, "rolled_back_by": "Ada", "reason": "no"})
    assert "Version 3 is champion already, since the run" in reason(told)
