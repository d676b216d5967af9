"""What an endpoint serves next, what a look at it finds, and which answers are the same: by hand."""

from __future__ import annotations

import pytest

from mlops_core.deployment.canary import (
    CANARY,
    FINISH,
    SERVE,
    STAY,
    WITHDRAW,
    Canary,
    Plan,
    Recorded,
    WithdrawnError,
    plan,
)
from mlops_core.deployment.endpoint_sample import DifferentAnswersError, Sample
from mlops_core.deployment.endpoint_watch import (
    BY_HAND,
    CANARY_OVER,
    CANARY_TIME,
    CHANGING,
    FINE,
    FOLLOW,
    WITHDRAWN,
    noticed,
)
from mlops_core.deployment.traffic import EndpointState, Traffic

TEN = Canary(10, 60)
HOUR = 3_600.0


def serving(*traffic: int, since: float = 0.0) -> EndpointState:
    return EndpointState(exists=True, served=Traffic(*traffic), is_ready=True, since=since)


@pytest.mark.parametrize(
    ("state", "canary", "recorded", "expected"),
    [
        (EndpointState(), TEN, None, Plan(SERVE, Traffic(2))),
        (serving(2), TEN, None, Plan(SERVE, Traffic(2))),
        (serving(1), TEN, None, Plan(CANARY, Traffic(1, 2, 10))),
        (serving(1), Canary(), None, Plan(SERVE, Traffic(2))),
        (serving(1, 2, 10, since=10.0), TEN, None, Plan(STAY, Traffic(1, 2, 10))),
        (serving(1, 2, 10), TEN, None, Plan(FINISH, Traffic(2))),
        (serving(1, 2, 10), TEN, Recorded(Traffic(1, 2, 10), 60.0), Plan(STAY, Traffic(1, 2, 10))),
        (serving(1, 2, 10), Canary(), None, Plan(SERVE, Traffic(2))),  # rolled back to the canary's own version
        (serving(2, 3, 10), Canary(), None, Plan(SERVE, Traffic(2))),  # rolled back in the midst of a canary
        (serving(1, 3, 10), TEN, None, Plan(CANARY, Traffic(1, 2, 10))),  # promoted in the midst of another's canary
        (serving(1), TEN, Recorded(Traffic(2), 60.0), Plan(SERVE, Traffic(2))),  # moved by hand
        (serving(1), TEN, Recorded(Traffic(2, 3, 10), 60.0), Plan(CANARY, Traffic(1, 2, 10))),
    ],
)
def test_the_next_traffic(state: EndpointState, canary: Canary, recorded: Recorded | None, expected: Plan) -> None:
    assert plan(state, 2, canary, recorded=recorded, now=HOUR) == expected


def test_a_withdrawn_version_gets_no_request() -> None:
    assert plan(serving(1, 2, 10), 2, TEN, withdrawn="why", now=0.0) == Plan(WITHDRAW, Traffic(1))
    with pytest.raises(WithdrawnError, match="Version 2 was withdrawn from the endpoint, which serves version 1: why"):
        plan(serving(1), 2, TEN, withdrawn="why", now=0.0)


@pytest.mark.parametrize(
    ("state", "recorded", "withdrawn", "what"),
    [
        (EndpointState(), None, None, FOLLOW),
        (serving(2), None, None, FOLLOW),  # a host was killed before it recorded what it had done
        (serving(2), Traffic(2), None, FINE),
        (serving(1), Traffic(1), None, FOLLOW),
        (serving(1), Traffic(2), None, BY_HAND),
        (EndpointState(), Traffic(2), None, BY_HAND),
        (serving(2, 3, 10), Traffic(2), None, BY_HAND),
        (serving(2, 3, 10), Traffic(2, 3, 10), None, FOLLOW),  # rolled back in the midst of a canary
        (serving(1, 2, 10), Traffic(1, 2, 10), None, CANARY_OVER),
        (serving(1, 2, 10, since=10.0), Traffic(1, 2, 10), None, CANARY_TIME),
        (serving(1, 2, 10), Traffic(1, 2, 10), "why", FOLLOW),
        (serving(1), Traffic(1), "why", WITHDRAWN),
        (EndpointState(exists=True, served=Traffic(1), is_updating=True), Traffic(2), None, CHANGING),
    ],
)
def test_what_a_look_finds(state: EndpointState, recorded: Traffic | None, withdrawn: str | None, what: str) -> None:
    left = Recorded(recorded, 0.0) if recorded else None
    assert noticed(state, 2, TEN, left, withdrawn=withdrawn, now=HOUR).what == what


@pytest.mark.parametrize(
    ("batch", "served", "same"),
    [
        (1.0, 1.0000009, True),
        (1.0, 1.000002, False),
        (0.0, 0.0, True),
        (3, 3.0, True),
        ([0.25, 0.75], [0.25, 0.75 + 1e-9], True),
        ([0.25, 0.75], [0.25], False),
        ([0.25], 0.25, True),
        ([0.25], [0.25], True),
        ([0.25], 0.75, False),
        ([0.25, 0.75], 0.25, False),
        (0.25, [0.25], False),
        (["cash"], "cash", True),
        ([], 0.25, False),
        ("cash", "cash", True),
        ("cash", "card", False),
        (1, True, False),
        (None, None, True),
        (None, 0.0, False),
        (1.0, None, False),
        (1.0, "1.0", False),
    ],
)
def test_answers_are_the_same_but_for_the_last_digits(batch: object, served: object, same: bool) -> None:
    sample = Sample.from_json(Sample([{"zip": 10_001}, {"zip": None}], [batch, 7.0]).to_json())
    if same:
        sample.require_same([served, 7.0])
        return
    with pytest.raises(DifferentAnswersError, match="1 of 2 recorded events are answered otherwise"):
        sample.require_same([served, 7.0])


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ((1, 2, 101), "can't have 101 %"),
        ((1, None, 10), "all requests go to the champion"),
        ((1, 1), "can't be champion and"),
    ],
)
def test_impossible_traffic_is_refused(stated: tuple[int, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Traffic(*stated)
