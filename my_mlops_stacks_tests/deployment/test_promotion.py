"""At no moment of a promotion is there no champion, and it can be done again."""

from __future__ import annotations

import pytest

from mlops_core.deployment.promotion import (
    Holder,
    NotShadowedError,
    alias_moves,
    require_shadowed,
    shadow_status,
)
from mlops_core.version_record import VersionRecord


def test_the_first_champion_has_no_predecessor():
    assert alias_moves("champion", None, 1) == [("champion", 1)]


def test_the_old_champion_is_kept_before_the_new_one_takes_over():
    assert alias_moves("champion", Holder(1), 2) == [("previous_champion", 1), ("champion", 2)]


def test_a_crash_between_the_moves_is_completed_by_doing_it_again():
    aliases = {"champion": 1}
    first, _ = alias_moves("champion", Holder(aliases["champion"]), 2)
    aliases |= [first]  # and the process dies
    assert aliases["champion"] == 1
    aliases |= alias_moves("champion", Holder(aliases["champion"]), 2)
    assert aliases == {"champion": 2, "previous_champion": 1}


def test_a_version_that_holds_its_alias_moves_nothing():
    assert alias_moves("champion", Holder(2), 2) == []
    assert alias_moves("candidate", Holder(1), 2) == [("candidate", 2)]


def test_a_champion_that_was_deleted_becomes_nothing():
    assert alias_moves("champion", Holder(1, deleted=True), 2) == [("champion", 2)]


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({}, "its shadow_status is 'missing'; launch promote_job"),
        ({"shadow_status": "failed against 2"}, "it has no prediction for some events that 2 predicted"),
        ({"shadow_status": "passed against 1"}, "its shadow_status is 'passed against 1'; launch promote_job"),
    ],
)
def test_who_was_not_seen_beside_the_champion_does_not_follow_it(tags, told):
    with pytest.raises(NotShadowedError, match=f"Version 3 may not follow champion 2: {told}"):
        require_shadowed(VersionRecord.from_tags(tags), 3, 2)


def test_who_was_seen_beside_the_champion_or_follows_nobody_may_serve():
    require_shadowed(VersionRecord(shadow_status=shadow_status(True, 2)), 3, 2)
    require_shadowed(VersionRecord(), 3, None)
    require_shadowed(VersionRecord(), 3, 3)
