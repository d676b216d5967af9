"""At no moment of a promotion is there no champion, and it can be done again."""

from __future__ import annotations

from my_mlops_stacks.deployment.model_deployment.promotion import alias_moves


def test_the_first_champion_has_no_predecessor():
    assert alias_moves("champion", None, 1) == [("champion", 1)]


def test_the_old_champion_is_kept_before_the_new_one_takes_over():
    assert alias_moves("champion", 1, 2) == [("previous_champion", 1), ("champion", 2)]


def test_a_crash_between_the_moves_is_completed_by_doing_it_again():
    aliases = {"champion": 1}
    first, _ = alias_moves("champion", aliases["champion"], 2)
    aliases |= [first]  # and the process dies
    assert aliases["champion"] == 1
    aliases |= alias_moves("champion", aliases["champion"], 2)
    assert aliases == {"champion": 2, "previous_champion": 1}


def test_a_version_that_holds_its_alias_moves_nothing():
    assert alias_moves("champion", 2, 2) == []
    assert alias_moves("candidate", 1, 2) == [("candidate", 2)]
