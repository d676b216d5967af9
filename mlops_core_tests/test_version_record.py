"""A version's record is its tags, typed: what is written is read again, and tags of other people stay out of it."""

from __future__ import annotations

from datetime import date

import pytest

from mlops_core.validation.verdict import as_copied
from mlops_core.version_record import VersionRecord, version_tag

TAGS = {
    "flights_version": "4",
    "origin_features_version": "12",
    "champion_in_dagster_run": "r9",
    "leak_check": "passed",
    "dagster_run_id": "r1",
    "git_commit": "abc123",
    "trained_from": "2013-01-28",
    "held_out_from": "2013-02-04",
    "held_out_until": "2013-02-06",
    "training_share": "0.25",
    "answered_classes": '["früh", "on time"]',
    "decision_threshold": "0.08153",
    "search_run_id": "m6",
    "validation_run_id": "m7",
    "validated_against": "3",
    "failed_rules": "none",
    "validation_status": "passed",
    "dry_run_in_dagster_run": "r2",
    "shadow_status": "passed against 3",
    "tracked_in_run": "m8",
    "copied_by": "Ada",
    "judged_there": "passed against 2",
    "copied_from": "staging.late_model/7",
}


def test_what_is_written_is_read_again():
    record = VersionRecord.from_tags(TAGS)
    assert record.to_tags() == TAGS
    assert VersionRecord.from_tags(record.to_tags()) == record


def test_a_copy_predicts_by_the_threshold_of_its_origin_and_says_where_it_was_searched():
    copied = as_copied(VersionRecord.from_tags(TAGS), "staging.late_model", "Ada")
    assert (copied.decision_threshold, copied.search_run_id) == (0.08153, "staging.late_model/m6")


def test_a_copy_takes_over_what_other_people_wrote():
    assert VersionRecord.others(TAGS | {"team": "red"}) == {"team": "red"}


def test_days_versions_and_runs_are_typed():
    record = VersionRecord.from_tags(TAGS)
    assert record.held_out_from == date(2013, 2, 4)
    assert record.tables == {"flights": 4, "origin_features": 12}
    assert record.training_share == 0.25
    assert record.outputs == {"champion": "r9"}  # a dry run makes no asset
    assert record.answered_classes == ("früh", "on time")
    assert VersionRecord.from_tags({"answered_classes": "[3, 1]"}).answered_classes == (3, 1)
    assert record.decision_threshold == 0.08153
    assert record.dry_run_in_dagster_run == "r2"
    assert version_tag("flights") in TAGS


def test_what_nobody_wrote_is_not_written_either():
    assert VersionRecord.from_tags({}).to_tags() == {}
    assert VersionRecord(leak_check="failed").to_tags() == {"leak_check": "failed"}


def test_the_verdict_is_the_last_that_is_written_of_a_validation():
    judged = VersionRecord(
        validation_status="passed", failed_rules="none", validated_against="3", validation_run_id="m7"
    )
    assert list(judged.to_tags())[-1] == "validation_status"


@pytest.mark.parametrize("tags", [{"team": "red"}, {"api_version": "v2"}, {"flights_version": ""}])
def test_tags_of_other_people_are_passed_over(tags):
    assert VersionRecord.from_tags(TAGS | {"flights_version": "4"} | tags).git_commit == "abc123"
    assert VersionRecord.from_tags(tags) == VersionRecord()
