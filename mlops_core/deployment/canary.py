"""What an endpoint is to serve next, from what it serves, who is champion, and how a canary stands."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_core.deployment.traffic import EndpointState, Traffic

SERVE, CANARY, STAY, FINISH, WITHDRAW = "serve", "canary", "stay", "finish", "withdraw"


class WithdrawnError(RuntimeError):
    """The champion was withdrawn from the endpoint, which serves another version."""


@dataclass(frozen=True)
class Canary:
    """`percent` of the requests for `minutes`, before a promoted version gets all of them; 0 percent is no canary."""

    percent: int = 0
    minutes: int = 0


@dataclass(frozen=True)
class Recorded:
    """The traffic that an endpoint was last left with by a run, and when, in epoch seconds."""

    traffic: Traffic
    at: float


@dataclass(frozen=True)
class Plan:
    """The traffic to serve, and what it means: the whole way at once, a canary's begin, middle or end, or the way
    back."""

    step: str
    traffic: Traffic


def plan(
    state: EndpointState,
    champion: int,
    canary: Canary,
    *,
    recorded: Recorded | None = None,
    withdrawn: str | None = None,
    now: float,
) -> Plan:
    """What to serve, so that the endpoint follows the version `champion`.

    Args:
        canary: that of a promotion. Rollbacks, and aliases that were moved by hand, have none: whoever moves an alias
            in an emergency wants it to count.
        recorded: what the endpoint was left with.
        withdrawn: why the version was withdrawn from this endpoint, if it was.
        now: in epoch seconds.

    Raises:
        WithdrawnError: the champion was withdrawn, and gets no request.
    """
    served = state.served
    if withdrawn is not None:
        return _withdrawn(served, champion, withdrawn)
    at_once = Plan(SERVE, Traffic(champion))
    if served is None or served.champion == champion or not canary.percent:
        return at_once
    if served.challenger == champion:
        return Plan(FINISH, Traffic(champion)) if now >= ends_at(state, canary, recorded) else Plan(STAY, served)
    if recorded is not None and recorded.traffic.leads_to(champion):  # it had passed: somebody has moved the endpoint
        return Plan(SERVE, recorded.traffic)
    return Plan(CANARY, Traffic(served.champion, champion, canary.percent))


def ends_at(state: EndpointState, canary: Canary, recorded: Recorded | None) -> float:
    """When a canary is over, in epoch seconds: its time counts from when it was ready and had passed the sample."""
    passed = recorded.at if recorded is not None and recorded.traffic == state.served else 0.0
    return max(state.since, passed) + canary.minutes * 60


def _withdrawn(served: Traffic | None, champion: int, why: str) -> Plan:
    others = [version for version in served.versions if version != champion] if served else []
    if served is not None and champion in served.versions and others:
        return Plan(WITHDRAW, Traffic(others[0]))
    raise WithdrawnError(
        f"Version {champion} was withdrawn from the endpoint, which serves {served or 'nothing'}: {why}"
    )
