"""Only a version that passed may be promoted."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from mlops_core.validation.verdict import (
    NotValidatedError,
    Verdict,
    against,
    as_copied,
    refusal,
    require_judged_against,
    require_promotable,
    status,
)
from mlops_core.version_record import VersionRecord

record = VersionRecord.from_tags


def verdict(passed: bool) -> Verdict:
    return Verdict("a_rule", passed, 1.0, 2.0, "1 of 2")


def test_a_dry_run_never_says_passed():
    assert status([verdict(True)], "enabled") == "passed"
    assert status([verdict(True), verdict(False)], "enabled") == "failed"
    assert status([verdict(True)], "dry_run") == status([verdict(False)], "dry_run") == "dry_run"


@pytest.mark.parametrize("tags", [{}, *({"validation_status": s} for s in ("failed", "dry_run", "judging"))])
def test_a_version_without_a_passing_verdict_is_refused(tags):
    with pytest.raises(NotValidatedError, match="Version 7 may not be promoted: (its validation_status|it was never)"):
        require_promotable(record(tags | {"leak_check": "passed"}), 7)


def test_what_a_verdict_says_about_the_champion():
    assert against(7, True, 8) == "7" and against(None, True, 8) == "none"
    assert against(8, True, 8) == "nobody: it was the champion itself"
    assert against(None, False, 8) == "nobody: enable_baseline_comparison was off"


@pytest.mark.parametrize("found", ["1", "none", None])
def test_a_verdict_against_another_champion_is_stale(found):
    tags = {"validation_status": "passed"} | ({"validated_against": found} if found else {})
    told = f"Version 3 was judged against {found or 'nobody'}, but 2 is champion: "
    with pytest.raises(NotValidatedError, match=f"{told}give it the alias candidate and launch judge_job"):
        require_judged_against(record(tags), 3, 2)
    with pytest.raises(NotValidatedError, match=f"{told}re-execute the run r7 from the step candidate_validation on"):
        require_judged_against(record(tags | {"dagster_run_id": "r7"}), 3, 2)


@pytest.mark.parametrize(("leak_check", "is_promotable"), [("passed", True), ("failed", False), ("unchecked", False)])
def test_a_version_whose_features_may_know_the_future_is_not_promoted(leak_check, is_promotable):
    tags = {"validation_status": "passed", "leak_check": leak_check}
    with nullcontext() if is_promotable else pytest.raises(NotValidatedError, match=f"leak_check is '{leak_check}'"):
        require_promotable(record(tags), 3)


def test_a_version_that_nobody_looked_at_for_a_leak_is_not_promoted_unless_it_has_been_champion():
    tags = {"validation_status": "passed"}
    with pytest.raises(
        NotValidatedError, match="its leak_check is missing; give it the alias candidate, run the model's check"
    ):
        require_promotable(record(tags), 3)
    require_promotable(record(tags), 3, was_champion=True)
    with pytest.raises(NotValidatedError, match="its leak_check is 'failed'"):
        require_promotable(record(tags | {"leak_check": "failed"}), 3, was_champion=True)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"validation_status": "failed", "failed_rules": "a_rule: 3 of 2"}, "did not pass validation (a_rule: 3 of 2)"),
        ({"validation_status": "dry_run", "failed_rules": "none"}, "was judged in a dry run, which promotes nothing;"),
        ({"validation_status": "passed", "dry_run_in_dagster_run": "r7"}, "was judged in a dry run"),
        ({"validation_status": "passed", "dry_run_in_dagster_run": "r6"}, None),
        ({"validation_status": "judging"}, None),
    ],
)
def test_what_validation_refuses_is_told_with_its_rules(tags, said):
    found = refusal(record(tags | {"leak_check": "passed"}), 3, "r7")
    assert (found is None) if said is None else ("Version 3 " in found and said in found)


def test_a_version_with_a_leak_is_no_ordinary_refusal():
    assert refusal(record({"validation_status": "failed", "leak_check": "failed"}), 3, "r7") is None


@pytest.mark.parametrize(
    ("tags", "champion"),
    [
        ({"validation_status": "passed", "validated_against": "2"}, 2),
        ({"validation_status": "passed", "validated_against": "1"}, 3),  # it is champion already
        ({"validation_status": "passed", "validated_against": "none"}, None),
        ({"validation_status": "skipped", "validated_against": "nobody: run_mode was 'disabled'"}, 2),
        ({"validation_status": "passed", "validated_against": "nobody: enable_baseline_comparison was off"}, 2),
    ],
)
def test_a_verdict_that_holds(tags, champion):
    require_judged_against(record(tags), 3, champion)


def test_a_copy_says_what_it_is_and_keeps_its_verdict_as_a_note():
    judged = {"validated_against": "1", "validation_run_id": "r", "shadow_status": "passed against 1"}
    made = {"git_commit": "c", "held_out_from": "2016-02-28", "search_run_id": "s", "dagster_run_id": "d"}
    aliases = {"champion_in_dagster_run": "d", "trips_version": "7", "leak_check": "passed"}
    once = as_copied(record({**judged, **made, **aliases, "validation_status": "passed"}), "staging.fare_model", "Ada")
    noted = {"leak_check": "unchecked", "search_run_id": "staging.fare_model/s", "judged_there": "passed against 1"}
    assert once.to_tags() == made | noted | {"copied_by": "Ada"}
    assert as_copied(once, "test.fare_model", "Bob").search_run_id == "staging.fare_model/s"
